//! Filters by number against filters by reading the payload.

use serde_json::json;

use super::*;

/// The slow honest twin: walks the payload itself.
fn plainly(filter: &Filter, payload: &Value) -> bool {
    let at = |field: &str| field.split('.').try_fold(payload, |value, key| value.as_object()?.get(key));
    match filter {
        Filter::And(all) => all.iter().all(|f| plainly(f, payload)),
        Filter::Or(any) => any.iter().any(|f| plainly(f, payload)),
        Filter::Not(inner) => !plainly(inner, payload),
        Filter::Equals { field, .. }
        | Filter::In { field, .. }
        | Filter::Range { field, .. }
        | Filter::Exists { field } => at(field).is_some_and(|value| filter.holds_for(value)),
    }
}

#[test]
fn numbers_and_payloads_agree_and_words_mean_what_they_say() {
    let payloads = [
        json!({"label": "cat", "year": 2020, "tags": ["red", "big"], "where": {"lat": 47.4, "city": "Zürich"}}),
        json!({"label": "dog", "year": 2021.5, "tags": [], "where": {}}),
        json!({"label": null, "year": "2020", "where": "here"}),
        json!({"year": 18_446_744_073_709_551_615u64, "a.b": 1, "": 2}),
        json!(null),
        json!([1, 2]),
    ];
    let cases = [
        (json!({"equals": {"field": "label", "value": "cat"}}), vec![0]),
        (json!({"equals": {"field": "year", "value": 2020.0}}), vec![0]),
        (json!({"equals": {"field": "label", "value": null}}), vec![2]),
        (json!({"exists": {"field": "label"}}), vec![0, 1]),
        (json!({"exists": {"field": "where"}}), vec![0, 1, 2]),
        (json!({"exists": {"field": "where.city"}}), vec![0]),
        (json!({"exists": {"field": "a.b"}}), vec![]),
        (json!({"equals": {"field": "tags", "value": "big"}}), vec![0]),
        (json!({"in": {"field": "label", "values": ["dog", "cat", 3]}}), vec![0, 1]),
        (json!({"range": {"field": "year", "gte": 2020, "lt": 2022}}), vec![0, 1]),
        (json!({"range": {"field": "year", "gt": 2020}}), vec![1, 3]),
        (json!({"range": {"field": "where.city", "gte": "Z"}}), vec![0]),
        (json!({"not": {"exists": {"field": "year"}}}), vec![4, 5]),
        (
            json!({"and": [{"exists": {"field": "year"}}, {"not": {"equals": {"field": "label", "value": "cat"}}}]}),
            vec![1, 2, 3],
        ),
        (json!({"or": []}), vec![]),
        (json!({"and": []}), vec![0, 1, 2, 3, 4, 5]),
    ];
    let mut fields = Fields::default();
    let tags: Vec<Tags> = payloads.iter().map(|payload| fields.tags(Leaves::of(payload))).collect();
    for (text, expected) in cases {
        let filter: Filter = serde_json::from_value(text.clone()).expect("a filter");
        filter.check().expect("a good one");
        assert_eq!(serde_json::to_value(&filter).expect("JSON"), text);
        let compiled = fields.compile(&filter);
        let found: Vec<usize> = (0..payloads.len()).filter(|&i| compiled.allows(&tags[i])).collect();
        let plain: Vec<usize> = (0..payloads.len()).filter(|&i| plainly(&filter, &payloads[i])).collect();
        assert_eq!((&found, &plain), (&expected, &expected), "{text}");
    }
}

#[test]
fn values_are_let_go_with_their_last_record() {
    let mut fields = Fields::default();
    let equals = |value: &str| Filter::Equals { field: "a".into(), value: json!(value) };
    let (one, two) =
        (fields.tags(Leaves::of(&json!({"a": "x"}))), fields.tags(Leaves::of(&json!({"a": "x"}))));
    fields.release(&one);
    assert!(fields.compile(&equals("x")).allows(&two));
    fields.release(&two);
    let three = fields.tags(Leaves::of(&json!({"a": "y"})));
    assert!(fields.compile(&equals("y")).allows(&three) && !fields.compile(&equals("x")).allows(&three));
    for i in 0..1000 {
        let tags = fields.tags(Leaves::of(&json!({ "a": i })));
        fields.release(&tags);
    }
    assert!(format!("{fields:?}").len() < 1000, "values of records that are gone stay in memory");
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let deep = (0..20).fold(json!({"exists": {"field": "a"}}), |inner, _| json!({ "not": inner }));
    for text in [
        json!({"equals": {"field": "", "value": 1}}),
        json!({"equals": {"field": "a", "value": [1]}}),
        json!({"in": {"field": "a", "values": [{"b": 1}]}}),
        json!({"in": {"field": "a", "values": vec![1; 2000]}}),
        json!({"range": {"field": "a"}}),
        json!({"range": {"field": "a", "gt": true}}),
        deep,
    ] {
        let filter: Filter = serde_json::from_value(text.clone()).expect("reads");
        assert!(matches!(filter.check(), Err(SearchError::BadFilter { .. })), "{text}");
    }
    for text in [json!({"like": {"field": "a"}}), json!({"exists": {"field": "a", "more": 1}}), json!(3)] {
        assert!(serde_json::from_value::<Filter>(text.clone()).is_err(), "{text}");
    }
}

