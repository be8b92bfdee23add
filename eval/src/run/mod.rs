//! A whole run: encoders × datasets in, outcomes in storage out, whoever asked: the command line or the server.
//!
//! What is finished is not done again, and one pair that fails does not stop the others. Prints nothing and reads no
//! environment: a [`Follow`] is told.

mod find;
mod plan;
mod timed;

use simclr_datasets::Dataset;
use simclr_models::Artefact;

use crate::{Cache, EncoderSpec, EvalError, Job, Options, Source, Storage, Watch, evaluate};
pub use find::{Found, Listed, find, listed};
pub use plan::Plan;
use timed::Timed;

/// What a run is made of.
pub struct Setting {
    /// Encoders, each by its name once.
    pub specs: Vec<EncoderSpec>,
    /// What baselines resemble.
    pub like: Option<Artefact>,
    /// Datasets, each by its name once.
    pub datasets: Vec<Dataset>,
    /// What is measured and how.
    pub options: Options,
    /// Where outcomes go.
    pub out: Storage,
    /// Where features and finished stages are kept.
    pub cache: Cache,
    /// Threads of the encoder.
    pub threads: usize,
}

/// Is told how a whole run goes, besides how each of its steps does.
pub trait Follow: Watch {
    /// An encoder on a dataset begins.
    fn job(&mut self, job: &Job);
    /// It ended: well, or for this reason.
    fn ended(&mut self, job: &Job, problem: Option<&EvalError>);
}

/// Does what is planned and not finished; what failed is told to `follow` and does not stop the others.
///
/// # Errors
/// When an encoder does not open or a result cannot be written.
pub fn run(setting: &Setting, plan: &Plan, follow: &mut dyn Follow) -> Result<(), EvalError> {
    for (spec, jobs) in setting.specs.iter().zip(&plan.by_encoder) {
        let open: Vec<&(usize, Job)> = jobs.iter().filter(|(_, job)| !job.is_finished).collect();
        if open.is_empty() {
            continue;
        }
        let mut source = Source::open(spec, setting.like.as_ref(), setting.threads)?;
        for (dataset, job) in open {
            follow.job(job);
            let mut watch = Timed::new(follow);
            let dataset = &setting.datasets[*dataset];
            match evaluate(&mut source, dataset, &setting.options, &setting.cache, &mut watch) {
                Ok(evaluation) => {
                    let place = job.place(&setting.out);
                    // Beside the outcome, which holds no times, and before it, which says that the job is finished.
                    let times = serde_json::to_vec_pretty(&watch.finish())
                        .map_err(|e| EvalError::result(&place, "times.json", &e))?;
                    place.write("times.json", &times)?;
                    evaluation.save(&setting.out)?;
                    follow.ended(job, None);
                }
                Err(error) => follow.ended(job, Some(&error)),
            }
        }
    }
    Ok(())
}
