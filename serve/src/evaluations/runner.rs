//! The thread that has evaluations done: takes the next, starts its process, listens until it ends.

use std::io::{BufRead, BufReader, Read};
use std::process::{ChildStdout, Command, ExitStatus, Stdio};

use super::cache;
use super::order::Told;
use super::pair::PairStatus;
use super::request::Status;
use super::state::Shared;

/// Letters of the process's last words that are shown where it told no reason.
const LAST_WORDS: usize = 500;

/// Until the server stops.
pub(super) fn run(shared: &Shared) {
    tidy(shared);
    while let Some(id) = next(shared) {
        match begin(shared, &id) {
            Ok(Some((out, words))) => {
                listen(shared, &id, out);
                end(shared, &id, &words.join().unwrap_or_default());
                tidy(shared);
            }
            Ok(None) => {}
            Err(error) => {
                let problem = format!("its process did not start: {error}");
                shared.enter(&mut shared.lock(), &id, Status::Failed, Some(problem));
            }
        }
    }
}

/// Keeps the cache within its limit while no process uses it.
fn tidy(shared: &Shared) {
    match cache::keep_within(&shared.cache(), shared.cache_bytes_max) {
        Ok(0) => {}
        Ok(bytes) => {
            tracing::info!(bytes, "the evaluations' cache was over its limit; the oldest of it is gone");
        }
        Err(error) => tracing::warn!(%error, "the evaluations' cache was not kept within its limit"),
    }
}

/// Waits for one; none when the server stops.
fn next(shared: &Shared) -> Option<String> {
    let mut inner = shared.lock();
    loop {
        if inner.is_stopping {
            return None;
        }
        if let Some(id) = inner.waiting.pop_front() {
            return Some(id);
        }
        inner = shared.wake.wait(inner).unwrap_or_else(std::sync::PoisonError::into_inner);
    }
}

/// What the process says on stderr, to its end.
type Words = std::thread::JoinHandle<String>;

/// Starts the process, unless somebody cancelled between the queue and here.
fn begin(shared: &Shared, id: &str) -> std::io::Result<Option<(ChildStdout, Words)>> {
    let mut inner = shared.lock();
    let is_open = |status: Status| !status.has_ended();
    if inner.is_stopping || !inner.all.get(id).is_some_and(|kept| is_open(kept.record.status)) {
        return Ok(None);
    }
    let program = shared.program.as_ref().ok_or_else(|| std::io::Error::other("no program is known"))?;
    let mut command = Command::new(program);
    command.arg("evaluate").arg("--nice").arg(shared.nice.to_string()).arg(shared.order_file(id));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // Ctrl-C on the server's terminal is for the server, which then ends the process itself.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut child = command.spawn()?;
    let missing = || std::io::Error::other("no pipe");
    let out = child.stdout.take().ok_or_else(missing)?;
    let mut err = child.stderr.take().ok_or_else(missing)?;
    let words = std::thread::Builder::new().name("evaluation-words".to_owned()).spawn(move || {
        let mut words = Vec::new();
        // What cannot be read is not told.
        let _ = err.read_to_end(&mut words);
        String::from_utf8_lossy(&words).into_owned()
    })?;
    (inner.busy, inner.child) = (Some(id.to_owned()), Some(child));
    shared.enter(&mut inner, id, Status::Running, None);
    tracing::info!(id, "an evaluation begins");
    Ok(Some((out, words)))
}

fn listen(shared: &Shared, id: &str, out: ChildStdout) {
    for line in BufReader::new(out).lines().map_while(Result::ok) {
        match serde_json::from_str::<Told>(&line) {
            Ok(told) => shared.take(id, told),
            Err(_) => tracing::warn!(id, line, "an evaluation's process said something else"),
        }
    }
}

/// Waits for the process, whose pipe is closed, and writes down how it ended.
fn end(shared: &Shared, id: &str, words: &str) {
    let child = shared.lock().child.take();
    // Without the lock: a process may close its pipe and take its time.
    let death = child.and_then(|mut child| death(&child.wait(), words));
    let mut inner = shared.lock();
    inner.busy = None;
    shared.wake.notify_all();
    // Whoever cancelled it has said so already.
    let record = inner.all.get(id).map(|kept| kept.record.clone());
    let Some(record) = record.filter(|record| record.status == Status::Running) else { return };
    let failed = record.pairs.iter().filter(|pair| pair.status == PairStatus::Failed).count();
    let (status, problem) = if inner.is_stopping {
        (Status::Interrupted, None)
    } else if let Some(problem) = record.problem.or(death) {
        (Status::Failed, Some(problem))
    } else if failed > 0 {
        let of = record.pairs.len();
        (Status::Failed, Some(format!("{failed} of {of} could not be evaluated; each says why")))
    } else {
        (Status::Finished, None)
    };
    tracing::info!(id, ?status, problem, "an evaluation ends");
    shared.enter(&mut inner, id, status, problem);
}

/// Why a process ended that did not say it itself.
fn death(status: &std::io::Result<ExitStatus>, words: &str) -> Option<String> {
    let how = match status {
        Ok(status) if status.success() => return None,
        Ok(status) => status.to_string(),
        Err(error) => error.to_string(),
    };
    let last = words.trim().chars().rev().take(LAST_WORDS).collect::<Vec<_>>();
    let last: String = last.into_iter().rev().collect();
    Some(format!("its process ended with {how}: {last}"))
}
