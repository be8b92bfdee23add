//! Which evaluations a run consists of, which of them are finished, and which shard does which.
//!
//! A job is one encoder on one dataset. Nothing here embeds or fits, but [`rate`], which tries a few pictures.

use std::str::FromStr;
use std::time::Instant;

use simclr_datasets::{Dataset, Sample};

use crate::pipeline::{Pictures, embed_ranges, ranges};
use crate::{Cache, EvalError, Options, Outcome, Parts, Source, Storage, chunks, fingerprint, folder_name};

/// Batches that each encoder tries to learn how fast it is; the first only warms up.
const TRIED: usize = 8;
/// Pictures in such a batch.
const TRIED_BATCH: usize = 8;

/// One encoder on one dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// The encoder's name.
    pub encoder: String,
    /// The dataset's name.
    pub dataset: String,
    /// Pictures to embed.
    pub pictures: usize,
    /// Those whose features are kept already.
    pub kept: usize,
    /// Whether the outcome is there, of the same encoder, pictures and options.
    pub is_finished: bool,
}

impl Job {
    /// What there is to do, and what has been done.
    ///
    /// # Errors
    /// When the dataset cannot be divided, or what is kept cannot be read.
    pub fn look(
        source: &Source,
        dataset: &Dataset,
        options: &Options,
        out: &Storage,
        cache: &Cache,
    ) -> Result<Self, EvalError> {
        let parts = Parts::of(dataset, options.seed)?;
        let key = fingerprint::of_outcome(source, dataset, &parts, options);
        let mut job = Self {
            encoder: source.name.clone(),
            dataset: dataset.name.clone(),
            pictures: parts.known.len() + parts.test.len(),
            kept: 0,
            is_finished: false,
        };
        job.is_finished = Outcome::load(&job.place(out))?.is_some_and(|outcome| outcome.fingerprint == key);
        job.kept = match job.is_finished {
            true => job.pictures,
            false => chunks::kept(source, &parts.known, cache)? + chunks::kept(source, &parts.test, cache)?,
        };
        Ok(job)
    }

    /// Where its outcome lies below `out`.
    pub fn place(&self, out: &Storage) -> Storage {
        out.under(&folder_name(&self.encoder)).under(&self.dataset)
    }
}

/// Pictures a second that are decoded, prepared and embedded, from a few samples of `dataset`.
///
/// # Errors
/// When the encoder fails.
pub fn rate(source: &mut Source, dataset: &Dataset, options: &Options) -> Result<f64, EvalError> {
    let parts = Parts::of(dataset, options.seed)?;
    let warm = TRIED_BATCH * source.encoders.len();
    let samples: Vec<Sample> = parts.test.into_iter().chain(parts.known).take(TRIED * warm).collect();
    let mut began = Instant::now();
    let pictures = Pictures { samples: &samples, recipe: &source.recipe, limits: &options.limits };
    let batches = ranges(0..samples.len(), TRIED_BATCH);
    embed_ranges(&mut source.encoders, &pictures, &batches, &|_| (), &mut |embedded| {
        if embedded.range.end <= warm {
            began = Instant::now();
        }
        Ok(())
    })?;
    let seconds = began.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "at most 512")]
    Ok(samples.len().saturating_sub(warm) as f64 / seconds.max(1e-9))
}

/// Which part of a run's jobs one process does, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// Which one.
    pub index: usize,
    /// Of how many.
    pub of: usize,
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (index, of) = text.split_once('/').ok_or("a shard is i/n, as in 0/4")?;
        let number = |part: &str| part.parse::<usize>().map_err(|e| format!("`{part}`: {e}"));
        match (number(index)?, number(of)?) {
            (index, of) if index < of => Ok(Self { index, of }),
            (_, of) => Err(format!("shards of {of} are numbered from 0 to {}", of.saturating_sub(1))),
        }
    }
}

impl Shard {
    /// The jobs it does, of jobs of these sizes: largest first, each to the shard that has least. Every shard of the same
    /// run finds the same division, whatever is finished.
    pub fn share(self, sizes: &[usize]) -> Vec<usize> {
        let mut order: Vec<usize> = (0..sizes.len()).collect();
        order.sort_by_key(|&job| (std::cmp::Reverse(sizes[job]), job));
        let mut loads = vec![0; self.of];
        let mut mine = Vec::new();
        for job in order {
            let least = (0..self.of).min_by_key(|&shard| (loads[shard], shard)).unwrap_or(0);
            // At least one, so that empty jobs are spread too.
            loads[least] += sizes[job].max(1);
            if least == self.index {
                mine.push(job);
            }
        }
        mine.sort_unstable();
        mine
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_share_every_job_once_and_evenly() {
        let sizes = [100, 7, 60, 1, 40, 0, 33];
        for of in 1..9 {
            let shares: Vec<_> = (0..of).map(|index| Shard { index, of }.share(&sizes)).collect();
            let mut all = shares.concat();
            all.sort_unstable();
            assert_eq!(all, (0..7).collect::<Vec<_>>(), "{of}");
        }
        assert_eq!(Shard { index: 0, of: 2 }.share(&sizes), [0, 6]);
        assert_eq!("2/4".parse(), Ok(Shard { index: 2, of: 4 }));
        for wrong in ["4/4", "1", "x/2", "0/0", "-1/2"] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }
}
