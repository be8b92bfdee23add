//! Progress on stderr: a bar on a terminal, JSON lines when piped, nothing when silenced.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use simclr_eval::run::Follow;
use simclr_eval::{EvalError, Job, Watch};

/// Lines at most this often.
const BETWEEN_LINES: Duration = Duration::from_secs(1);

/// Shows what a long command is doing.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    prefix: String,
    step: String,
    units: usize,
    began: Instant,
    told: Option<Instant>,
    /// What went wrong, of jobs that ended.
    pub(crate) failures: Vec<String>,
}

impl Progress {
    pub(crate) fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{msg:44} {wide_bar} {pos}/{len} {per_sec} {eta}");
            ProgressBar::no_length().with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        let now = Instant::now();
        Self {
            bar,
            prefix: String::new(),
            step: String::new(),
            units: 0,
            began: now,
            told: None,
            failures: Vec::new(),
        }
    }

    /// What the next steps are about.
    pub(crate) fn about(&mut self, subject: String) {
        self.prefix = subject;
    }

    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn tell(&mut self, done: usize) {
        self.told = Some(Instant::now());
        let line = serde_json::json!({
            "about": self.prefix,
            "step": self.step,
            "done": done,
            "of": self.units,
            "seconds": self.began.elapsed().as_secs_f64(),
        });
        eprintln!("{line}");
    }
}

impl Watch for Progress {
    fn begin(&mut self, step: &str, units: usize) {
        step.clone_into(&mut self.step);
        self.units = units;
        self.began = Instant::now();
        self.told = None;
        match &self.bar {
            Some(bar) => {
                bar.set_length(units as u64);
                bar.set_position(0);
                bar.reset_eta();
                bar.set_message(format!("{}: {step}", self.prefix));
            }
            None => self.tell(0),
        }
    }

    fn done(&mut self, units: usize) {
        match &self.bar {
            Some(bar) => bar.set_position(units as u64),
            None => {
                if units >= self.units || self.told.is_none_or(|t| t.elapsed() >= BETWEEN_LINES) {
                    self.tell(units);
                }
            }
        }
    }
}

impl Follow for Progress {
    fn job(&mut self, job: &Job) {
        // A bar that ended is not drawn again.
        *self = Self { failures: std::mem::take(&mut self.failures), ..Self::new() };
        self.about(about(job));
    }

    fn ended(&mut self, job: &Job, problem: Option<&EvalError>) {
        self.finish();
        self.failures.extend(problem.map(|error| format!("{}: {error}", about(job))));
    }
}

fn about(job: &Job) -> String {
    format!("{} on {}", job.encoder, job.dataset)
}
