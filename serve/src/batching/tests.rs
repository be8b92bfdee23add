//! The batcher against encoders that wait for a word, fail, panic or overflow.

mod failing;

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
            Act::Overflow(place) => {
                let nan = |(i, x): (usize, f32)| if i == place { f32::NAN } else { x };
                simclr_models::finite(firsts.into_iter().enumerate().map(nan).map(|x| [x]))
            }
        }
    }
}

struct Rig {
    batcher: Batcher,
    runs: mpsc::Receiver<Vec<f32>>,
    go: mpsc::Sender<Act>,
}

/// An encoder and the end that lets its runs go on.
fn scripted(runs: &mpsc::Sender<Vec<f32>>) -> (Box<dyn Encoder>, mpsc::Sender<Act>) {
    let (go, go_receiver) = mpsc::channel();
    (Box::new(Scripted { runs: runs.clone(), go: go_receiver }), go)
}

/// Waits an hour for company, and every run counts as short.
const LIMITS: BatchLimits = BatchLimits {
    queue_pictures_max: 16,
    batch_pictures_max: 4,
    batch_wait: Duration::from_secs(3600),
    run_short: Duration::MAX,
    look_again: Duration::from_secs(3600),
};

fn started(side_by_side: Vec<Box<dyn Encoder>>, limits: BatchLimits) -> Batcher {
    let sessions = Sessions { side_by_side, lone: None };
    Batcher::start(sessions, 1, limits, Arc::new(Metrics::new())).unwrap()
}

fn rig(limits: BatchLimits) -> Rig {
    let (run_sender, runs) = mpsc::channel();
    let (encoder, go) = scripted(&run_sender);
    Rig { batcher: started(vec![encoder], limits), runs, go }
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
    let rig = rig(LIMITS);
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
    let rig = rig(LIMITS);
    // The rig's patience is an hour: this run starts only because its second picture was given up.
    let mut slots = rig.batcher.admit(3).unwrap();
    let given_up = slots.pop().unwrap();
    let answers: Vec<_> = slots.into_iter().map(|slot| slot.submit(vec![9.0; 3])).collect();
    drop(given_up);
    assert_eq!(rig.runs.recv().unwrap(), [9.0, 9.0], "the first did not wait for the second");
    rig.go.send(Act::Embed).unwrap();
    assert!(answers.into_iter().all(|answer| number(answer) == Ok(9.0)));
    // An encoder whose runs are known to be short gains nothing by company that takes its time.
    let slots = rig.batcher.admit(2).unwrap();
    let mut slots = slots.into_iter();
    let alone = slots.next().unwrap().submit(vec![8.0; 3]);
    assert_eq!(rig.runs.recv_timeout(Duration::from_secs(30)).unwrap(), [8.0]);
    rig.go.send(Act::Embed).unwrap();
    assert_eq!(number(alone), Ok(8.0));
}

#[test]
fn a_full_queue_refuses_whole_requests_and_says_when_to_come_back() {
    let rig = rig(BatchLimits { queue_pictures_max: 4, ..LIMITS });
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
    let rig = rig(BatchLimits { queue_pictures_max: 3, ..LIMITS });
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
fn closing_answers_everyone_admitted_and_refuses_the_next() {
    let rig = rig(LIMITS);
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

#[test]
fn a_run_that_takes_long_leaves_half_to_the_next_but_for_a_pair() {
    let limits = BatchLimits { batch_pictures_max: 16, run_short: Duration::ZERO, ..LIMITS };
    let rig = rig(limits);
    // Before the first run nothing is known of their length.
    let first = rig.occupy();
    let ten = rig.submit(1..11);
    assert_eq!(rig.run(Act::Embed), [1.0, 2.0, 3.0, 4.0, 5.0]);
    assert_eq!(rig.run(Act::Embed), [6.0, 7.0, 8.0]);
    assert_eq!(rig.run(Act::Embed), [9.0, 10.0]);
    rig.go.send(Act::Embed).unwrap();
    assert!(first.into_iter().chain(ten).all(|answer| number(answer).is_ok()));
}

#[test]
fn what_one_session_leaves_wakes_another() {
    // Whether both sleep when the last picture comes is chance.
    for round in 0..5 {
        let (run_sender, runs) = mpsc::channel();
        let (encoders, goes): (Vec<_>, Vec<_>) = (0..2).map(|_| scripted(&run_sender)).unzip();
        let batcher = started(encoders, LIMITS);
        let slots = batcher.admit(4).unwrap();
        let submitted = slots.into_iter().enumerate().map(|(index, slot)| {
            if index == 3 {
                // Time for both to fall asleep, waiting for the last; were it too short, they would only be awake already.
                std::thread::sleep(Duration::from_millis(20));
            }
            slot.submit(vec![1.0; 3])
        });
        let answers: Vec<Answer> = submitted.collect();
        // No run ends, so both sessions must be up.
        for _ in 0..2 {
            let run = runs.recv_timeout(Duration::from_secs(30));
            assert!(run.is_ok(), "round {round}: a session slept on");
        }
        // Two each, as one of them runs what both left.
        for go in goes.iter().chain(&goes) {
            go.send(Act::Embed).unwrap();
        }
        assert!(answers.into_iter().map(number).all(|answered| answered == Ok(1.0)));
    }
}

#[test]
fn a_picture_alone_has_the_session_with_all_cores() {
    let (sender, runs) = mpsc::channel();
    let (side_by_side, goes): (Vec<_>, Vec<_>) = (0..2).map(|_| scripted(&sender)).unzip();
    let (lone_sender, lone_runs) = mpsc::channel();
    let (lone, lone_go) = scripted(&lone_sender);
    let sessions = Sessions { side_by_side, lone: Some(lone) };
    let batcher = Batcher::start(sessions, 1, LIMITS, Arc::new(Metrics::new())).unwrap();
    let submit = |numbers: &[f32]| -> Vec<Answer> {
        let slots = batcher.admit(numbers.len()).unwrap();
        slots.into_iter().zip(numbers).map(|(slot, n)| slot.submit(vec![*n; 3])).collect()
    };
    let alone = submit(&[1.0]);
    assert_eq!(lone_runs.recv().unwrap(), [1.0]);
    let beside = submit(&[2.0]);
    assert_eq!(runs.recv().unwrap(), [2.0], "while another runs, a session of one's own");
    for go in goes.iter().chain([&lone_go]) {
        go.send(Act::Embed).unwrap();
    }
    assert!(alone.into_iter().chain(beside).all(|answer| number(answer).is_ok()));
    batcher.join();
    assert!(lone_go.send(Act::Embed).is_err(), "a closed batcher holds no encoder");
}
