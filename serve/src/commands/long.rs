//! What commands that embed many pictures share: their configuration, being told to stop, and telling how far they are.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use simclr_serve::{Config, RawConfig, Told};

/// Set by Ctrl-C and SIGTERM.
static STOP: AtomicBool = AtomicBool::new(false);
/// Lines at most this often.
const BETWEEN_LINES: Duration = Duration::from_secs(1);

/// The configuration of a command that embeds by one model into a data folder, with the server's options besides.
pub(crate) fn embedding_config(raw: RawConfig, model: &Path, data_dir: PathBuf) -> anyhow::Result<Config> {
    let (model, data_dir) = (Some(model.to_owned()), Some(data_dir));
    let raw = RawConfig { model, models_dir: None, data_dir, store: None, listen: None, ..raw };
    Ok(Config::check(raw)?)
}

/// What Ctrl-C and SIGTERM set from now on.
pub(crate) fn told_to_stop() -> anyhow::Result<&'static AtomicBool> {
    ctrlc::set_handler(|| {
        // A second one does not wait for what is in hand.
        if STOP.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    })?;
    Ok(&STOP)
}

/// A bar on a terminal; elsewhere JSON lines, now and then.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    pub(crate) begun: Instant,
    told: Option<Instant>,
    of: usize,
}

impl Progress {
    pub(crate) fn new() -> Self {
        let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} pictures, {per_sec}, {eta} left");
        let bar = std::io::stderr().is_terminal().then(|| {
            ProgressBar::no_length().with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        Self { bar, begun: Instant::now(), told: None, of: 0 }
    }

    pub(crate) fn hear(&mut self, told: &Told<'_>) {
        match (told, &self.bar) {
            (Told::Found(of), bar) => {
                self.of = *of;
                bar.iter().for_each(|bar| bar.set_length(*of as u64));
            }
            (Told::Done(done), Some(bar)) => bar.set_position(*done as u64),
            (Told::Done(done), None) => self.line(*done),
            (Told::Broken(path, reason), Some(bar)) => bar.println(format!("{path}: {reason}")),
            (Told::Broken(path, reason), None) => eprintln!("{}", json!({"broken": path, "reason": reason})),
        }
    }

    fn line(&mut self, done: usize) {
        if done >= self.of || self.told.is_none_or(|told| told.elapsed() >= BETWEEN_LINES) {
            self.told = Some(Instant::now());
            let seconds = self.begun.elapsed().as_secs_f64();
            eprintln!("{}", json!({"done": done, "of": self.of, "seconds": seconds}));
        }
    }

    pub(crate) fn finish(&self) {
        self.bar.iter().for_each(ProgressBar::finish_and_clear);
    }
}
