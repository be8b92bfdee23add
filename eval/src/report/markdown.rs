//! The report as Markdown: tables that read well as plain text too.

use std::fmt::Write as _;

use super::document::{DatasetRow, Document, Entry, measured};
use super::fine_tuned;

/// The whole report.
pub fn markdown(report: &Document) -> String {
    let mut text = format!("# Evaluation\n\n{}", overview(report));
    for dataset in &report.datasets {
        let _ = writeln!(text, "## {}\n", escape(&dataset.title));
        let entries: Vec<&Entry> = report.results.iter().filter(|e| e.dataset == dataset.name).collect();
        text.push_str(&scores(&entries));
        entries.iter().for_each(|entry| text.push_str(&notes(entry)));
        text.push('\n');
    }
    text.push_str(&fine_tuned::in_markdown(&report.fine_tuned, &report.datasets));
    if !report.comparisons.is_empty() {
        text.push_str(
            "## Encoder against encoder\n\n| dataset | a | b | only a right | only b right | a − b | p |\n",
        );
        text.push_str("|---|---|---|---:|---:|---:|---:|\n");
        for v in &report.comparisons {
            let names = [&v.dataset, &v.a, &v.b].map(|name| escape(name)).join(" | ");
            let _ = writeln!(
                text,
                "| {names} | {} | {} | {:+.2} | {} |",
                v.only_a,
                v.only_b,
                v.difference,
                p_value(v.p)
            );
        }
        text.push_str("\np: McNemar's exact test, two-sided; it says nothing about what another training run would differ by.\n");
    }
    text
}

/// A p-value as people read it.
pub(super) fn p_value(p: f64) -> String {
    if p < 1e-4 { "< 0.0001".to_owned() } else { format!("{p:.4}") }
}

fn overview(report: &Document) -> String {
    let titles: Vec<String> = report.datasets.iter().map(|d| escape(&d.title)).collect();
    let mut text = format!("| encoder | {} |\n|---|{}\n", titles.join(" | "), "---:|".repeat(titles.len()));
    for encoder in &report.encoders {
        let cells: Vec<String> =
            report.datasets.iter().map(|dataset| cell(report, encoder, dataset)).collect();
        let _ = writeln!(text, "| {} | {} |", escape(encoder), cells.join(" | "));
    }
    let mut names: Vec<&str> = report.published.iter().map(|cited| cited.name).collect();
    names.dedup();
    names.sort_unstable();
    names.dedup();
    for name in &names {
        let value = |dataset: &DatasetRow| {
            let cited = report.published.iter().find(|c| c.name == *name && c.dataset == dataset.name);
            cited.map_or_else(|| "–".to_owned(), |cited| format!("{:.1}", cited.value))
        };
        let cells: Vec<String> = report.datasets.iter().map(value).collect();
        let _ = writeln!(text, "| *{name}, published* | {} |", cells.join(" | "));
    }
    let metrics: Vec<String> =
        report.datasets.iter().map(|d| format!("{}: {}", escape(&d.title), d.metric)).collect();
    let _ = writeln!(
        text,
        "\nPercent, of the linear probe where one was fitted, with 95 % intervals. {}.",
        metrics.join("; ")
    );
    if !names.is_empty() {
        let _ = writeln!(text, "Published: {}.", report.published_source);
    }
    text.push('\n');
    text
}

fn cell(report: &Document, encoder: &str, dataset: &DatasetRow) -> String {
    let Some(entry) = report.entry(encoder, &dataset.name) else { return "–".to_owned() };
    let Some(score) = entry.main_score() else { return "–".to_owned() };
    let within = score.interval.map(|[low, high]| format!(" ({low:.2}–{high:.2})")).unwrap_or_default();
    let part = entry.judged().filter(|n| n.used < n.official);
    let part = part.map(|n| format!(" [{} of {}]", n.used, n.official)).unwrap_or_default();
    format!("{:.2}{within}{part}", score.value)
}

fn scores(entries: &[&Entry]) -> String {
    let mut text = String::from("| method | metric |");
    entries.iter().for_each(|entry| text.push_str(&format!(" {} |", escape(&entry.encoder))));
    let _ = writeln!(text, "\n|---|---|{}", "---:|".repeat(entries.len()));
    for (method, metric) in measured(entries) {
        let _ = write!(text, "| {} | {} |", escape(method), escape(metric));
        for entry in entries {
            let score = entry.score(method, metric);
            let _ =
                write!(text, " {} |", score.map_or_else(|| "–".to_owned(), |s| format!("{:.2}", s.value)));
        }
        text.push('\n');
    }
    text.push('\n');
    text
}

fn notes(entry: &Entry) -> String {
    let mut text = String::new();
    let encoder = escape(&entry.encoder);
    if let Some(probe) = &entry.probe {
        let edge =
            if probe.is_at_the_edge { ", at the edge of the grid: a better one may lie beyond" } else { "" };
        let _ = writeln!(
            text,
            "- {encoder}: λ = {:.3e} of the mean objective{edge}, C = {:.3e} for {} rows; gradient {:.1e} after {} evaluations",
            probe.penalty, probe.sklearn_c, probe.rows, probe.gradient, probe.evaluations
        );
    }
    if let Some(n) = entry.judged() {
        let _ = writeln!(
            text,
            "- {encoder}: judged on {} of {} pictures ({})",
            n.used,
            n.official,
            escape(&entry.split)
        );
    }
    for broken in &entry.broken {
        let _ = writeln!(text, "- {encoder}: left out {}: {}", escape(&broken.name), escape(&broken.reason));
    }
    for worst in entry.confused.iter().take(3) {
        let (shows, taken_for) = (escape(&worst.shows), escape(&worst.taken_for));
        let _ = writeln!(text, "- {encoder}: {} pictures of {shows} taken for {taken_for}", worst.pictures);
    }
    text
}

/// Text that neither ends a cell nor becomes a tag or emphasis.
pub(super) fn escape(text: &str) -> String {
    let mut to = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => to.push_str("&lt;"),
            '&' => to.push_str("&amp;"),
            '|' | '*' | '`' | '[' | ']' | '\\' => to.extend(['\\', c]),
            c if c.is_control() => to.push(' '),
            c => to.push(c),
        }
    }
    to
}
