//! A run's lines shown to a person as a bar, to a program as JSON lines.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};
use simclr_train::progress::{Line, Record};

pub(crate) struct Show {
    bar: Option<ProgressBar>,
}

impl Show {
    pub(crate) fn new(json: bool) -> Self {
        let style = "{bar:30} {pos}/{len} steps  {msg}  {eta} left";
        let bar = (!json && std::io::stdout().is_terminal()).then(|| {
            let bar = ProgressBar::new(0);
            bar.set_style(
                ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()),
            );
            bar
        });
        Self { bar }
    }

    pub(crate) fn line(&mut self, line: &Line) {
        match (&self.bar, line) {
            (None, line) => println!("{}", serde_json::to_string(line).unwrap_or_default()),
            (Some(bar), Line::Step(record)) => advance(bar, record),
            (Some(bar), Line::Broken(unread)) => {
                bar.println(format!("WARNING: replaced: {}", unread.picture));
            }
        }
    }

    pub(crate) fn end(&mut self) {
        if let Some(bar) = &self.bar {
            bar.abandon();
        }
    }
}

fn advance(bar: &ProgressBar, record: &Record) {
    bar.set_length(record.steps);
    if bar.position() == 0 {
        bar.reset_eta();
    }
    bar.set_position(record.step);
    bar.set_message(format!(
        "epoch {:.2}  loss {:.4}  rate {:.4}  {:.0} pictures/s  waiting {:.0} %",
        record.epoch,
        record.loss,
        record.rate,
        record.pictures_per_second,
        100.0 * record.waiting
    ));
}
