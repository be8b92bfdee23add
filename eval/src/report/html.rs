//! The report as one self-contained page.

use std::fmt::Write as _;

use super::document::{DatasetRow, Document};
use super::fine_tuned;
use super::gather::Result;
use super::markdown::p_value;
use super::page::{Row, escape, page, table};
use super::pictures::Pictures;
use super::plot::{Dot, DotRow, dots, legend};
use super::section::section;

/// The page of a report made from these results; `pictures` are shown where they are at hand.
pub fn html(report: &Document, results: &[Result], pictures: &Pictures) -> String {
    let (encoders, datasets) = (report.encoders.len(), report.datasets.len());
    let mut body = String::from("<h1>Evaluation</h1>\n");
    let plural = |n: usize, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
    let _ = writeln!(
        body,
        "<p class=\"soft\">{} on {}. Percent, of the linear probe where one was fitted, in each dataset's own metric, below \
         it the 95 % interval over test pictures.</p>",
        plural(encoders, "encoder"),
        plural(datasets, "dataset")
    );
    body.push_str("<nav>");
    for dataset in &report.datasets {
        let _ = write!(body, "<a href=\"#{}\">{}</a>", anchor(dataset), escape(&dataset.title));
    }
    body.push_str("</nav>\n");
    body.push_str(&overview(report));
    body.push_str(&glance(report));
    for dataset in &report.datasets {
        body.push_str(&section(report, dataset, results, pictures));
    }
    body.push_str(&fine_tuned::in_html(&report.fine_tuned, &report.datasets));
    body.push_str(&comparisons(report));
    page("Evaluation", &body)
}

/// Where a dataset's section is; the catalog's names need no escaping, others do.
pub(super) fn anchor(dataset: &DatasetRow) -> String {
    format!("dataset-{}", escape(&dataset.name))
}

fn overview(report: &Document) -> String {
    let head = |d: &DatasetRow| {
        format!(
            "<a href=\"#{}\">{}</a><br><span class=\"soft small\">{}</span>",
            anchor(d),
            escape(&d.title),
            escape(&d.metric)
        )
    };
    let heads: Vec<String> =
        std::iter::once("encoder".to_owned()).chain(report.datasets.iter().map(head)).collect();
    let mut rows: Vec<Row> = Vec::new();
    for encoder in &report.encoders {
        let cells = report.datasets.iter().map(|dataset| cell(report, encoder, dataset));
        rows.push(Row { class: None, cells: std::iter::once(escape(encoder)).chain(cells).collect() });
    }
    let mut names: Vec<&str> = Vec::new();
    for cited in &report.published {
        if !names.contains(&cited.name) {
            names.push(cited.name);
        }
    }
    if !names.is_empty() {
        let source = format!("Published, pretrained on ImageNet: {}", escape(report.published_source));
        rows.push(Row { class: Some("part"), cells: vec![source] });
    }
    for name in names {
        let value = |dataset: &DatasetRow| {
            let cited = report.published.iter().find(|c| c.name == name && c.dataset == dataset.name);
            cited.map_or_else(|| "–".to_owned(), |cited| format!("{:.1}", cited.value))
        };
        let cells = std::iter::once(escape(name)).chain(report.datasets.iter().map(value)).collect();
        rows.push(Row { class: Some("cited"), cells });
    }
    table("", &heads, &rows)
}

fn cell(report: &Document, encoder: &str, dataset: &DatasetRow) -> String {
    let Some((entry, score)) =
        report.entry(encoder, &dataset.name).and_then(|entry| Some((entry, entry.main_score()?)))
    else {
        return "–".to_owned();
    };
    let rivals = report.results.iter().filter(|e| e.dataset == dataset.name).filter_map(|e| e.main_score());
    let is_best = report.encoders.len() > 1 && rivals.into_iter().all(|other| other.value <= score.value);
    let mut text = if is_best {
        format!("<span class=\"best\">{:.2}</span>", score.value)
    } else {
        format!("{:.2}", score.value)
    };
    if score.method != "linear" {
        let _ = write!(text, "<span class=\"within\">{}</span>", escape(&score.method));
    }
    if let Some([low, high]) = score.interval {
        let _ = write!(text, "<span class=\"within\">{low:.2} – {high:.2}</span>");
    }
    if let Some(n) = entry.judged().filter(|n| n.used < n.official) {
        let _ = write!(text, "<span class=\"within partial\">{} of {}</span>", n.used, n.official);
    }
    text
}

fn glance(report: &Document) -> String {
    let row = |dataset: &DatasetRow| {
        let dot = |(colour, name): (usize, &'_ String)| {
            let score = report.entry(name, &dataset.name)?.main_score()?;
            Some((colour, score.value, score.interval))
        };
        let found = report.encoders.iter().enumerate().filter_map(|(i, name)| Some((name, dot((i, name))?)));
        let dots = found.map(|(name, (colour, value, interval))| Dot { colour, name, value, interval });
        let cited = report.published.iter().filter(|c| c.dataset == dataset.name).map(|c| (c.name, c.value));
        DotRow { title: dataset.title.clone(), dots: dots.collect(), cited: cited.collect() }
    };
    let rows: Vec<DotRow<'_>> = report.datasets.iter().map(row).collect();
    let names = legend(report.encoders.iter().map(String::as_str).enumerate());
    format!(
        "<figure>{}<figcaption>Percent; a bar through a dot is its 95 % interval, grey lines are published figures.</figcaption>\
         </figure>\n{names}",
        dots(&rows)
    )
}

fn comparisons(report: &Document) -> String {
    if report.comparisons.is_empty() {
        return String::new();
    }
    let heads = ["dataset", "a", "b", "pictures", "only a right", "only b right", "a − b, points", "p"];
    let row = |v: &super::versus::Versus| {
        let title = report.datasets.iter().find(|d| d.name == v.dataset).map_or(&v.dataset, |d| &d.title);
        let counts = [v.pictures, v.only_a, v.only_b].map(|n| n.to_string());
        let [pictures, only_a, only_b] = counts;
        let (difference, p) = (format!("{:+.2}", v.difference), p_value(v.p));
        let is_sure = v.p < 0.05;
        let difference = if is_sure { format!("<b>{difference}</b>") } else { difference };
        let cells =
            vec![escape(title), escape(&v.a), escape(&v.b), pictures, only_a, only_b, difference, escape(&p)];
        Row { class: None, cells }
    };
    let rows: Vec<Row> = report.comparisons.iter().map(row).collect();
    format!(
        "<h2 id=\"versus\">Encoder against encoder</h2>\n<p class=\"soft\">On the same test pictures, of the same classifier. p is \
         McNemar's exact two-sided test over pictures, bold below 0.05, not corrected for the number of comparisons; what another training \
         run would differ by is not in it.</p>\n{}",
        table("", &heads.map(str::to_owned), &rows)
    )
}
