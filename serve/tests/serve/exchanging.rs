//! Collections out to files and in again, between stores and to and from Python.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use simclr_search::{
    CollectionConfig, Collections, ContentHash, Keep, Limits, PictureKind, Record, VectorCollection,
};
use simclr_serve::{export, import};
use tempfile::TempDir;

pub(crate) const DIMENSION: usize = 3;

pub(crate) fn store(folder: &Path) -> Collections {
    Collections::open(folder, Limits::default()).unwrap()
}

fn payload(i: usize) -> Value {
    match i % 4 {
        0 => Value::Null,
        1 => json!({"label": "cat \"ü\"\n", "n": i, "deep": [1, {"x": 0.1}]}),
        2 => json!("text"),
        _ => json!(2.5),
    }
}

fn vector(i: usize) -> Vec<f32> {
    vec![1.0 + i as f32, -0.1, f32::MIN_POSITIVE]
}

pub(crate) fn records(count: usize) -> Vec<Record> {
    let content = |i: usize| (!i.is_multiple_of(3)).then(|| ContentHash::of(&[i as u8]));
    (0..count)
        .map(|i| Record { content: content(i), ..Record::new(format!("r{i:05}"), vector(i), payload(i)) })
        .collect()
}

fn filled(folder: &TempDir, count: usize) -> (Collections, Vec<Record>) {
    let (collections, records) = (store(&folder.path().join("from")), records(count));
    let config = CollectionConfig::new(DIMENSION, "abc");
    let collection = collections.create("cats", config).unwrap();
    for part in records.chunks(5000) {
        collection.upsert(part.to_vec()).unwrap();
    }
    (collections, records)
}

pub(crate) fn everything(collection: &dyn VectorCollection) -> Vec<Record> {
    let (mut all, mut after) = (Vec::new(), None::<String>);
    loop {
        let page = collection.page(after.as_deref(), 10_000).unwrap();
        let Some(last) = page.last() else { return all };
        after = Some(last.id.clone());
        all.extend(page);
    }
}

#[test]
fn what_goes_out_comes_in_bit_for_bit() {
    // More than a part, and a store that lists them as it was given them.
    for (name, count) in [("cats.parquet", 12_345), ("cats", 12_345), ("none-but.parquet", 1), ("one", 1)] {
        let folder = tempfile::tempdir().unwrap();
        let (from, records) = filled(&folder, count);
        let file = folder.path().join(name);
        let mut told = 0;
        let written = export(&*from.get("cats").unwrap(), &file, |so_far| told = so_far).unwrap();
        assert_eq!((written, told), (count, count));
        assert!(
            export(&*from.get("cats").unwrap(), &file, |_| ()).unwrap_err().to_string().contains("already")
        );
        let into = store(&folder.path().join("into"));
        for again in [false, true] {
            let done = import(&into, "dogs", &file, None, |_| ()).unwrap();
            assert_eq!((done.inserted, done.replaced), if again { (0, count) } else { (count, 0) });
        }
        let dogs = into.get("dogs").unwrap();
        assert_eq!((dogs.config().space_key.as_str(), dogs.config().dimension), ("abc", DIMENSION));
        assert_eq!(everything(&*dogs), records, "{name}");
        let refused = import(&into, "birds", &file, Some("other"), |_| ()).unwrap_err();
        assert!(refused.to_string().contains("\"abc\""), "{refused}");
        let names: Vec<_> =
            std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names.len(), 3, "{names:?}");
    }
}

