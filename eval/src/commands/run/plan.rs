//! What a run is going to do, shown before it does it.

use simclr_datasets::{Dataset, Split};
use simclr_eval::{Job, Parts, Shard, Source, rate};

use super::Setting;

/// Pictures below which nobody waits for an estimate.
const FEW: usize = 1000;

/// The jobs of a run.
pub(super) struct Plan {
    /// For each encoder, its jobs with their dataset's place in the setting.
    pub(super) by_encoder: Vec<Vec<(usize, Job)>>,
    /// Seconds that embedding will take, about; none where that is not worth a measurement.
    seconds: Option<f64>,
}

impl Plan {
    /// Opens every encoder, so that a mistake in the last one is not found after an hour, and looks what is finished.
    pub(super) fn make(setting: &Setting, shard: Option<Shard>) -> anyhow::Result<Self> {
        let mut by_encoder: Vec<Vec<(usize, Job)>> = Vec::new();
        let (mut rates, mut names) = (Vec::new(), Vec::<String>::new());
        for spec in &setting.specs {
            let mut source = Source::open(spec, setting.like.as_ref(), setting.threads)?;
            let name = simclr_eval::folder_name(&source.name);
            anyhow::ensure!(
                !names.contains(&name),
                "two encoders are called {name}, and their results would lie in one folder; rename one"
            );
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

    fn jobs(&self) -> impl Iterator<Item = &Job> {
        self.by_encoder.iter().flatten().map(|(_, job)| job)
    }

    /// Says on stderr what there is to do.
    pub(super) fn tell(&self, setting: &Setting, json: bool) {
        let open: Vec<&Job> = self.jobs().filter(|job| !job.is_finished).collect();
        let lacking: usize = open.iter().map(|job| job.pictures - job.kept).sum();
        if json {
            let jobs: Vec<_> = self
                .jobs()
                .map(|job| {
                serde_json::json!({
                    "encoder": job.encoder, "dataset": job.dataset, "pictures": job.pictures, "kept": job.kept,
                    "finished": job.is_finished,
                })
            }).collect();
            eprintln!(
                "{}",
                serde_json::json!({ "plan": jobs, "pictures": lacking, "seconds": self.seconds })
            );
            return;
        }
        setting.datasets.iter().for_each(|dataset| tell_dataset(dataset, setting.options.seed));
        for job in self.jobs() {
            let state = match (job.is_finished, job.kept) {
                (true, _) => "finished".to_owned(),
                (false, 0) => format!("{} pictures", job.pictures),
                (false, kept) => format!("{} pictures, {kept} of them embedded already", job.pictures),
            };
            eprintln!("plan: {} on {}: {state}", job.encoder, job.dataset);
        }
        let (all, finished) = (self.jobs().count(), self.jobs().count() - open.len());
        let time = self.seconds.map_or(String::new(), |s| format!(", about {}", in_words(s)));
        eprintln!(
            "plan: {all} evaluations, {finished} finished; {lacking} pictures to embed{time}, then the probes"
        );
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

fn in_words(seconds: f64) -> String {
    match seconds {
        s if s < 90.0 => format!("{s:.0} s"),
        s if s < 5400.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

fn tell_dataset(dataset: &Dataset, seed: u64) {
    let (name, classes) = (&dataset.name, dataset.classes.len());
    if let Ok(parts) = Parts::of(dataset, seed) {
        let (train, validation, test) = (parts.train.len(), parts.validation.len(), parts.test.len());
        eprintln!(
            "plan: {name}: {classes} classes; fit on {train}, penalty chosen on {validation}, judged on {test} ({})",
            parts.test_name
        );
    }
    for split in Split::ALL {
        if let Some(here) = dataset.counts(split).filter(|here| here.used != here.official) {
            eprintln!("plan: {name}: {split}: {} of {} pictures", here.used, here.official);
        }
    }
    dataset.missing.iter().for_each(|what| eprintln!("plan: {name}: {what}"));
    if dataset.ignored > 0 {
        eprintln!(
            "plan: {name}: {} files are no pictures by their extension and are left out",
            dataset.ignored
        );
    }
    if dataset.split(Split::Test).is_none() {
        eprintln!(
            "plan: {name}: there is no test split; its numbers compare encoders here, not with other reports"
        );
    }
}
