//! `simclr-serve verify` over sound and broken folders, and the log of a server that opens a broken one.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use simclr_search::{CollectionConfig, Collections, Limits, Record};
use simclr_serve::collections_folder;

use crate::process::{command, start_with};
use crate::world::World;

fn fill(data: &Path) {
    let collections = Collections::open(&collections_folder(data), Limits::default()).unwrap();
    for name in ["first", "second"] {
        let config = CollectionConfig::new(3, "");
        let records = (1..=40u8)
            .map(|i| Record::new(i.to_string(), vec![f32::from(i), 1.0, f32::from(i % 7)], json!({"n": i})));
        collections.create(name, config).unwrap().upsert(records.collect()).unwrap();
    }
}

fn verify(data: &Path) -> (Output, Vec<Value>) {
    let program = env!("CARGO_BIN_EXE_simclr-serve");
    let output = Command::new(program).args(["verify", "--json", "--data-dir"]).arg(data).output().unwrap();
    let lines = String::from_utf8(output.stdout.clone()).unwrap();
    let lines = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (output, lines)
}

/// The folder of a collection's files.
fn place(data: &Path, name: &str) -> std::path::PathBuf {
    collections_folder(data).join("collections").join(name)
}

#[test]
fn it_tells_a_sound_folder_from_a_broken_one() {
    let world = World::new();
    let data = world.file("data");
    let (output, _) = verify(&data);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("there are no collections here"));
    fill(&data);
    let (output, lines) = verify(&data);
    assert_eq!((output.status.code(), lines.len()), (Some(0), 2), "{lines:?}");
    let expected = json!({"collection": "first", "sound": true, "records": 40, "segments": 0, "pictures": 0, "sampled": 40,
        "recall": 1.0, "damage": []});
    assert_eq!(lines[0], expected);
    let file = place(&data, "second").join("records.redb");
    let bytes = fs::read(&file).unwrap();
    fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
    let (output, lines) = verify(&data);
    assert_eq!(output.status.code(), Some(1), "{lines:?}");
    let sound = |name: &str| &lines.iter().find(|line| line["collection"] == name).unwrap()["sound"];
    assert_eq!((sound("first"), sound("second")), (&json!(true), &json!(false)), "{lines:?}");
    let _running = start_with(command(&world.file("other")).stderr(Stdio::null()));
    let (output, _) = verify(&world.file("other"));
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("in use"),
        "a running server's folder is refused"
    );
}

#[test]
fn a_server_that_finds_damage_says_so_in_its_log() {
    let world = World::new();
    let data = world.file("data");
    fill(&data);
    let segments = place(&data, "first").join("segments");
    fs::create_dir_all(&segments).unwrap();
    fs::write(segments.join("00000001.segment"), b"what a broken disk left").unwrap();
    fs::write(place(&data, "second").join("records.redb"), b"nothing of ours").unwrap();
    let log = world.file("log");
    let process = start_with(command(&data).stderr(fs::File::create(&log).unwrap()));
    assert_eq!(process.client.get("/v1/collections/first").ok()["records"], 40);
    drop(process);
    let log = fs::read_to_string(log).unwrap();
    let line = |words: &str| {
        let line = log
            .lines()
            .find(|line| line.contains(words))
            .unwrap_or_else(|| panic!("{words} is not in {log}"));
        serde_json::from_str::<Value>(line).unwrap()
    };
    assert_eq!(
        (&line("a segment was damaged")["collection"], &line("a segment was damaged")["level"]),
        (&json!("first"), &json!("ERROR"))
    );
    assert_eq!(line("a collection is unusable")["collection"], "second");
}
