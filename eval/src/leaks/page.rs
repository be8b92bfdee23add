//! Leaks as a page: each test picture beside the training picture it was found to be.

use std::collections::HashMap;
use std::fmt::Write as _;

use simclr_datasets::{Dataset, Sample, Split};
use simclr_models::Limits;

use super::{Leak, Leaks, Looked, TestLeaks};
use crate::report::page::{Row, escape, page, table, thumbnail};

/// Pairs shown of one test set at most, evenly chosen from the surest to the least sure.
const SHOWN: usize = 400;

impl Leaks {
    /// One self-contained page; pictures are read again from the datasets, which must be those that were searched.
    pub fn page(&self, train: &[Dataset], tests: &[Dataset], limits: &Limits) -> String {
        let mut body = String::from("<h1>Test pictures among training pictures</h1>\n");
        let sets: Vec<String> = self.train.iter().map(searched).collect();
        let _ = writeln!(
            body,
            "<p class=\"soft\">Looked for in {}. Candidates by the embeddings of <b>{}</b> and by a hash of shades; two pictures \
             count as one from a similarity of {:.2}.</p>",
            sets.join(", "),
            escape(&self.encoder),
            self.above
        );
        let rows: Vec<Row> = self.tests.iter().map(summary).collect();
        let heads = ["test set", "pictures", "leaked", "of these equal in every pixel", "labelled otherwise"];
        body.push_str(&table("", &heads.map(str::to_owned), &rows));
        let known = by_name(train);
        let judged = by_name(tests);
        for test in &self.tests {
            let name = &test.looked.dataset;
            let _ = writeln!(body, "<h2>{}</h2>", escape(name));
            body.push_str(&broken(&test.looked));
            let shown = surest_first(&test.leaks);
            if shown.len() < test.leaks.len() {
                let _ =
                    writeln!(body, "<p>{} of {} pairs, evenly chosen.</p>", shown.len(), test.leaks.len());
            }
            body.push_str("<div class=\"twos\">\n");
            for leak in shown {
                let image = |at: &HashMap<(&str, String), &Sample>, dataset: &str, name: &str| {
                    let sample = at.get(&(dataset, name.to_owned()));
                    let picture = sample.and_then(|sample| sample.load(limits).ok());
                    picture.map(|picture| thumbnail(&picture, name)).unwrap_or_default()
                };
                let left = image(&judged, name, &leak.test);
                let right = image(&known, &leak.train_dataset, &leak.train);
                body.push_str(&pair(leak, &left, &right));
            }
            body.push_str("</div>\n");
        }
        page("Test pictures among training pictures", &body)
    }
}

fn searched(looked: &Looked) -> String {
    format!("{} ({}, {} pictures)", escape(&looked.dataset), looked.splits, looked.pictures)
}

fn summary(test: &TestLeaks) -> Row {
    let count = |is: fn(&Leak) -> bool| test.leaks.iter().filter(|leak| is(leak)).count().to_string();
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    let share = 100.0 * test.leaks.len() as f64 / test.looked.pictures.max(1) as f64;
    let cells = vec![
        format!("{} {}", escape(&test.looked.dataset), test.looked.splits),
        test.looked.pictures.to_string(),
        format!("{} ({share:.2} %)", test.leaks.len()),
        count(|leak| leak.is_exact),
        count(|leak| leak.test_classes != leak.train_classes),
    ];
    Row { class: None, cells }
}

fn broken(looked: &Looked) -> String {
    if looked.broken.is_empty() {
        return String::new();
    }
    let names: Vec<String> =
        looked.broken.iter().map(|name| format!("<code>{}</code>", escape(name))).collect();
    format!("<p class=\"note\">{} pictures could not be read: {}</p>\n", names.len(), names.join(", "))
}

fn by_name(datasets: &[Dataset]) -> HashMap<(&str, String), &Sample> {
    let mut samples = HashMap::new();
    for dataset in datasets {
        for sample in Split::ALL.into_iter().filter_map(|split| dataset.split(split)).flatten() {
            samples.insert((dataset.name.as_str(), sample.name()), sample);
        }
    }
    samples
}

fn surest_first(leaks: &[Leak]) -> Vec<&Leak> {
    let mut order: Vec<&Leak> = leaks.iter().collect();
    order.sort_by(|a, b| b.is_exact.cmp(&a.is_exact).then(b.similarity.total_cmp(&a.similarity)));
    let count = order.len();
    if count <= SHOWN {
        return order;
    }
    (0..SHOWN).map(|i| order[i * count / SHOWN]).collect()
}

fn pair(leak: &Leak, left: &str, right: &str) -> String {
    let classes = |names: &[String]| escape(&names.join(", "));
    let labels = if leak.test_classes == leak.train_classes {
        classes(&leak.test_classes)
    } else {
        format!("<b>{}</b> and <b>{}</b>", classes(&leak.test_classes), classes(&leak.train_classes))
    };
    let alike = if leak.is_exact {
        "every pixel equal".to_owned()
    } else {
        format!("similarity {:.2}", leak.similarity)
    };
    format!(
        "<figure class=\"two\"><div>{left}{right}</div><figcaption>{alike}, cosine {:.2}<br>{labels}<br>\
         <span class=\"soft\">{} · {}</span></figcaption></figure>\n",
        leak.cosine,
        escape(&leak.test),
        escape(&leak.train)
    )
}
