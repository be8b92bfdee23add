//! One thread, one encoder: takes a run's jobs, embeds them, answers. A picture alone is embedded by the encoder that has all cores.
//! Nothing an encoder does ends the thread.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use simclr_models::{Embedding, EncodeError, Encoder, ImageBatch};

use super::queue::{Job, Run, Shared};
use super::{Answered, BatchError};
use crate::memory::give_back;

/// Works until the queue is closed and empty.
pub(super) fn work(shared: &Shared, mut own: Box<dyn Encoder>) {
    while let Some(Run { jobs, alone }) = shared.take() {
        // Where another still uses it, or there is none, one's own will do.
        let mut lone = if alone { shared.lone.try_lock().ok() } else { None };
        let lone = lone.as_mut().and_then(|lone| lone.as_deref_mut());
        run_all(shared, lone.unwrap_or(own.as_mut()), jobs);
        shared.ended();
    }
    drop(own);
    // A server that is done with this model must not hold it: slots may still be about.
    if let Ok(mut lone) = shared.lone.lock() {
        lone.take();
    }
    // A hundred reloads would look like a leak otherwise.
    give_back();
}

fn run_all(shared: &Shared, encoder: &mut dyn Encoder, mut jobs: Vec<Job>) {
    for job in &mut jobs {
        job.queued = job.since.elapsed();
        shared.metrics.waited(job.queued);
    }
    let pixels = jobs.iter_mut().map(|job| std::mem::take(&mut job.prepared));
    let mut batch = ImageBatch::from_prepared(shared.side, pixels);
    while let Err(overflowed) = answer_all(shared, encoder, &mut jobs, &batch) {
        // Others must not suffer for a picture that overflows: it is answered alone, they run again without it.
        answer(jobs.remove(overflowed), Err(BatchError::NotFinite));
        batch = without(&batch, overflowed);
    }
}

/// Runs the batch and answers every job, but for an embedding that is not finite: its index is the error.
fn answer_all(
    shared: &Shared,
    encoder: &mut dyn Encoder,
    jobs: &mut Vec<Job>,
    batch: &ImageBatch,
) -> Result<(), usize> {
    if jobs.is_empty() {
        return Ok(());
    }
    let started = Instant::now();
    match run(encoder, batch) {
        Ok(embeddings) => {
            let ran = started.elapsed();
            shared.learn(jobs.len(), ran, false);
            for (job, embedding) in jobs.drain(..).zip(embeddings) {
                let queued = job.queued;
                answer(job, Ok(Answered { embedding, queued, ran }));
            }
        }
        Err(RunError::NotFinite(index)) => return Err(index),
        Err(RunError::Failed(reason)) => {
            shared.learn(jobs.len(), started.elapsed(), true);
            tracing::error!(pictures = jobs.len(), reason, "a run of the encoder failed");
            for job in jobs.drain(..) {
                answer(job, Err(BatchError::Failed(reason.clone())));
            }
        }
    }
    Ok(())
}

enum RunError {
    NotFinite(usize),
    Failed(String),
}

fn run(encoder: &mut dyn Encoder, batch: &ImageBatch) -> Result<Vec<Embedding>, RunError> {
    let embeddings = match catch_unwind(AssertUnwindSafe(|| encoder.embed(batch))) {
        Ok(Ok(embeddings)) => embeddings,
        Ok(Err(EncodeError::NotFinite(index))) if index < batch.len() => {
            return Err(RunError::NotFinite(index));
        }
        Ok(Err(error)) => return Err(RunError::Failed(error.to_string())),
        Err(panic) => {
            return Err(RunError::Failed(format!("it panicked: {}", words(panic.as_ref()))));
        }
    };
    if embeddings.len() == batch.len() {
        Ok(embeddings)
    } else {
        let reason = format!("it gave {} embeddings for {} pictures", embeddings.len(), batch.len());
        Err(RunError::Failed(reason))
    }
}

fn without(batch: &ImageBatch, index: usize) -> ImageBatch {
    let picture = 3 * batch.side() * batch.side();
    let others = batch.as_slice().chunks_exact(picture).enumerate().filter(|(i, _)| *i != index);
    ImageBatch::from_prepared(batch.side(), others.map(|(_, pixels)| pixels.to_vec()))
}

fn answer(job: Job, result: Result<Answered, BatchError>) {
    // The caller may have left while its picture ran.
    let _ = job.answer.send(result);
}

fn words(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a word")
}
