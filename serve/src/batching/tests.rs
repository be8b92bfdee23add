//! The batcher against encoders that wait for a word, fail, panic or overflow.

use std::sync::mpsc;

use simclr_models::{EncodeError, ImageBatch};

use super::*;

/// Gives each picture's first number as its embedding; tells of each run and waits for a word before it goes on.
struct Scripted {
    runs: mpsc::Sender<Vec<f32>>,
    go: mpsc::Receiver<Act>,
}

enum Act {
    Embed,
    Fail,
    Panic,
    Short,
    Overflow(usize),
}

impl Encoder for Scripted {
    fn embedding_len(&self) -> usize {
        1
    }

    fn embed(&mut self, images: &ImageBatch) -> Result<Vec<Embedding>, EncodeError> {
        let firsts: Vec<f32> = images.as_slice().chunks_exact(3).map(|pixels| pixels[0]).collect();
        self.runs.send(firsts.clone()).unwrap();
        let embed = |x: &f32| Embedding::new(vec![*x]).unwrap();
        match self.go.recv().unwrap() {
            Act::Embed => Ok(firsts.iter().map(embed).collect()),
            Act::Fail => Err(EncodeError::Runtime("no".to_owned())),
            Act::Panic => panic!("on purpose"),
            Act::Short => Ok(firsts.iter().skip(1).map(embed).collect()),
            Act::Overflow(index) => Err(EncodeError::NotFinite(index)),
        }
    }
}

struct Rig {
    batcher: Batcher,
    runs: mpsc::Receiver<Vec<f32>>,
    go: mpsc::Sender<Act>,
}

fn rig(queue: usize, batch: usize) -> Rig {
    let (run_sender, runs) = mpsc::channel();
    let (go, go_receiver) = mpsc::channel();
    let encoder: Box<dyn Encoder> = Box::new(Scripted { runs: run_sender, go: go_receiver });
    let limits = BatchLimits {
        queue_pictures_max: queue,
        batch_pictures_max: batch,
        batch_wait: Duration::from_secs(3600),
    };
    let batcher = Batcher::start(vec![encoder], 1, limits, Arc::new(Metrics::new())).unwrap();
    Rig { batcher, runs, go }
}

impl Rig {
    fn submit(&self, numbers: impl IntoIterator<Item = u8>) -> Vec<Answer> {
        let numbers: Vec<u8> = numbers.into_iter().collect();
        let slots = self.batcher.admit(numbers.len()).unwrap();
        slots.into_iter().zip(numbers).map(|(slot, n)| slot.submit(vec![f32::from(n); 3])).collect()
    }

    /// Starts a run of the picture `0` and leaves it waiting, so that what follows must queue.
    fn occupy(&self) -> Vec<Answer> {
        let answers = self.submit([0]);
        assert_eq!(self.runs.recv().unwrap(), [0.0]);
        answers
    }

    fn run(&self, act: Act) -> Vec<f32> {
        self.go.send(act).unwrap();
        self.runs.recv().unwrap()
    }
}

fn number(answer: Answer) -> Result<f32, BatchError> {
    answer.blocking_recv().unwrap().map(|answered| answered.embedding.as_slice()[0])
}

#[test]
fn waiting_pictures_share_a_run_and_a_large_request_is_split() {
    let rig = rig(16, 4);
    let first = rig.occupy();
    let two = rig.submit([1, 2]);
    let five = rig.submit(3..8);
    assert_eq!(rig.run(Act::Embed), [1.0, 2.0, 3.0, 4.0]);
    assert_eq!(rig.run(Act::Embed), [5.0, 6.0, 7.0]);
    rig.go.send(Act::Embed).unwrap();
    let numbers: Vec<f32> = first.into_iter().chain(two).chain(five).map(|a| number(a).unwrap()).collect();
    assert_eq!(numbers, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]);
}