#[test]
fn files_that_do_not_fit_together_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let (from, _) = filled(&folder, 10);
    let into = store(&folder.path().join("into"));
    let out = folder.path().join("out");
    export(&*from.get("cats").unwrap(), &out, |_| ()).unwrap();
    let lines = std::fs::read_to_string(out.join("records.jsonl")).unwrap();
    let refused = |words: &[&str]| {
        let text = import(&into, "bad", &out, None, |_| ()).unwrap_err().to_string();
        assert!(words.iter().all(|word| text.contains(word)), "{text}");
    };
    let short = lines.lines().take(9).collect::<Vec<_>>().join("\n");
    std::fs::write(out.join("records.jsonl"), short).unwrap();
    refused(&["records.jsonl", "9 lines", "10 vectors"]);
    std::fs::write(out.join("records.jsonl"), format!("{lines}{{\"id\": \"more\"}}\n")).unwrap();
    refused(&["records.jsonl", "more lines"]);
    std::fs::write(out.join("records.jsonl"), lines.replace("\"r00003\"", "3")).unwrap();
    refused(&["records.jsonl", "line 4"]);
    std::fs::write(out.join("records.jsonl"), &lines).unwrap();
    let vectors = std::fs::read(out.join("vectors.npy")).unwrap();
    std::fs::write(out.join("vectors.npy"), &vectors[..vectors.len() - 1]).unwrap();
    refused(&["vectors.npy", "row 10"]);
    for (name, bytes) in [("torn.parquet", &b"PAR1 torn"[..]), ("empty.parquet", b"")] {
        let file = folder.path().join(name);
        std::fs::write(&file, bytes).unwrap();
        let text = import(&into, "bad", &file, None, |_| ()).unwrap_err().to_string();
        assert!(text.contains(name), "{text}");
    }
}

#[test]
fn what_an_export_left_is_taken_away_and_nothing_of_others() {
    let folder = tempfile::tempdir().unwrap();
    let (from, _) = filled(&folder, 10);
    let partial = folder.path().join("cats.partial");
    let try_export = || export(&*from.get("cats").unwrap(), &folder.path().join("cats"), |_| ());
    std::fs::create_dir(&partial).unwrap();
    for name in ["vectors.npy", "thesis.tex"] {
        std::fs::write(partial.join(name), "mine").unwrap();
    }
    let refused = try_export().unwrap_err().to_string();
    assert!(refused.contains("cats.partial") && refused.contains("thesis.tex"), "{refused}");
    assert_eq!(std::fs::read_dir(&partial).unwrap().count(), 2, "and nothing was removed");
    std::fs::remove_file(partial.join("thesis.tex")).unwrap();
    assert_eq!(try_export().unwrap(), 10);
    assert!(!partial.exists());
}

