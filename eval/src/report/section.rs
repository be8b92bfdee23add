//! A dataset's part of the page: every number, the penalties, and what each encoder gets wrong.

use std::fmt::Write as _;

use super::confusion::{ClassResult, Confusion};
use super::document::{DatasetRow, Document, Entry, measured};
use super::gather::Result;
use super::html::anchor;
use super::page::{Row, escape, table};
use super::pictures::Pictures;
use super::plot::{Curve, heat, legend, path};

/// Classes a heat map can show.
const HEAT_MAX: usize = 20;
/// Classes listed as worst.
const WORST: usize = 6;
/// Pictures shown of each.
const SHOWN: usize = 6;

/// The section of one dataset.
pub(super) fn section(
    report: &Document,
    dataset: &DatasetRow,
    results: &[Result],
    pictures: &Pictures,
) -> String {
    let entries: Vec<&Entry> = report.results.iter().filter(|e| e.dataset == dataset.name).collect();
    let mut text = format!("<h2 id=\"{}\">{}</h2>\n", anchor(dataset), escape(&dataset.title));
    let Some(first) = entries.first() else { return text };
    let _ = writeln!(
        text,
        "<p class=\"soft\">{} classes, judged by {} on {}.</p>",
        first.classes,
        escape(&dataset.metric),
        escape(&first.split)
    );
    text.push_str(&counts(&entries));
    text.push_str(&scores(&entries));
    text.push_str(&penalties(report, &entries));
    let best = entries.iter().max_by(|a, b| value(a).total_cmp(&value(b))).map(|e| &e.encoder);
    for entry in &entries {
        let result =
            results.iter().find(|r| r.outcome.dataset == entry.dataset && r.outcome.encoder == entry.encoder);
        let Some(result) = result else { continue };
        let mistakes = mistakes(entry, result, pictures);
        if mistakes.is_empty() {
            continue;
        }
        let open = if Some(&entry.encoder) == best { " open" } else { "" };
        let _ = writeln!(
            text,
            "<details{open}><summary>What {} gets wrong</summary>\n{mistakes}</details>",
            escape(&entry.encoder)
        );
    }
    text
}

fn value(entry: &Entry) -> f64 {
    entry.main_score().map_or(f64::NEG_INFINITY, |score| score.value)
}

/// What was left out, if anything was, the same for all encoders said once.
fn counts(entries: &[&Entry]) -> String {
    let mut text = String::new();
    let mut said: Vec<String> = Vec::new();
    for entry in entries {
        let splits = [
            ("train", entry.pictures.train),
            ("validation", entry.pictures.validation),
            ("test", entry.pictures.test),
        ];
        let part = |(name, count): &(&str, Option<crate::Count>)| {
            count.map(|n| format!("{name} {} of {}", n.used, n.official))
        };
        let is_part = splits.iter().any(|(_, count)| count.is_some_and(|n| n.used < n.official));
        let counts: Vec<String> = splits.iter().filter_map(part).collect();
        let broken: Vec<String> = entry
            .broken
            .iter()
            .map(|b| format!("<code>{}</code> ({})", escape(&b.name), escape(&b.reason)))
            .collect();
        let mut note = if is_part {
            format!("Not all pictures were there: {}. ", counts.join(", "))
        } else {
            String::new()
        };
        if !broken.is_empty() {
            let _ = write!(note, "{} could not be read: {}.", broken.len(), broken.join(", "));
        }
        if !note.is_empty() && !said.contains(&note) {
            let _ = writeln!(text, "<p class=\"note\">{note}</p>");
            said.push(note);
        }
    }
    text
}

fn scores(entries: &[&Entry]) -> String {
    let encoders = entries.iter().map(|entry| escape(&entry.encoder));
    let heads: Vec<String> = std::iter::once("method".to_owned()).chain(encoders).collect();
    let row = |&(method, metric): &(&str, &str)| {
        let of = |entry: &&Entry| {
            let score = entry.score(method, metric);
            let within = score
                .and_then(|s| s.interval)
                .map(|[low, high]| format!("<span class=\"within\">{low:.2} – {high:.2}</span>"));
            score.map_or_else(|| "–".to_owned(), |s| format!("{:.2}{}", s.value, within.unwrap_or_default()))
        };
        let name = format!("{} <span class=\"soft\">{}</span>", escape(method), escape(metric));
        Row { class: None, cells: std::iter::once(name).chain(entries.iter().map(of)).collect() }
    };
    table("", &heads, &measured(entries).iter().map(row).collect::<Vec<_>>())
}

