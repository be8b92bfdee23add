//! Evaluations that do not run to their end at once: killed, cancelled, stopped with the server; and gone on with.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::{at_work, dataset, follow, report, server, start, status};
use crate::world::{World, make_artefact, until};

/// Pairs enough to be met in the middle, by two models and two baselines.
fn long(world: &World) -> (PathBuf, Vec<String>, Value) {
    let (root, models) = (world.file("sets"), world.file("models"));
    dataset(&root, "shots", 250);
    make_artefact(&models.join("other"), "other", 8);
    let body = json!({ "encoders": ["tiny", "other", "pixels"], "datasets": ["folder:shots"] });
    (root, vec!["--models-dir".to_owned(), models.display().to_string()], body)
}

#[test]
fn killed_in_the_middle_it_goes_on_and_says_the_same() {
    let world = World::new();
    let (root, more, body) = long(&world);
    let more: Vec<&str> = more.iter().map(String::as_str).collect();
    let data = world.file("data");
    let mut process = server(&data, &root, &more);
    let id = start(&process, &body);
    let is_second = |(_, kind, data): &(u64, String, Value)| kind == "began" && data["encoder"] == "other";
    let seen = process.client.events(&format!("/v1/evaluations/{id}/events"), 0, is_second);
    process.signal("-KILL");
    process.wait();
    until("no process evaluates for a server that is gone", || at_work(&data) == 0);

    let process = server(&data, &root, &more);
    let rest = follow(&process, &id, seen.last().unwrap().0);
    assert!(rest.iter().all(|(event, ..)| *event > seen.last().unwrap().0));
    let told: Vec<&str> = rest.iter().filter_map(|(_, _, data)| data["status"].as_str()).collect();
    assert_eq!([told[0], told[1], told[told.len() - 1]], ["interrupted", "running", "finished"], "{told:?}");
    let plan = rest.iter().find(|(_, kind, _)| kind == "plan").unwrap();
    assert_eq!(plan.2["pairs"][0]["status"], "finished", "what was finished is not done again");
    assert!(!rest.iter().any(|(_, kind, data)| kind == "began" && data["encoder"] == "tiny"));

    let unhurt = server(&world.file("other-data"), &root, &more);
    let twin = start(&unhurt, &body);
    follow(&unhurt, &twin, 0);
    assert_eq!(report(&process, &id, "json"), report(&unhurt, &twin, "json"));
}

#[test]
fn cancelled_it_ends_at_once_and_resumed_it_goes_on() {
    let world = World::new();
    let (root, more, body) = long(&world);
    let mut more: Vec<&str> = more.iter().map(String::as_str).collect();
    more.extend(["--evaluations-waiting-max", "1"]);
    let data = world.file("data");
    let process = server(&data, &root, &more);
    let post =
        |id: &str, what: &str| process.client.post_json(&format!("/v1/evaluations/{id}/{what}"), &json!({}));
    let id = start(&process, &body);
    until("it runs", || status(&process, &id) == "running");
    // One runs, one waits, and there is room for no other.
    let second = start(&process, &json!({ "encoders": ["pixels"], "datasets": ["folder:shots"] }));
    let third = process.client.post_json("/v1/evaluations", &body);
    assert_eq!((third.refused(429).as_str(), third.header("retry-after")), ("evaluations_full", "30"));
    assert_eq!(status(&process, &second), "queued");
    assert_eq!(post(&second, "cancel").ok()["status"], "cancelled");
    assert_eq!(post(&second, "cancel").refused(409), "evaluation_not_now");

    process.client.events(&format!("/v1/evaluations/{id}/events"), 0, |(_, kind, _)| kind == "began");
    assert_eq!(post(&id, "cancel").ok()["status"], "cancelled");
    until("its process ends", || at_work(&data) == 0);
    assert_eq!(status(&process, &id), "cancelled");
    assert_eq!(post(&id, "resume").ok()["status"], "queued");
    assert_eq!(follow(&process, &id, 0).last().unwrap().2["status"], "finished");
    assert_eq!(post(&id, "resume").refused(409), "evaluation_not_now");
    let list = process.client.get("/v1/evaluations").ok();
    let ids: Vec<&str> =
        list["evaluations"].as_array().unwrap().iter().map(|e| e["id"].as_str().unwrap()).collect();
    assert_eq!(ids, [&second, &id], "newest first");
}

#[test]
fn a_stop_in_order_ends_streams_and_interrupts() {
    let world = World::new();
    let (root, more, body) = long(&world);
    let more: Vec<&str> = more.iter().map(String::as_str).collect();
    let data = world.file("data");
    let mut process = server(&data, &root, &more);
    let id = start(&process, &body);
    let client = process.client.clone();
    let path = format!("/v1/evaluations/{id}/events");
    let stopped = std::thread::scope(|scope| {
        let watching = scope.spawn(|| client.events(&path, 0, |_| false));
        until("it runs", || status(&process, &id) == "running");
        process.signal("-TERM");
        let code = process.wait().code();
        watching.join().unwrap();
        code
    });
    assert_eq!((stopped, at_work(&data)), (Some(0), 0));
    let kept = std::fs::read_to_string(data.join("evaluations").join(&id).join("evaluation.json")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&kept).unwrap()["record"]["status"], "interrupted");
    let process = server(&data, &root, &more);
    process.client.delete(&format!("/v1/evaluations/{id}"));
    assert_eq!(process.client.get(&path).refused(404), "evaluation_not_found");
    until("its process ends", || at_work(&data) == 0);
}