#[test]
fn commands_move_a_collection_and_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str], data: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_simclr-serve"));
        command.args(arguments).arg("--data-dir").arg(folder.path().join(data)).current_dir(folder.path());
        let output = command.output().unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap(),
        )
    };
    let collections = store(&simclr_serve::collections_folder(&folder.path().join("data")));
    let config = CollectionConfig::new(DIMENSION, "abc");
    collections.create("cats", config).unwrap().upsert(records(7)).unwrap();
    drop(collections);
    let (code, text) = run(&["export", "cats", "cats.parquet", "--json"], "data");
    assert_eq!((code, text.trim()), (Some(0), r#"{"collection":"cats","exported":7,"to":"cats.parquet"}"#));
    let (code, text) = run(&["import", "dogs", "cats.parquet"], "other");
    assert!(code == Some(0) && text.contains("7 records inserted and 0 replaced"), "{text}");
    for (limit, at) in [("--records-per-collection-max", "6"), ("--payload-bytes-max", "9")] {
        let (code, text) = run(&["import", "dogs", "cats.parquet", limit, at], "limited");
        let name = limit.trim_start_matches('-').replace('-', "_");
        assert!(code == Some(1) && text.contains(&name) && text.contains(at), "{text}");
    }
    for (arguments, data, word) in [
        (["export", "birds", "birds.parquet"], "data", "birds"),
        (["export", "cats", "cats.parquet"], "data", "already"),
        (["export", "cats", "x.parquet"], "nowhere", "no collections"),
        (["import", "dogs", "nothing.parquet"], "other", "nothing.parquet"),
    ] {
        let (code, text) = run(&arguments, data);
        assert!(code == Some(1) && text.contains(word), "{text}");
    }
}

const PYTHON: &str = r#"
import json, sys
import numpy as np, pandas as pd
folder, count = sys.argv[1], int(sys.argv[2])
frame = pd.read_parquet(f"{folder}/cats.parquet")
vectors = np.load(f"{folder}/cats/vectors.npy")
lines = [json.loads(line) for line in open(f"{folder}/cats/records.jsonl")]
assert list(frame.columns) == ["id", "vector", "payload", "content_sha256"] and len(frame) == count == len(lines) and vectors.shape == (count, 3)
assert vectors.dtype == np.float32 and np.array_equal(np.stack(frame["vector"]), vectors), vectors[:2]
assert [l["id"] for l in lines] == list(frame["id"]) == [f"r{i:05}" for i in range(count)]
assert [l["payload"] for l in lines] == [json.loads(p) for p in frame["payload"]]
assert np.array_equal(vectors[:, 0], np.arange(count) + 1)
# Pandas' own: numbers of eight bytes, columns that could be null, another compression, no payload for some.
own = pd.DataFrame({"payload": [None if p == "null" else p for p in frame["payload"]], "vector": [v.astype(float).tolist() for v in vectors], "id": frame["id"], "content_sha256": frame["content_sha256"]})
own.to_parquet(f"{folder}/own.parquet", row_group_size=1000)
own.drop(columns="content_sha256").to_parquet(f"{folder}/plain.parquet")
# Columns that are called like pictures and are none.
own.assign(thumbnail="https://example.org/a.png", original=[[1, 2]] * count).to_parquet(f"{folder}/called.parquet")
own.assign(thumbnail=[{"bytes": b"x"}] * count, original=range(count)).to_parquet(f"{folder}/called-so.parquet")
# And pictures: originals say by themselves which content they are of.
own.drop(columns="content_sha256").assign(original=[None if i % 2 else b"picture %d" % i for i in range(count)]).to_parquet(f"{folder}/pictures.parquet")
import os
os.mkdir(f"{folder}/own")
np.save(f"{folder}/own/vectors.npy", vectors)
with open(f"{folder}/own/records.jsonl", "w") as out:
    out.writelines(json.dumps(line) + "\n" for line in lines)
"#;

#[test]
fn python_reads_what_is_exported_and_what_it_writes_is_imported() {
    let Some(python) = std::env::var_os("SIMCLR_TEST_PYTHON") else {
        eprintln!(
            "SKIPPED: SIMCLR_TEST_PYTHON names no Python with pandas and pyarrow; run tools/milvus/run, which has one"
        );
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let (from, records) = filled(&folder, 2500);
    for name in ["cats.parquet", "cats"] {
        export(&*from.get("cats").unwrap(), &folder.path().join(name), |_| ()).unwrap();
    }
    let status = Command::new(python).args(["-c", PYTHON]).arg(folder.path()).arg("2500").status().unwrap();
    assert!(status.success(), "Python does not agree");
    let into = store(&folder.path().join("into"));
    for (name, file) in [("one", "own.parquet"), ("two", "own")] {
        let done = import(&into, name, &folder.path().join(file), Some("abc"), |_| ()).unwrap();
        assert_eq!((done.inserted, everything(&*into.get(name).unwrap())), (2500, records.clone()), "{file}");
    }
    for (name, file) in [("three", "called.parquet"), ("four", "called-so.parquet")] {
        import(&into, name, &folder.path().join(file), Some("abc"), |_| ()).unwrap();
        let made = into.get(name).unwrap();
        assert!(made.config().keep == Keep::default() && everything(&*made) == records, "{file}");
    }
    let done = import(&into, "five", &folder.path().join("pictures.parquet"), None, |_| ()).unwrap();
    let five = into.get("five").unwrap();
    assert_eq!((done.inserted, five.config().keep), (2500, Keep { thumbnails: false, originals: true }));
    let content = five.get("r00042").unwrap().unwrap().content.unwrap();
    assert_eq!(five.picture(content, PictureKind::Original).unwrap().unwrap(), b"picture 42");
    assert_eq!(five.get("r00043").unwrap().unwrap().content, None);
    let done = import(&into, "plain", &folder.path().join("plain.parquet"), Some("abc"), |_| ()).unwrap();
    let unhashed: Vec<Record> =
        records.into_iter().map(|record| Record { content: None, ..record }).collect();
    assert!(done.inserted == 2500 && everything(&*into.get("plain").unwrap()) == unhashed);
}
