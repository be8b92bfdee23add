//! What a run is going to do, told before it does it.

use simclr_datasets::{Dataset, Split};
use simclr_eval::run::{Plan, Setting};
use simclr_eval::{Job, Parts};

/// Says on stderr what there is to do.
pub(super) fn tell(plan: &Plan, setting: &Setting, json: bool) {
    let open: Vec<&Job> = plan.jobs().filter(|job| !job.is_finished).collect();
    let lacking: usize = open.iter().map(|job| job.pictures - job.kept).sum();
    if json {
        let jobs: Vec<_> = plan
            .jobs()
            .map(|job| {
            serde_json::json!({
                "encoder": job.encoder, "dataset": job.dataset, "pictures": job.pictures, "kept": job.kept,
                "finished": job.is_finished,
            })
        }).collect();
        eprintln!("{}", serde_json::json!({ "plan": jobs, "pictures": lacking, "seconds": plan.seconds }));
        return;
    }
    setting.datasets.iter().for_each(|dataset| tell_dataset(dataset, setting.options.seed));
    for job in plan.jobs() {
        let state = match (job.is_finished, job.kept) {
            (true, _) => "finished".to_owned(),
            (false, 0) => format!("{} pictures", job.pictures),
            (false, kept) => format!("{} pictures, {kept} of them embedded already", job.pictures),
        };
        eprintln!("plan: {} on {}: {state}", job.encoder, job.dataset);
    }
    let (all, finished) = (plan.jobs().count(), plan.jobs().count() - open.len());
    let time = plan.seconds.map_or(String::new(), |s| format!(", about {}", in_words(s)));
    eprintln!(
        "plan: {all} evaluations, {finished} finished; {lacking} pictures to embed{time}, then the probes"
    );
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
