//! How many sessions run side by side and with how many threads each: as given, or whichever shape was fastest when the
//! first model was loaded.
//!
//! Shapes use every core once; each is opened and run for a moment on black pictures. Knows neither HTTP nor ONNX Runtime:
//! whoever asks says how an encoder is opened.

use std::time::{Duration, Instant};

use serde::Serialize;
use simclr_models::{EncodeError, Encoder, ImageBatch};
use utoipa::ToSchema;

/// More sessions than this are not tried: each holds the model's weights.
const SESSIONS_MAX: usize = 8;
/// What all shapes together may take, once the first session is open; the last run may end after it.
const BUDGET: Duration = Duration::from_millis(1500);
/// About what one run should take: long enough to be told apart, short enough for several.
const RUN: Duration = Duration::from_millis(40);
/// More sessions must be faster by this, as they take memory and make a lone request wait longer.
const CLEARLY: f64 = 1.05;
/// Of a wait so short nobody takes note, and threads that wait for one another in every layer suffer from the server's others.
const UNNOTICED: Duration = Duration::from_millis(2);

pub(super) type Encoders = Vec<Box<dyn Encoder>>;

/// Sessions side by side, threads of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Shape {
    /// Sessions side by side
    pub(crate) sessions: usize,
    /// Threads of each session
    pub(crate) session_threads: usize,
}

/// The shape in use, and why.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct Parallel {
    #[serde(flatten)]
    pub(crate) shape: Shape,
    /// What each shape did when the server chose among them; empty where the shape was given
    pub(crate) measured: Vec<Measured>,
}

/// What a shape did.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct Measured {
    #[serde(flatten)]
    pub(crate) shape: Shape,
    /// Prepared pictures embedded a second, at the start
    pub(crate) pictures_per_second: f64,
}

impl Parallel {
    pub(crate) fn given(sessions: usize, session_threads: usize) -> Self {
        Self { shape: Shape { sessions, session_threads }, measured: Vec::new() }
    }
}

/// Every way to divide the cores among sessions without a rest, fewest sessions first.
fn candidates(cores: usize) -> Vec<Shape> {
    let counts = (1..=cores.min(SESSIONS_MAX)).filter(|sessions| cores.is_multiple_of(*sessions));
    counts.map(|sessions| Shape { sessions, session_threads: cores / sessions }).collect()
}

/// Opens one encoder for each session.
pub(super) fn open_all(
    shape: Shape,
    open: &mut impl FnMut(usize) -> Result<Box<dyn Encoder>, EncodeError>,
) -> Result<Encoders, EncodeError> {
    (0..shape.sessions).map(|_| open(shape.session_threads)).collect()
}

/// Measures the shapes and gives the best with its open encoders; takes about [`BUDGET`], however slow the encoder.
///
/// # Errors
/// When an encoder does not open or does not run.
pub(super) fn choose(
    cores: usize,
    side: usize,
    pictures_max: usize,
    open: &mut impl FnMut(usize) -> Result<Box<dyn Encoder>, EncodeError>,
) -> Result<(Parallel, Encoders), EncodeError> {
    let candidates = candidates(cores);
    let mut best = open_all(candidates[0], open)?;
    let (started, share) = (Instant::now(), BUDGET / candidates.len() as u32);
    let lone = time_alone(best[0].as_mut(), side)?;
    let batch = black(side, pictures_of_a_run(lone, pictures_max));
    let enough = if lone < UNNOTICED { 1.0 } else { CLEARLY };
    let mut chosen = Measured { shape: candidates[0], pictures_per_second: speed(&mut best, &batch, share)? };
    let mut measured = vec![chosen.clone()];
    for shape in candidates.into_iter().skip(1) {
        // A slow encoder leaves no time for more shapes; the first always works.
        if started.elapsed() >= BUDGET {
            break;
        }
        let mut encoders = open_all(shape, open)?;
        let found = Measured { shape, pictures_per_second: speed(&mut encoders, &batch, share)? };
        measured.push(found.clone());
        if found.pictures_per_second > chosen.pictures_per_second * enough {
            (chosen, best) = (found, encoders);
        }
    }
    Ok((Parallel { shape: chosen.shape, measured }, best))
}

