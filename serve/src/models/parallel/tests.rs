//! The choice among encoders that take their time.

use std::sync::{Arc, Mutex, PoisonError};

use simclr_models::Embedding;

use super::*;

/// An encoder whose run takes its time: `lock` is what all sessions wait for, if they share something.
struct Slow {
    takes: Duration,
    lock: Option<Arc<Mutex<()>>>,
}

impl Encoder for Slow {
    fn embedding_len(&self) -> usize {
        1
    }

    fn embed(&mut self, images: &ImageBatch) -> Result<Vec<Embedding>, EncodeError> {
        let lock = self.lock.clone();
        let _alone = lock.as_ref().map(|lock| lock.lock().unwrap_or_else(PoisonError::into_inner));
        std::thread::park_timeout(self.takes);
        simclr_models::finite(vec![[1.0]; images.len()])
    }
}

#[test]
fn candidates_use_every_core_once() {
    for cores in [1, 2, 3, 4, 6, 7, 12, 16, 64, 97] {
        let shapes = candidates(cores);
        assert_eq!(shapes[0], Shape { sessions: 1, session_threads: cores });
        assert!(shapes.iter().all(|s| s.sessions * s.session_threads == cores && s.sessions <= SESSIONS_MAX));
    }
    assert_eq!(candidates(12).len(), 5, "1, 2, 3, 4 and 6 sessions");
}

#[test]
fn sessions_that_do_not_stand_in_each_others_way_win() {
    let mut open = |_| Ok(Box::new(Slow { takes: Duration::from_millis(5), lock: None }) as Box<dyn Encoder>);
    let (parallel, sessions) = choose(4, 2, 8, &mut open).unwrap();
    assert_eq!(parallel.shape, Shape { sessions: 4, session_threads: 1 });
    assert_eq!((sessions.side_by_side.len(), parallel.measured.len()), (4, 3));
    assert!(parallel.measured[2].pictures_per_second > parallel.measured[0].pictures_per_second);
}

#[test]
fn one_session_is_kept_where_more_stand_in_each_others_way() {
    let shared = Arc::new(Mutex::new(()));
    let mut open = |threads: usize| {
        let takes = Duration::from_millis(10) / u32::try_from(threads).unwrap_or(1);
        Ok(Box::new(Slow { takes, lock: Some(Arc::clone(&shared)) }) as Box<dyn Encoder>)
    };
    let (parallel, sessions) = choose(2, 2, 8, &mut open).unwrap();
    assert_eq!((parallel.shape.sessions, sessions.side_by_side.len()), (1, 1), "{parallel:?}");
    assert!(sessions.lone.is_none() && parallel.lone_session_threads.is_none());
}

#[test]
fn a_lone_picture_has_all_cores_where_that_is_faster() {
    for (threads_help, lone) in [(true, Some(2)), (false, None)] {
        let opened = std::cell::Cell::new(0);
        let mut open = |threads: usize| {
            opened.set(opened.get() + 1);
            let share = if threads_help { u32::try_from(threads).unwrap_or(1) } else { 1 };
            Ok(Box::new(Slow { takes: Duration::from_millis(20) / share, lock: None }) as Box<dyn Encoder>)
        };
        let (parallel, sessions) = choose(2, 2, 8, &mut open).unwrap();
        assert_eq!(parallel.shape, Shape { sessions: 2, session_threads: 1 }, "{parallel:?}");
        assert_eq!((parallel.lone_session_threads, sessions.lone.is_some()), (lone, lone.is_some()));
        assert_eq!(opened.get(), 3);
        let again = open_all(&parallel, &mut open).unwrap();
        assert_eq!((again.side_by_side.len(), again.lone.is_some()), (2, lone.is_some()));
    }
}

#[test]
fn a_slow_encoder_is_not_waited_for() {
    let mut opened = 0;
    let mut open = |_| {
        opened += 1;
        Ok(Box::new(Slow { takes: Duration::from_millis(600), lock: None }) as Box<dyn Encoder>)
    };
    let started = Instant::now();
    let (parallel, _) = choose(8, 2, 32, &mut open).unwrap();
    assert!(started.elapsed() < 2 * BUDGET + Duration::from_secs(1), "{:?}", started.elapsed());
    assert_eq!((parallel.shape.sessions, parallel.measured.len(), opened), (1, 1, 1));
}

#[test]
fn an_encoder_that_does_not_open_is_an_error() {
    let mut open = |_| Err(EncodeError::Runtime("no".to_owned()));
    assert!(choose(2, 2, 8, &mut open).is_err());
}
