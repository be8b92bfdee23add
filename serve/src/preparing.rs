//! A picture's bytes → `Picture` → `Recipe::prepare` → its place in the queue, on a bounded number of threads beside the
//! sessions; a picture so small that handing it over costs more than preparing it is prepared where it arrived.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use simclr_models::{Limits, Picture, PictureError, Recipe};
use tokio::sync::Semaphore;

use crate::batching::{Answer, Slot};
use crate::config::Config;
use crate::metrics::Metrics;
use crate::spans;

/// Bytes of a file that is decoded where it arrived.
const SMALL_BYTES: usize = 8 << 10;
/// Rows and columns, before and after, of a picture that is prepared where it arrived: less work than to hand it over.
const SMALL_SIDE: u32 = 64;

pub(crate) struct Preparer {
    recipe: Recipe,
    limits: Limits,
    room: Arc<Semaphore>,
    metrics: Arc<Metrics>,
}

/// Where a prepared picture's embedding arrives, its pixels, and what preparing it took.
pub(crate) type Submitted = (Answer, u64, Duration);

/// A prepared picture, its pixels, and what preparing it took.
pub(crate) struct Prepared {
    numbers: Vec<f32>,
    pixels: u64,
    took: Duration,
}

impl Prepared {
    pub(crate) fn submit(self, slot: Slot) -> Submitted {
        (slot.submit(self.numbers), self.pixels, self.took)
    }
}

impl Preparer {
    /// `room` is for as many pictures as are decoded at once, of all models.
    pub(crate) fn new(config: &Config, recipe: Recipe, room: Arc<Semaphore>, metrics: Arc<Metrics>) -> Self {
        let limits = Limits {
            bytes_max: config.limits.picture_bytes_max,
            pixels_max: config.limits.picture_pixels_max,
        };
        Self { recipe, limits, room, metrics }
    }

    /// Prepares a picture here and now, if it is so small that no one else has to wait for that.
    pub(crate) fn at_once(&self, bytes: &[u8]) -> Option<Result<Prepared, PictureError>> {
        let pixels_max = u64::from(SMALL_SIDE * SMALL_SIDE);
        let most = SMALL_BYTES.min(self.limits.bytes_max);
        if bytes.len() > most || self.recipe.resize > SMALL_SIDE || self.limits.pixels_max < pixels_max {
            return None;
        }
        let limits = Limits { pixels_max, ..self.limits };
        match spans::step!("prepare").in_scope(|| self.prepare(bytes, &limits)) {
            Err(PictureError::TooManyPixels { .. }) => None,
            prepared => Some(prepared),
        }
    }

    /// Prepares and submits a picture on one of the threads that decode, when one is free; none where the thread died of it.
    pub(crate) async fn on_a_thread(
        self: Arc<Self>,
        bytes: Bytes,
        slot: Slot,
    ) -> Option<Result<Submitted, PictureError>> {
        let room = Arc::clone(&self.room).acquire_owned().await.ok()?;
        // Permit and slot travel with the work: a thread that still decodes for a caller who left counts as busy.
        let span = spans::step!("prepare");
        let work = tokio::task::spawn_blocking(move || {
            let _step = span.entered();
            let prepared = self.prepare(&bytes, &self.limits);
            drop(room);
            prepared.map(|prepared| prepared.submit(slot))
        });
        work.await.ok()
    }

    fn prepare(&self, bytes: &[u8], limits: &Limits) -> Result<Prepared, PictureError> {
        let started = Instant::now();
        let picture = Picture::decode(bytes, limits)?;
        let numbers = self.recipe.prepare(&picture);
        let took = started.elapsed();
        self.metrics.prepared(took);
        Ok(Prepared { numbers, pixels: u64::from(picture.width()) * u64::from(picture.height()), took })
    }
}