fn black(side: usize, pictures: usize) -> ImageBatch {
    ImageBatch::from_prepared(side, std::iter::repeat_with(|| vec![0.0; 3 * side * side]).take(pictures))
}

/// What a run of one picture takes, once it is warm.
fn time_alone(encoder: &mut dyn Encoder, side: usize) -> Result<Duration, EncodeError> {
    let one = black(side, 1);
    encoder.embed(&one)?;
    let started = Instant::now();
    encoder.embed(&one)?;
    Ok(started.elapsed())
}

/// How many pictures make a run of about [`RUN`].
fn pictures_of_a_run(lone: Duration, most: usize) -> usize {
    let fit = RUN.as_secs_f64() / lone.as_secs_f64().max(1e-6);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and `most`")]
    let pictures = fit.clamp(1.0, most.max(1) as f64) as usize;
    pictures
}

/// Pictures a second of encoders that run at the same time; each runs once to warm up and at least once for the figure.
fn speed(encoders: &mut Encoders, batch: &ImageBatch, time: Duration) -> Result<f64, EncodeError> {
    for encoder in encoders.iter_mut() {
        encoder.embed(batch)?;
    }
    let started = Instant::now();
    let runs = std::thread::scope(|scope| {
        let threads: Vec<_> = encoders
            .iter_mut()
            .map(|encoder| {
                scope.spawn(move || {
                    let mut runs = 0u32;
                    while runs == 0 || started.elapsed() < time {
                        encoder.embed(batch)?;
                        runs += 1;
                    }
                    Ok(runs)
                })
            })
            .collect();
        let joined = threads.into_iter().map(|thread| {
            thread.join().unwrap_or_else(|_| Err(EncodeError::Runtime("it panicked".to_owned())))
        });
        joined.sum::<Result<u32, EncodeError>>()
    })?;
    Ok(f64::from(runs) * batch.len() as f64 / started.elapsed().as_secs_f64())
}

#[cfg(test)]
mod tests {
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
            let one = Embedding::new(vec![1.0]).map_err(|_| EncodeError::NotFinite(0))?;
            Ok(vec![one; images.len()])
        }
    }

    #[test]
    fn candidates_use_every_core_once() {
        for cores in [1, 2, 3, 4, 6, 7, 12, 16, 64, 97] {
            let shapes = candidates(cores);
            assert_eq!(shapes[0], Shape { sessions: 1, session_threads: cores });
            assert!(
                shapes.iter().all(|s| s.sessions * s.session_threads == cores && s.sessions <= SESSIONS_MAX)
            );
        }
        assert_eq!(candidates(12).len(), 5, "1, 2, 3, 4 and 6 sessions");
    }

    #[test]
    fn sessions_that_do_not_stand_in_each_others_way_win() {
        let mut open =
            |_| Ok(Box::new(Slow { takes: Duration::from_millis(5), lock: None }) as Box<dyn Encoder>);
        let (parallel, encoders) = choose(4, 2, 8, &mut open).unwrap();
        assert_eq!(parallel.shape, Shape { sessions: 4, session_threads: 1 });
        assert_eq!((encoders.len(), parallel.measured.len()), (4, 3));
        assert!(parallel.measured[2].pictures_per_second > parallel.measured[0].pictures_per_second);
    }

    #[test]
    fn one_session_is_kept_where_more_bring_nothing() {
        let shared = Arc::new(Mutex::new(()));
        let mut open = |_| {
            let lock = Some(Arc::clone(&shared));
            Ok(Box::new(Slow { takes: Duration::from_millis(5), lock }) as Box<dyn Encoder>)
        };
        let (parallel, encoders) = choose(2, 2, 8, &mut open).unwrap();
        assert_eq!((parallel.shape.sessions, encoders.len()), (1, 1), "{parallel:?}");
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
}
