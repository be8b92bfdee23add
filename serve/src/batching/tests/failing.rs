//! What an encoder that fails, panics or overflows does to its own pictures and to others.

use super::*;

#[test]
fn a_session_outlives_failure_panic_and_a_wrong_count() {
    let rig = rig(LIMITS);
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
fn an_encoder_that_kept_failing_is_tried_again_unasked() {
    let rig = rig(BatchLimits { look_again: Duration::from_millis(1), ..LIMITS });
    for act in [Act::Fail, Act::Panic, Act::Overflow(0)] {
        let answer = rig.occupy().remove(0);
        rig.go.send(act).unwrap();
        assert!(number(answer).is_err());
    }
    assert!(rig.batcher.keeps_failing());
    for act in [Act::Overflow(0), Act::Fail, Act::Embed] {
        assert!(rig.batcher.keeps_failing());
        assert_eq!(rig.runs.recv_timeout(Duration::from_secs(30)).unwrap(), [0.0], "a black picture");
        rig.go.send(act).unwrap();
    }
    // Well again, it is left in peace: the next run is somebody's.
    let answer = rig.submit([7]).remove(0);
    assert_eq!(rig.runs.recv().unwrap(), [7.0]);
    rig.go.send(Act::Embed).unwrap();
    assert_eq!(number(answer), Ok(7.0));
    assert!(!rig.batcher.keeps_failing());
}

#[test]
fn a_picture_that_overflows_harms_no_other() {
    let rig = rig(LIMITS);
    let first = rig.occupy();
    let answers = rig.submit([1, 2, 3]);
    assert_eq!(rig.run(Act::Embed), [1.0, 2.0, 3.0]);
    rig.go.send(Act::Overflow(1)).unwrap();
    let results: Vec<_> = answers.into_iter().map(number).collect();
    assert_eq!(results, [Ok(1.0), Err(BatchError::NotFinite), Ok(3.0)]);
    assert!(rig.runs.try_recv().is_err(), "nobody's picture is run twice");
    drop(first);
}
