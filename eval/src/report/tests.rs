//! Outcomes as a run leaves them, in two shards; what is made of them is read back.

use std::path::Path;

use serde_json::Value;

use super::{Document, FineTuned, Pictures, gather, html, markdown};
use crate::probe::Trial;
use crate::{Broken, Count, Counts, Evaluation, Labels, Outcome, Predictions, ProbeRecord, Score, Storage};

const NASTY: &str = "a <script>|\"b\" & 'c'";

fn score(encoder: &str, method: &str, value: f64) -> Score {
    Score {
        encoder: encoder.to_owned(),
        data: "cifar10".to_owned(),
        split: "test".to_owned(),
        method: method.to_owned(),
        metric: "top-1".to_owned(),
        value,
        pictures: 6,
        interval: (method == "linear").then_some([value - 1.5, value + 1.25]),
    }
}

/// Six pictures of three classes, of which the encoder gets all but `wrong` right.
fn evaluation(encoder: &str, wrong: usize) -> Evaluation {
    let classes = ["x", NASTY, "z"].map(str::to_owned).to_vec();
    let truths: Vec<usize> = (0..6).map(|i| i % 3).collect();
    let guess = |i: usize| if i < wrong { (truths[i] + 1) % 3 } else { truths[i] };
    let scores =
        (0..6).flat_map(|i| (0..3).map(move |c| (i, c))).map(|(i, c)| if c == guess(i) { 0.8 } else { 0.1 });
    let trial = |penalty, validation| Trial {
        relative: penalty,
        penalty,
        validation,
        loss: 1.0,
        evaluations: 3,
        gradient: 1e-7,
    };
    let probe = ProbeRecord {
        encoder: encoder.to_owned(),
        data: "cifar10".to_owned(),
        penalty: 1e-2,
        sklearn_c: 10.0,
        rows: 10,
        objective: 0.5,
        gradient: 2e-7,
        evaluations: 9,
        is_at_the_edge: true,
        trials: vec![trial(1.0, 40.0), trial(1e-1, 60.0), trial(1e-2, 62.0)],
    };
    let right = 100.0 - 100.0 * f64::from(u32::try_from(wrong).unwrap()) / 6.0;
    let outcome = Outcome {
        fingerprint: "f".to_owned(),
        encoder: encoder.to_owned(),
        space_key: "k".to_owned(),
        dataset: "cifar10".to_owned(),
        classes,
        split_name: "test".to_owned(),
        pictures: Counts {
            train: Some(Count { used: 10, official: 50_000 }),
            validation: None,
            test: Some(Count { used: 6, official: 10_000 }),
        },
        scores: vec![score(encoder, "knn k=10 T=0.1", 50.0), score(encoder, "linear", right)],
        probe: Some(probe),
        broken: vec![Broken { name: "torn<1>.jpg".to_owned(), reason: "ends & ends".to_owned() }],
    };
    let predictions = Predictions {
        classes: 3,
        scores: scores.collect(),
        labels: Labels::Classes((0..6).map(|i| i % 3).collect()),
        knn: vec![],
    };
    Evaluation { outcome, predictions, samples: (0..6).map(|i| format!("t#{i}")).collect(), probe: None }
}

fn shards(folder: &Path) -> [Storage; 2] {
    let shards = ["s1", "s0"].map(|name| Storage::folder(&folder.join(name)));
    evaluation("b<i>", 1).save(&shards[0]).unwrap();
    evaluation("a", 4).save(&shards[1]).unwrap();
    shards
}

#[test]
fn shards_in_any_order_give_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let [one, two] = shards(folder.path());
    let make = |places: &[Storage]| {
        let results = gather(places).unwrap();
        let document = Document::of(&results);
        [document.json().unwrap(), markdown(&document), html(&document, &results, &Pictures::default())]
    };
    let made = make(&[one.clone(), two.clone()]);
    assert_eq!(made, make(&[two, one.clone(), one]));
    assert_eq!(made, make(&[Storage::folder(folder.path())]));
    assert!(!made.concat().contains(&folder.path().display().to_string()), "a place on this machine is told");
}

#[test]
fn the_page_says_everything_and_fetches_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let results = gather(&shards(folder.path())).unwrap();
    let page = html(&Document::of(&results), &results, &Pictures::default());
    for needed in [
        "83.33",
        "81.83 – 84.58",
        "33.33",
        "95.3",
        "6 of 10000",
        "torn&lt;1&gt;.jpg",
        "ends &amp; ends",
        "b&lt;i&gt;",
        "at the edge",
        "1.00e1",
        "polyline",
        "rotate(-50",
        "a &lt;script&gt;|&quot;b&quot; &amp; &#39;c&#39;",
        "Worst classes",
    ] {
        assert!(page.contains(needed), "{needed} is not in the page");
    }
    for bad in ["<script", "http:", "https:", "b<i>", "src=\"/", "NaN"] {
        assert!(!page.contains(bad), "{bad} is in the page");
    }
    for tag in ["table", "figure", "details", "div", "svg", "p", "span", "section"] {
        let count = |pattern: String| page.matches(&pattern).count();
        let opened = count(format!("<{tag}>")) + count(format!("<{tag} "));
        assert_eq!(opened, count(format!("</{tag}>")), "<{tag}> is not closed as often as it is opened");
    }
    let text = markdown(&Document::of(&results));
    assert!(text.contains("| b&lt;i> | 83.33 (81.83–84.58) [6 of 10000] |"), "{text}");
    // Right on three pictures more: of three differences all one way, two-sided 2/8.
    assert!(text.contains("| cifar10 | a | b&lt;i> | 0 | 3 | -50.00 | 0.2500 |"), "{text}");
    assert!(!text.contains("<script"), "{text}");
}