fn penalties(report: &Document, entries: &[&Entry]) -> String {
    let colour = |entry: &Entry| report.encoders.iter().position(|name| *name == entry.encoder).unwrap_or(0);
    let curve = |entry: &&'_ Entry| {
        let probe = entry.probe.as_ref()?;
        let points: Vec<(f64, f64)> = probe.trials.iter().map(|t| (t.penalty, t.validation)).collect();
        Some((colour(entry), points, probe.penalty))
    };
    let found: Vec<_> = entries.iter().filter_map(|e| Some((e.encoder.as_str(), curve(e)?))).collect();
    if found.is_empty() {
        return String::new();
    }
    let curves: Vec<Curve<'_>> = found
        .iter()
        .map(|(name, (colour, points, chosen))| Curve {
            colour: *colour,
            name,
            points: points.clone(),
            chosen: *chosen,
        })
        .collect();
    let row = |entry: &&Entry| {
        let probe = entry.probe.as_ref()?;
        let edge = if probe.is_at_the_edge { " <span class=\"partial\">at the edge</span>" } else { "" };
        let cells = vec![
            escape(&entry.encoder),
            format!("{:.2e}{edge}", probe.penalty),
            format!("{:.2e}", probe.sklearn_c),
            probe.rows.to_string(),
            format!("{:.0e}", probe.gradient),
            probe.evaluations.to_string(),
        ];
        Some(Row { class: None, cells })
    };
    let rows: Vec<Row> = entries.iter().filter_map(row).collect();
    let heads = ["probe", "λ", "C", "rows", "gradient", "evaluations"].map(str::to_owned);
    format!(
        "<div class=\"pair\"><figure>{}<figcaption>Percent on validation by penalty; a ring marks the choice.</figcaption>{}</figure>\n\
         <div>{}<p class=\"soft small\">λ multiplies the squared weights of the mean objective; C = 1/(rows · λ) is scikit-learn's. \
         The gradient's largest entry, at the end.</p></div></div>\n",
        path(&curves),
        legend(found.iter().map(|(name, (colour, ..))| (*colour, *name))),
        table("", &heads, &rows)
    )
}

fn mistakes(entry: &Entry, result: &Result, pictures: &Pictures) -> String {
    let classes = &result.outcome.classes;
    let Some(confusion) = Confusion::of(&result.predictions, classes.len()) else { return String::new() };
    let mut text = String::from("<div class=\"pair\">");
    if classes.len() <= HEAT_MAX {
        let _ = write!(
            text,
            "<figure>{}<figcaption>Pictures by what they show (rows) and what they were taken for (columns).</figcaption></figure>",
            heat(classes, &confusion.counts)
        );
    }
    let confused = entry.confused.iter().map(|c| Row {
        class: None,
        cells: vec![
            escape(&c.shows),
            escape(&c.taken_for),
            format!("{} <span class=\"soft\">{:.1} %</span>", c.pictures, c.percent),
        ],
    });
    let heads = ["shows", "taken for", "pictures"].map(str::to_owned);
    let _ = writeln!(
        text,
        "<div><h3>Most confused</h3>{}</div></div>",
        table("", &heads, &confused.collect::<Vec<_>>())
    );
    let mut worst: Vec<&ClassResult> =
        entry.by_class.iter().filter(|class| class.right < class.pictures).collect();
    worst.sort_by(|a, b| a.percent.total_cmp(&b.percent));
    if !worst.is_empty() {
        text.push_str("<h3>Worst classes</h3>\n");
    }
    for class in worst.into_iter().take(WORST) {
        let _ = writeln!(
            text,
            "<p><b>{}</b> <span class=\"soft\">{} of {} right, {:.1} %</span></p>",
            escape(&class.name),
            class.right,
            class.pictures,
            class.percent
        );
        text.push_str(&shots(class, result, &confusion, pictures));
    }
    text
}

/// Pictures of a class that were taken for another, the surest mistakes first.
fn shots(class: &ClassResult, result: &Result, confusion: &Confusion, pictures: &Pictures) -> String {
    let (classes, predictions) = (&result.outcome.classes, &result.predictions);
    let sureness = |i: usize| predictions.scores.get(i * predictions.classes + confusion.guesses[i]).copied();
    let is_wrong = |&i: &usize| {
        classes[confusion.truths[i]] == class.name && confusion.guesses[i] != confusion.truths[i]
    };
    let mut wrong: Vec<usize> = (0..confusion.truths.len()).filter(is_wrong).collect();
    wrong.sort_by(|&a, &b| sureness(b).unwrap_or(0.0).total_cmp(&sureness(a).unwrap_or(0.0)).then(a.cmp(&b)));
    let shot = |&i: &usize| {
        let name = result.samples.get(i)?;
        let image = pictures.show(&result.outcome.dataset, name, name)?;
        let sure = sureness(i).map(|p| format!(" {:.0} %", 100.0 * p)).unwrap_or_default();
        let guess = escape(&classes[confusion.guesses[i]]);
        Some(format!(
            "<figure>{image}<figcaption>{guess}<span class=\"soft\">{sure}</span></figcaption></figure>"
        ))
    };
    let shots: Vec<String> = wrong.iter().filter_map(shot).take(SHOWN).collect();
    if shots.is_empty() { String::new() } else { format!("<div class=\"shots\">{}</div>\n", shots.concat()) }
}
