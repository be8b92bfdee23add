//! One thread, one encoder: takes a run's jobs, embeds them, answers. A picture alone is embedded by the encoder that has all cores.
//! Nothing an encoder does ends the thread.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use simclr_models::{Embedding, EncodeError, Encoder, ImageBatch};

use super::queue::{Job, Next, Shared};
use super::{Answered, BatchError};
use crate::memory::give_back;

/// Works until the queue is closed and empty.
pub(super) fn work(shared: &Shared, mut own: Box<dyn Encoder>) {
    while let Some(next) = shared.take() {
        match next {
            Next::Run { jobs, alone } => {
                // Where another still uses it, or there is none, one's own will do.
                let mut lone = if alone { shared.lone.try_lock().ok() } else { None };
                let lone = lone.as_mut().and_then(|lone| lone.as_deref_mut());
                answer_all(shared, lone.unwrap_or(own.as_mut()), jobs);
                shared.ended();
            }
            Next::Look => look(shared, own.as_mut()),
        }
    }
    drop(own);
    // A server that is done with this model must not hold it: slots may still be about.
    if let Ok(mut lone) = shared.lone.lock() {
        lone.take();
    }
    // A hundred reloads would look like a leak otherwise.
    give_back();
}

/// Runs the jobs' pictures and answers every job.
fn answer_all(shared: &Shared, encoder: &mut dyn Encoder, mut jobs: Vec<Job>) {
    for job in &mut jobs {
        job.queued = job.since.elapsed();
        shared.metrics.waited(job.queued);
    }
    let pixels = jobs.iter_mut().map(|job| std::mem::take(&mut job.prepared));
    let batch = ImageBatch::from_prepared(shared.side, pixels);
    let started = Instant::now();
    let embeddings = run(encoder, &batch);
    let ran = started.elapsed();
    // A run in which everything overflows says more of the encoder than of the pictures.
    let failed =
        embeddings.as_ref().is_ok_and(|rows| rows.iter().all(Option::is_none)) || embeddings.is_err();
    shared.learn(jobs.len(), ran, failed);
    match embeddings {
        Ok(embeddings) => {
            for (job, embedding) in jobs.into_iter().zip(embeddings) {
                let queued = job.queued;
                let answered = embedding.map(|embedding| Answered { embedding, queued, ran });
                answer(job, answered.ok_or(BatchError::NotFinite));
            }
        }
        Err(reason) => {
            tracing::error!(pictures = jobs.len(), reason, "a run of the encoder failed");
            for job in jobs {
                answer(job, Err(BatchError::Failed(reason.clone())));
            }
        }
    }
}

/// Whether the encoder is well again, by a black picture.
fn look(shared: &Shared, encoder: &mut dyn Encoder) {
    let black = ImageBatch::from_prepared(shared.side, [vec![0.0; 3 * shared.side * shared.side]]);
    let failed = !matches!(run(encoder, &black).as_deref(), Ok([Some(_)]));
    shared.judge(failed);
    if !failed {
        tracing::info!("the encoder is well again");
    }
}

/// Each picture's embedding, or nothing where it overflowed.
fn run(encoder: &mut dyn Encoder, batch: &ImageBatch) -> Result<Vec<Option<Embedding>>, String> {
    let embeddings: Vec<_> = match catch_unwind(AssertUnwindSafe(|| encoder.embed(batch))) {
        Ok(Ok(embeddings)) => embeddings.into_iter().map(Some).collect(),
        Ok(Err(EncodeError::NotFinite(overflowed))) => overflowed.into_embeddings(),
        Ok(Err(error)) => return Err(error.to_string()),
        Err(panic) => return Err(format!("it panicked: {}", words(panic.as_ref()))),
    };
    if embeddings.len() == batch.len() {
        Ok(embeddings)
    } else {
        Err(format!("it gave {} embeddings for {} pictures", embeddings.len(), batch.len()))
    }
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
