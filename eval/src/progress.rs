//! Progress on stderr: a bar on a terminal, JSON lines when piped, nothing when silenced.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use simclr_eval::Watch;

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
}

impl Progress {
    pub(crate) fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{msg:44} {wide_bar} {pos}/{len} {per_sec} {eta}");
            ProgressBar::no_length().with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        let now = Instant::now();
        Self { bar, prefix: String::new(), step: String::new(), units: 0, began: now, told: None }
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

/// Passes everything on, and remembers how long each step took.
pub(crate) struct Timed {
    pub(crate) progress: Progress,
    seconds: BTreeMap<String, f64>,
    step: Option<(String, Instant)>,
}

impl Timed {
    pub(crate) fn new(progress: Progress) -> Self {
        Self { progress, seconds: BTreeMap::new(), step: None }
    }

    fn end_step(&mut self) {
        if let Some((step, began)) = self.step.take() {
            *self.seconds.entry(step).or_default() += began.elapsed().as_secs_f64();
        }
    }

    /// Ends the progress; gives the seconds of every step.
    pub(crate) fn finish(mut self) -> BTreeMap<String, f64> {
        self.end_step();
        self.progress.finish();
        self.seconds
    }
}

impl Watch for Timed {
    fn begin(&mut self, step: &str, units: usize) {
        self.end_step();
        self.step = Some((step.to_owned(), Instant::now()));
        self.progress.begin(step, units);
    }

    fn done(&mut self, units: usize) {
        self.progress.done(units);
    }
}