#[test]
fn a_run_waits_for_pictures_on_their_way_and_for_no_others() {
    let rig = rig(16, 4);
    // The rig's patience is an hour: this run starts only because its second picture was given up.
    let mut slots = rig.batcher.admit(2).unwrap();
    let given_up = slots.pop().unwrap();
    let answer = slots.pop().unwrap().submit(vec![9.0; 3]);
    assert!(rig.runs.try_recv().is_err(), "it did not wait");
    drop(given_up);
    assert_eq!(rig.runs.recv().unwrap(), [9.0]);
    rig.go.send(Act::Embed).unwrap();
    assert_eq!(number(answer), Ok(9.0));
}

#[test]
fn a_full_queue_refuses_whole_requests_and_says_when_to_come_back() {
    let rig = rig(4, 4);
    let first = rig.occupy();
    let slot = rig.batcher.admit(1).unwrap();
    let queued = rig.submit([1, 2]);
    match rig.batcher.admit(2) {
        Err(BatchError::Full { asked: 2, room: 1, retry_after }) => {
            assert!((1..=60).contains(&retry_after.as_secs()), "{retry_after:?}");
        }
        other => panic!("{:?}", other.map(|slots| slots.len())),
    }
    drop(slot);
    assert_eq!(
        rig.batcher.admit(2).map(|slots| slots.len()),
        Ok(2),
        "a refused request left something behind"
    );
    drop((first, queued));
}

#[test]
fn callers_who_left_are_skipped_and_their_places_are_free() {
    let rig = rig(3, 4);
    let first = rig.occupy();
    let mut answers = rig.submit([1, 2, 3]);
    drop(answers.remove(1));
    assert_eq!(rig.batcher.waiting(), 2);
    let four = rig.submit([4]);
    assert_eq!(rig.run(Act::Embed), [1.0, 3.0, 4.0]);
    rig.go.send(Act::Embed).unwrap();
    assert_eq!(number(four.into_iter().next().unwrap()), Ok(4.0));
    drop((first, answers));
}

#[test]
fn a_session_outlives_failure_panic_and_a_wrong_count() {
    let rig = rig(16, 4);
    for (act, expected) in [
        (Act::Fail, "ONNX Runtime: no"),
        (Act::Panic, "it panicked: on purpose"),
        (Act::Short, "it gave 0 embeddings for 1 pictures"),
    ] {
        assert!(!rig.batcher.keeps_failing());
        let answer = rig.occupy().remove(0);
        rig.go.send(act).unwrap();
        assert_eq!(number(answer), Err(BatchError::Failed(expected.to_owned())));
    }
    assert!(rig.batcher.keeps_failing());
    let answer = rig.occupy().remove(0);
    rig.go.send(Act::Embed).unwrap();
    assert_eq!(number(answer), Ok(0.0));
    assert!(!rig.batcher.keeps_failing());
}

#[test]
fn a_picture_that_overflows_harms_no_other() {
    let rig = rig(16, 4);
    let first = rig.occupy();
    let answers = rig.submit([1, 2, 3]);
    assert_eq!(rig.run(Act::Embed), [1.0, 2.0, 3.0]);
    assert_eq!(rig.run(Act::Overflow(1)), [1.0, 3.0]);
    rig.go.send(Act::Embed).unwrap();
    let results: Vec<_> = answers.into_iter().map(number).collect();
    assert_eq!(results, [Ok(1.0), Err(BatchError::NotFinite), Ok(3.0)]);
    drop(first);
}

#[test]
fn closing_answers_everyone_admitted_and_refuses_the_next() {
    let rig = rig(16, 4);
    let first = rig.occupy();
    let slot = rig.batcher.admit(1).unwrap().remove(0);
    rig.batcher.close();
    assert!(matches!(rig.batcher.admit(1), Err(BatchError::Stopping)));
    let late = slot.submit(vec![5.0; 3]);
    assert_eq!(rig.run(Act::Embed), [5.0]);
    rig.go.send(Act::Embed).unwrap();
    assert_eq!(number(late), Ok(5.0));
    rig.batcher.join();
    drop(first);
}
