//! What is known of an evaluation: what was asked for, how far it is, what happened to it. Kept as one JSON file.
//!
//! Refuses to know who runs it.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::order::Told;
use super::pair::{Pair, PairStatus, Step};
use super::request::{Request, Status};

/// Events kept of one evaluation; older ones give way.
const EVENTS_MAX: usize = 2000;

/// Something that happened; ids rise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Event {
    pub(crate) id: u64,
    pub(crate) kind: String,
    pub(crate) data: Value,
}

/// An evaluation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = Evaluation)]
pub(crate) struct Record {
    pub(crate) id: String,
    pub(crate) status: Status,
    pub(crate) request: Request,
    /// Seconds since 1970
    pub(crate) created: u64,
    pub(crate) started: Option<u64>,
    pub(crate) ended: Option<u64>,
    pub(crate) problem: Option<String>,
    /// Encoder by encoder; empty until they were looked at
    pub(crate) pairs: Vec<Pair>,
    /// Seconds that embedding takes on an idle machine, about
    pub(crate) estimate: Option<f64>,
    pub(crate) step: Option<Step>,
}

/// An evaluation with what happened to it, as it lies on disk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) record: Record,
    pub(crate) events: Vec<Event>,
}

impl Kept {
    pub(super) fn new(id: String, request: Request) -> Self {
        let record = Record {
            id,
            status: Status::Queued,
            request,
            created: now().as_secs(),
            started: None,
            ended: None,
            problem: None,
            pairs: Vec::new(),
            estimate: None,
            step: None,
        };
        let mut kept = Self { record, events: Vec::new() };
        kept.enter(Status::Queued, None);
        kept
    }

    /// Changes the status and says so.
    pub(super) fn enter(&mut self, status: Status, problem: Option<String>) {
        let record = &mut self.record;
        record.status = status;
        if status == Status::Running {
            record.started = Some(now().as_secs());
        }
        record.ended = status.has_ended().then(|| now().as_secs());
        record.problem.clone_from(&problem);
        if status != Status::Running {
            record.step = None;
            let running = record.pairs.iter_mut().filter(|pair| pair.status == PairStatus::Running);
            running.for_each(|pair| pair.status = PairStatus::Waiting);
        }
        self.happened("status", json!({ "status": status, "problem": problem }));
    }

    /// Takes in what the process told; whether it is worth a write to disk.
    pub(super) fn take(&mut self, told: Told) -> bool {
        match told {
            Told::Plan { pairs, seconds } => {
                self.happened("plan", json!({ "pairs": pairs, "estimate": seconds }));
                (self.record.pairs, self.record.estimate) = (pairs, seconds);
            }
            Told::Began { encoder, dataset } => {
                if let Some(pair) = self.pair(&encoder, &dataset) {
                    pair.status = PairStatus::Running;
                }
                self.happened("began", json!({ "encoder": encoder, "dataset": dataset }));
                let step = Step { encoder, dataset, step: String::new(), done: 0, of: 0 };
                self.record.step = Some(step);
            }
            Told::Step { step, done, of } => {
                let Some(now) = &mut self.record.step else { return false };
                let is_same = now.step == step;
                (now.step, now.done, now.of) = (step, done, of);
                let data = json!(now);
                match self.events.last_mut().filter(|last| is_same && last.kind == "progress") {
                    // Of a step's tellings only the last is worth keeping.
                    Some(last) => (last.id, last.data) = (next_id(last.id), data),
                    None => self.happened("progress", data),
                }
                return false;
            }
            Told::Ended(ended) => {
                self.happened("ended", json!(ended));
                if let Some(pair) = self.pair(&ended.encoder.clone(), &ended.dataset.clone()) {
                    *pair = ended;
                }
                self.record.step = None;
            }
            Told::Failed { problem } => self.record.problem = Some(problem),
        }
        true
    }

    fn pair(&mut self, encoder: &str, dataset: &str) -> Option<&mut Pair> {
        self.record.pairs.iter_mut().find(|pair| pair.encoder == encoder && pair.dataset == dataset)
    }

    fn happened(&mut self, kind: &str, data: Value) {
        let id = next_id(self.events.last().map_or(0, |event| event.id));
        self.events.push(Event { id, kind: kind.to_owned(), data });
        let excess = self.events.len().saturating_sub(EVENTS_MAX);
        self.events.drain(..excess);
    }
}

/// Ids are times, so that they rise across a restart too, after which the last progress is forgotten.
fn next_id(last: u64) -> u64 {
    u64::try_from(now().as_millis()).unwrap_or(u64::MAX).max(last + 1)
}

pub(super) fn now() -> std::time::Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(encoder: &str) -> Pair {
        let (status, figure) = (PairStatus::Waiting, None);
        Pair {
            encoder: encoder.into(),
            dataset: "d".into(),
            status,
            pictures: 9,
            kept: 0,
            problem: None,
            figure,
        }
    }

    #[test]
    fn tellings_become_events_with_rising_ids_and_progress_gives_way() {
        let body = json!({ "encoders": ["a"], "datasets": ["d"] });
        let mut kept = Kept::new("1".to_owned(), serde_json::from_value(body).unwrap());
        kept.enter(Status::Running, None);
        assert!(kept.take(Told::Plan { pairs: vec![pair("a"), pair("b")], seconds: None }));
        assert!(kept.take(Told::Began { encoder: "a".into(), dataset: "d".into() }));
        for done in 0..50 {
            assert!(!kept.take(Told::Step { step: "s".into(), done, of: 50 }));
        }
        kept.take(Told::Step { step: "t".into(), done: 0, of: 1 });
        assert_eq!(kept.record.pairs[0].status, PairStatus::Running);
        kept.take(Told::Ended(Pair { status: PairStatus::Finished, ..pair("a") }));
        let kinds: Vec<&str> = kept.events.iter().map(|event| event.kind.as_str()).collect();
        assert_eq!(kinds, ["status", "status", "plan", "began", "progress", "progress", "ended"]);
        assert_eq!(kept.events[4].data["done"], 49);
        assert!(kept.events.windows(2).all(|pair| pair[0].id < pair[1].id));
        assert_eq!(kept.record.pairs[0].status, PairStatus::Finished);
        kept.take(Told::Began { encoder: "b".into(), dataset: "d".into() });
        kept.enter(Status::Interrupted, None);
        assert_eq!((kept.record.pairs[1].status, kept.record.step.clone()), (PairStatus::Waiting, None));
        let again: Kept = serde_json::from_str(&serde_json::to_string(&kept).unwrap()).unwrap();
        assert_eq!(again, kept);
    }
}
