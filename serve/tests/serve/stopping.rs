//! A stop finishes or refuses: what is answered is waited for, what is not is refused in time, idle connections are dropped.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};

use simclr_serve::Stopped;

use crate::client::Client;
use crate::guarding::{certificate, deaf};
use crate::overload::{Gated, gated};
use crate::pictures::png;
use crate::process::{Process, command, start_with};
use crate::world::{World, until};

/// Longer than any test may take: a stop that waits for it fails.
const FOR_EVER: &str = "600000";

fn address(client: &Client) -> SocketAddr {
    client.base.split("://").nth(1).unwrap().parse().unwrap()
}

fn patient(world: &World) -> Command {
    let mut command = command(&world.file("data"));
    command.args(["--header-timeout-ms", FOR_EVER, "--write-timeout-ms", FOR_EVER]).stderr(Stdio::null());
    command
}

fn exits_well(mut process: Process) {
    process.signal("-TERM");
    assert_eq!(process.wait().code(), Some(0));
}

#[test]
fn connections_that_ask_for_nothing_are_not_waited_for() {
    let world = World::new();
    certificate(&world);
    for tls in [false, true] {
        let mut command = patient(&world);
        command.args(["--drain-deadline-ms", FOR_EVER]);
        if tls {
            command.arg("--tls-certificate").arg(world.file("certificate.pem"));
            command.arg("--tls-key").arg(world.file("key.pem"));
        }
        let process = start_with(&mut command);
        let silent = TcpStream::connect(address(&process.client)).unwrap();
        let mut half = TcpStream::connect(address(&process.client)).unwrap();
        half.write_all(b"GET /health/live HTTP/1.1\r\nhost:").unwrap();
        let mut used = TcpStream::connect(address(&process.client)).unwrap();
        if !tls {
            // Kept alive after its answer; the other two were accepted before it.
            used.write_all(b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
            used.read_exact(&mut [0; 15]).unwrap();
        }
        exits_well(process);
        drop((silent, half, used));
    }
}

#[test]
fn a_client_that_does_not_read_costs_a_stop_its_deadline_and_no_more() {
    let world = World::new();
    let process = start_with(patient(&world).args(["--drain-deadline-ms", "300"]));
    let deaf = deaf(address(&process.client));
    exits_well(process);
    drop(deaf);
}

#[test]
fn what_is_not_answered_in_time_is_refused() {
    let world = World::new();
    let Gated { mut server, runs, go } = gated(&world, |raw| raw.drain_deadline_ms = Some(2000));
    let client = server.client.clone();
    std::thread::scope(|scope| {
        let in_flight = scope.spawn(|| client.post("/v1/embed", "", &png(1)));
        runs.recv().unwrap();
        let stopping = scope.spawn(|| server.stop());
        let refused = in_flight.join().unwrap();
        assert_eq!(refused.refused(503), "stopping");
        assert_eq!(refused.header("retry-after"), "1");
        go.send(()).unwrap();
        assert_eq!(stopping.join().unwrap(), Stopped::Drained);
    });
}

#[test]
fn a_grace_lets_whoever_asks_see_that_it_stops() {
    let world = World::new();
    let mut server = world.server(|raw| raw.drain_grace_ms = Some(600_000));
    let running = server.running.take().unwrap();
    let stopping = server.runtime.spawn(running.stop());
    until("it is no longer ready", || {
        // Each on a connection of its own, as a prober's.
        Client::new(&server.client.base).get("/health/ready").status == 503
    });
    server.client.post("/v1/embed", "", &png(1)).ok();
    assert!(!stopping.is_finished());
    stopping.abort();
}
