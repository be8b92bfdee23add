//! How many sessions run side by side and with how many threads each: as given, or, of the shapes that were about as fast as any when
//! the first model was loaded, the one of most sessions; then, where it is the faster for a picture alone, one more with all cores.
//!
//! Shapes use every core once; each is opened and run for a moment on black pictures. Knows neither HTTP nor ONNX Runtime:
//! whoever asks says how an encoder is opened.

use std::time::{Duration, Instant};

use serde::Serialize;
use simclr_models::{EncodeError, Encoder, ImageBatch};
use utoipa::ToSchema;

use crate::batching::Sessions;

/// More sessions than this are not tried: each holds the model's weights.
const SESSIONS_MAX: usize = 8;
/// What all shapes together may take, once the first session is open; the last run may end after it.
const BUDGET: Duration = Duration::from_millis(1500);
/// About what one run should take: long enough to be told apart, short enough for several.
const RUN: Duration = Duration::from_millis(40);
/// More sessions are chosen though slower by this when measured alone: behind HTTP others take a share of the cores, and threads
/// that wait for each other in every layer lose more by it.
const AS_FAST: f64 = 0.97;
/// A session of its own for lone pictures takes memory: it must be faster by this.
const CLEARLY: f64 = 1.1;

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
    /// Threads of one session more, for a picture that comes when nothing else waits or runs; null where there is none
    pub(crate) lone_session_threads: Option<usize>,
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
        let shape = Shape { sessions, session_threads };
        Self { shape, lone_session_threads: None, measured: Vec::new() }
    }
}

/// Every way to divide the cores among sessions without a rest, fewest sessions first.
fn candidates(cores: usize) -> Vec<Shape> {
    let counts = (1..=cores.min(SESSIONS_MAX)).filter(|sessions| cores.is_multiple_of(*sessions));
    counts.map(|sessions| Shape { sessions, session_threads: cores / sessions }).collect()
}

/// Opens the sessions of a shape that was given or chosen before.
pub(super) fn open_all(
    parallel: &Parallel,
    open: &mut impl FnMut(usize) -> Result<Box<dyn Encoder>, EncodeError>,
) -> Result<Sessions, EncodeError> {
    let lone = parallel.lone_session_threads.map(&mut *open).transpose()?;
    Ok(Sessions { side_by_side: open_shape(parallel.shape, open)?, lone })
}

fn open_shape(
    shape: Shape,
    open: &mut impl FnMut(usize) -> Result<Box<dyn Encoder>, EncodeError>,
) -> Result<Vec<Box<dyn Encoder>>, EncodeError> {
    (0..shape.sessions).map(|_| open(shape.session_threads)).collect()
}

/// Measures the shapes and gives the best with its open sessions; takes about [`BUDGET`], however slow the encoder.
///
/// # Errors
/// When an encoder does not open or does not run.
pub(super) fn choose(
    cores: usize,
    side: usize,
    pictures_max: usize,
    open: &mut impl FnMut(usize) -> Result<Box<dyn Encoder>, EncodeError>,
) -> Result<(Parallel, Sessions), EncodeError> {
    let candidates = candidates(cores);
    let all_cores = candidates[0];
    let mut first = open_shape(all_cores, open)?;
    let (started, share) = (Instant::now(), BUDGET / candidates.len() as u32);
    let alone = time_alone(first[0].as_mut(), side)?;
    let batch = black(side, pictures_of_a_run(alone, pictures_max));
    let mut measured =
        vec![Measured { shape: all_cores, pictures_per_second: speed(&mut first, &batch, share)? }];
    let mut best = None;
    for shape in candidates.into_iter().skip(1) {
        // A slow encoder leaves no time for more shapes; the first always works.
        if started.elapsed() >= BUDGET {
            break;
        }
        let mut sessions = open_shape(shape, open)?;
        let found = Measured { shape, pictures_per_second: speed(&mut sessions, &batch, share)? };
        let as_fast = |before: &Measured| found.pictures_per_second > AS_FAST * before.pictures_per_second;
        if measured.iter().all(as_fast) {
            best = Some((shape, sessions));
        }
        measured.push(found);
    }
    let Some((shape, mut side_by_side)) = best else {
        let parallel = Parallel { shape: all_cores, lone_session_threads: None, measured };
        return Ok((parallel, Sessions { side_by_side: first, lone: None }));
    };
    let among_others = time_alone(side_by_side[0].as_mut(), side)?;
    let lone = first.pop().filter(|_| among_others > alone.mul_f64(CLEARLY));
    let lone_session_threads = lone.as_ref().map(|_| all_cores.session_threads);
    Ok((Parallel { shape, lone_session_threads, measured }, Sessions { side_by_side, lone }))
}

fn black(side: usize, pictures: usize) -> ImageBatch {
    ImageBatch::from_prepared(side, std::iter::repeat_with(|| vec![0.0; 3 * side * side]).take(pictures))
}

/// What a run of one picture takes, once it is warm: the least of three, or of as many as [`RUN`] has time for.
fn time_alone(encoder: &mut dyn Encoder, side: usize) -> Result<Duration, EncodeError> {
    let one = black(side, 1);
    encoder.embed(&one)?;
    let (begun, mut least) = (Instant::now(), Duration::MAX);
    for _ in 0..3 {
        let started = Instant::now();
        encoder.embed(&one)?;
        least = least.min(started.elapsed());
        if begun.elapsed() > RUN {
            break;
        }
    }
    Ok(least)
}

/// How many pictures make a run of about [`RUN`].
fn pictures_of_a_run(lone: Duration, most: usize) -> usize {
    let fit = RUN.as_secs_f64() / lone.as_secs_f64().max(1e-6);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and `most`")]
    let pictures = fit.clamp(1.0, most.max(1) as f64) as usize;
    pictures
}

/// Pictures a second of encoders that run at the same time; each runs once to warm up and at least once for the figure.
fn speed(encoders: &mut [Box<dyn Encoder>], batch: &ImageBatch, time: Duration) -> Result<f64, EncodeError> {
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
mod tests;
