//! What a run is going to do: every encoder is opened and every pair looked at, before anything is done.

use crate::{EvalError, Job, Shard, Source, folder_name, rate};

use super::Setting;

/// Pictures below which nobody waits for an estimate.
const FEW: usize = 1000;

/// The jobs of a run.
pub struct Plan {
    /// For each encoder, its jobs with their dataset's place in the setting.
    pub by_encoder: Vec<Vec<(usize, Job)>>,
    /// Seconds that embedding will take, about; none where that is not worth a measurement.
    pub seconds: Option<f64>,
}

impl Plan {
    /// Opens every encoder, so that a mistake in the last one is not found after an hour, and looks what is finished.
    ///
    /// # Errors
    /// When an encoder does not open, two have one name, or a dataset cannot be divided.
    pub fn make(setting: &Setting, shard: Option<Shard>) -> Result<Self, EvalError> {
        let mut by_encoder: Vec<Vec<(usize, Job)>> = Vec::new();
        let (mut rates, mut names) = (Vec::new(), Vec::<String>::new());
        for spec in &setting.specs {
            let mut source = Source::open(spec, setting.like.as_ref(), setting.threads)?;
            let name = folder_name(&source.name);
            if names.contains(&name) {
                let problem =
                    "another encoder has this name, and their results would lie in one folder; rename one";
                return Err(EvalError::Spec { spec: name, problem: problem.to_owned() });
            }
            names.push(name);
            let jobs = setting.datasets.iter().enumerate().map(|(place, dataset)| {
                Job::look(&source, dataset, &setting.options, &setting.out, &setting.cache)
                    .map(|job| (place, job))
            });
            let jobs = jobs.collect::<Result<Vec<_>, _>>()?;
            let most = jobs.iter().max_by_key(|(_, job)| job.pictures - job.kept);
            rates.push(match most {
                Some((place, job)) if job.pictures - job.kept >= FEW => {
                    Some(rate(&mut source, &setting.datasets[*place], &setting.options)?)
                }
                _ => None,
            });
            by_encoder.push(jobs);
        }
        if let Some(shard) = shard {
            keep_share(&mut by_encoder, shard);
        }
        let seconds = estimate(&by_encoder, &rates);
        Ok(Self { by_encoder, seconds })
    }

    /// All of them, encoder by encoder.
    pub fn jobs(&self) -> impl Iterator<Item = &Job> {
        self.by_encoder.iter().flatten().map(|(_, job)| job)
    }
}

/// Leaves only the jobs of one shard.
fn keep_share(by_encoder: &mut [Vec<(usize, Job)>], shard: Shard) {
    let sizes: Vec<usize> = by_encoder.iter().flatten().map(|(_, job)| job.pictures).collect();
    let mine = shard.share(&sizes);
    let mut at = 0;
    for jobs in by_encoder {
        jobs.retain(|_| {
            at += 1;
            mine.binary_search(&(at - 1)).is_ok()
        });
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn estimate(by_encoder: &[Vec<(usize, Job)>], rates: &[Option<f64>]) -> Option<f64> {
    let of_encoder = |(jobs, rate): (&Vec<(usize, Job)>, &Option<f64>)| {
        let lacking: usize = jobs.iter().map(|(_, job)| job.pictures - job.kept).sum();
        rate.map(|rate| lacking as f64 / rate)
    };
    let known: Vec<f64> = by_encoder.iter().zip(rates).filter_map(of_encoder).collect();
    (!known.is_empty()).then(|| known.iter().sum())
}