#[test]
fn what_fine_tuning_came_to_stands_in_every_report_beside_the_paper() {
    let folder = tempfile::tempdir().unwrap();
    let results = gather(&shards(folder.path())).unwrap();
    let tuned = Storage::folder(&folder.path().join("tuned"));
    let text = FineTuned::load(&tuned).unwrap_err().to_string();
    assert!(text.contains("finetune.json") && text.contains("simclr-train finetune"), "{text}");
    let load = |start: &str, labels: f64| {
        let json = format!(
            r#"{{"start": "{start}", "labels": {labels}, "pictures": 500, "steps": 9, "data": "cifar10", "test_pictures": 6, "top_1": 66.5}}"#
        );
        tuned.write("finetune.json", json.as_bytes()).unwrap();
        FineTuned::load(&tuned).unwrap()
    };
    // As a dataset with a metric of its own leaves it.
    let pets = FineTuned { metric: Some("mean per class".into()), score: Some(64.0), ..load("<b>", 0.1) };
    let all = vec![load("<b>", 1.0), load("<b>", 0.01), pets];
    let document = Document::of(&results).with_fine_tuned(all);
    let text = markdown(&document);
    let rows = [
        "1 % | 500 | 6 | 66.50 | –",
        "10 % | 500 | 6 | 66.50 (64.00 mean per class) | –",
        "100 % | 500 | 6 | 66.50 | 97.7",
    ];
    let rows = rows.map(|row| format!("| CIFAR-10 | &lt;b> | {row} |"));
    assert!(text.contains(&rows.join("\n")), "{text}");
    let page = html(&document, &results, &Pictures::default());
    assert!(page.contains("<th scope=\"row\">CIFAR-10</th><td>&lt;b&gt;</td><td>1 %</td>"), "{page}");
    let mut offences = Vec::new();
    let schema: Value = serde_json::from_str(include_str!("../../../docs/report.schema.json")).unwrap();
    check(&schema, &serde_json::from_str(&document.json().unwrap()).unwrap(), "$", &mut offences);
    assert!(offences.is_empty(), "{offences:#?}");
}

#[test]
fn what_cannot_be_merged_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let [one, _] = shards(folder.path());
    let other = Storage::folder(&folder.path().join("other"));
    evaluation("b<i>", 2).save(&other).unwrap();
    let text = gather(&[one, other]).err().unwrap().to_string();
    assert!(text.contains("b<i> on cifar10") && text.contains("different results"), "{text}");
    let text = gather(&[Storage::folder(&folder.path().join("no/such"))]).err().unwrap().to_string();
    assert!(text.contains("no/such") && text.contains("outcome.json"), "{text}");
}

#[test]
fn the_json_is_as_its_schema_says() {
    let folder = tempfile::tempdir().unwrap();
    let results = gather(&shards(folder.path())).unwrap();
    let text = Document::of(&results).json().unwrap();
    let schema: Value = serde_json::from_str(include_str!("../../../docs/report.schema.json")).unwrap();
    let value: Value = serde_json::from_str(&text).unwrap();
    let mut offences = Vec::new();
    check(&schema, &value, "$", &mut offences);
    assert!(offences.is_empty(), "{offences:#?}");
    let mut wrong = value;
    wrong["surplus"] = 1.into();
    wrong["results"][0]["classes"] = "three".into();
    check(&schema, &wrong, "$", &mut offences);
    assert_eq!(offences, ["$.results[0].classes: not integer", "$.surplus: not in the schema"]);
}

/// The part of JSON Schema that the file uses.
fn check(schema: &Value, value: &Value, at: &str, offences: &mut Vec<String>) {
    let types = match &schema["type"] {
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect::<Vec<_>>(),
        one => one.as_str().into_iter().collect(),
    };
    let is = |name: &&str| match *name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_u64() || value.is_i64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        _ => false,
    };
    if !types.iter().any(is) {
        offences.push(format!("{at}: not {}", types.join(" or ")));
    }
    if schema["const"] != Value::Null && schema["const"] != *value {
        offences.push(format!("{at}: not {}", schema["const"]));
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        check(&schema["items"], item, &format!("{at}[{index}]"), offences);
    }
    let Some(object) = value.as_object() else { return };
    for key in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !object.contains_key(key) {
            offences.push(format!("{at}.{key}: missing"));
        }
    }
    for (key, value) in object {
        match schema["properties"].get(key) {
            Some(schema) => check(schema, value, &format!("{at}.{key}"), offences),
            None if schema["additionalProperties"] == false => {
                offences.push(format!("{at}.{key}: not in the schema"));
            }
            None => (),
        }
    }
}
