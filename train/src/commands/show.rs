//! A run's lines shown to a person as a bar, to a program as JSON lines.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};
use simclr_train::progress::{Line, Monitored, Record};

pub(crate) struct Show {
    bar: Option<ProgressBar>,
    run: Option<String>,
}

impl Show {
    pub(crate) fn new(json: bool) -> Self {
        let style = "{prefix}{bar:30} {pos}/{len} steps  {msg}  {eta} left";
        let bar = (!json && std::io::stdout().is_terminal()).then(|| {
            let bar = ProgressBar::new(0);
            bar.set_style(
                ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()),
            );
            bar
        });
        Self { bar, run: None }
    }

    pub(crate) fn line(&mut self, line: &Line) {
        match (&self.bar, line) {
            (None, line) => println!("{}", serde_json::to_string(line).unwrap_or_default()),
            (Some(bar), Line::Step(record)) => advance(bar, record),
            (Some(bar), Line::Monitor(looked)) => bar.println(looked_at(looked)),
            (Some(bar), Line::Broken(unread)) => {
                bar.println(format!("WARNING: replaced: {}", unread.picture));
            }
        }
    }

    /// A line of one run of many.
    pub(crate) fn one_of(&mut self, name: &str, line: &Line) {
        if self.run.as_deref() != Some(name) {
            match &self.bar {
                Some(bar) => {
                    bar.reset();
                    bar.set_prefix(format!("{name}  "));
                }
                None => println!("{}", serde_json::json!({ "run": name })),
            }
            self.run = Some(name.to_owned());
        }
        self.line(line);
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

fn looked_at(looked: &Monitored) -> String {
    let Monitored { epoch, look, .. } = looked;
    let linear = look.linear.map(|linear| format!("  linear {linear:.2} %")).unwrap_or_default();
    format!(
        "epoch {epoch:.0}  kNN {:.2} %{linear}  on {} pictures, {}",
        look.knn, look.judged, look.judged_on
    )
}