#[test]
fn a_long_string_is_there_and_not_kept() {
    let mut fields = Fields::default();
    let [short, long] = [1024, 1025].map(|bytes| "x".repeat(bytes));
    let tags = [&short, &long].map(|text| fields.tags(Leaves::of(&json!({ "picture": text }))));
    let exists = Filter::Exists { field: "picture".to_owned() };
    assert!(tags.iter().all(|tags| fields.compile(&exists).allows(tags)));
    let equals = |text: &String| Filter::Equals { field: "picture".to_owned(), value: json!(text) };
    assert!(fields.compile(&equals(&short)).allows(&tags[0]));
    assert!(!fields.compile(&equals(&long)).allows(&tags[1]));
}

#[test]
fn of_a_long_string_in_a_list_nothing_is_kept() {
    let mut fields = Fields::default();
    let long = "x".repeat(50_000);
    let tags = fields.tags(Leaves::of(&json!({"thumbs": [long, "small", {"a": 1}, [2], 3, null]})));
    assert!(format!("{fields:?}").len() < 1000, "a picture is kept");
    let allows = |filter: serde_json::Value| {
        fields.compile(&serde_json::from_value(filter).expect("a filter")).allows(&tags)
    };
    assert!(allows(json!({"exists": {"field": "thumbs"}})));
    for value in [json!("small"), json!(3), json!(null)] {
        assert!(allows(json!({"equals": {"field": "thumbs", "value": value}})), "{value}");
    }
    for value in [json!(long), json!(2)] {
        assert!(!allows(json!({"equals": {"field": "thumbs", "value": value}})), "{value}");
    }
    let many: Vec<usize> = (0..30_000).collect();
    let more = fields.tags(Leaves::of(&json!({"label": "cat", "a": many, "b": many})));
    assert!(format!("{fields:?}").len() < 60_000, "long lists are kept whole");
    let equals = |field: &str, value: usize| Filter::Equals { field: field.into(), value: json!(value) };
    let allows = |field, value| fields.compile(&equals(field, value)).allows(&more);
    assert!(allows("a", 1023) && !allows("a", 1024) && !allows("b", 0));
}

#[test]
fn a_payload_takes_memory_in_proportion_and_gives_it_back() {
    let (key, leaves) = ("k".repeat(30_000), (0..5_500).map(|i| (i.to_string(), json!(0))));
    let leaves: serde_json::Map<String, serde_json::Value> = leaves.collect();
    let under = |key: &str| json!({key: leaves, "label": "cat"});
    // A key under which paths just fit, one too long for anything below it, and one that is itself too long.
    for (key, most) in [(&key[..250], 700_000), (&key[..256], 3_000), (&key[..], 3_000)] {
        let mut fields = Fields::default();
        let tags = fields.tags(Leaves::of(&under(key)));
        assert!(tags.len() <= 1024, "{} fields are kept", tags.len());
        assert!(format!("{fields:?}").len() < most, "{} bytes", format!("{fields:?}").len());
        let equals = Filter::Equals { field: "label".into(), value: json!("cat") };
        assert!(fields.compile(&equals).allows(&tags), "a label is lost beside a large object");
        let exists = Filter::Exists { field: key.to_owned() };
        assert_eq!(fields.compile(&exists).allows(&tags), key.len() <= 256);
        assert_eq!(exists.check().is_ok(), key.len() <= 256, "what is not known must not be asked about");
        fields.release(&tags);
        let left = format!("{fields:?}").len();
        assert!(left < 50_000, "{left} bytes stay for nobody");
    }
}

#[test]
fn a_prepared_filter_knows_the_values_as_they_were() {
    let mut fields = Fields::default();
    let tags = fields.tags(Leaves::of(&json!({"label": "cat"})));
    let is_cat = Filter::Equals { field: "label".into(), value: json!("cat") };
    let compiled = fields.compile(&is_cat);
    fields.release(&tags);
    let reused = fields.tags(Leaves::of(&json!({"label": "dog"})));
    assert_eq!(tags, reused, "the numbers are another's now");
    assert!(compiled.allows(&tags) && !fields.compile(&is_cat).allows(&reused));
}
