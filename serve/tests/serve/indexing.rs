//! `simclr-serve index`: what becomes of each file, again and again, and after a kill or Ctrl-C in the middle.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use image::{ImageFormat, Rgb, RgbImage};
use serde_json::{Value, json};
use simclr_search::{Collections, ContentHash, Limits, Record};
use simclr_serve::collections_folder;

use crate::pictures::{assert_near, embedding_of, encoded, png};
use crate::world::{SIDE, World, artefact};

/// More than are embedded before somebody can stop it.
const MANY: u16 = 6000;

/// A folder of pictures and one of data.
struct Place {
    world: World,
}

impl Place {
    fn new() -> Self {
        let place = Self { world: World::new() };
        fs::create_dir_all(place.pictures().join("deep/er")).unwrap();
        place
    }

    fn pictures(&self) -> PathBuf {
        self.world.file("pictures")
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.pictures().join(name), bytes).unwrap();
    }

    /// As many different pictures.
    fn write_many(&self) {
        for n in 0..MANY {
            let [high, low] = n.to_be_bytes();
            let picture = RgbImage::from_fn(SIDE, SIDE, |x, y| Rgb([high ^ x as u8, low, (y * 16) as u8]));
            self.write(&format!("{n:05}.bmp"), &encoded(&picture, ImageFormat::Bmp));
        }
    }

    fn command(&self, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_simclr-serve"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SIMCLR_")) {
            command.env_remove(name);
        }
        command.args(["--session-threads", "1", "--log", "warn", "index", "pets"]).arg(self.pictures());
        command.arg("--model").arg(artefact().folder()).arg("--data-dir").arg(self.world.file("data"));
        command.arg("--json").args(more).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// The summary of an index that succeeds.
    fn index(&self, more: &[&str]) -> Value {
        let output = self.command(more).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{told}");
        for line in told.lines() {
            assert!(serde_json::from_str::<Value>(line).is_ok(), "not JSON where it is piped: {line}");
        }
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// What an index that fails says.
    fn fails(&self, more: &[&str]) -> String {
        let output = self.command(more).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    }

    fn records(&self) -> BTreeMap<String, Record> {
        let collections =
            Collections::open(&collections_folder(&self.world.file("data")), Limits::default()).unwrap();
        let records = collections.get("pets").unwrap().page(None, 10_000).unwrap();
        records.into_iter().map(|record| (record.id.clone(), record)).collect()
    }

    fn ids(&self) -> Vec<String> {
        self.records().into_keys().collect()
    }

    /// An index of [`MANY`] that has stored some and goes on.
    fn under_way(&self) -> (Child, BufReader<std::process::ChildStderr>) {
        let mut child = self.command(&[]).spawn().unwrap();
        let mut told = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        told.read_line(&mut line).unwrap();
        assert!(line.contains("\"done\":64,"), "{line}");
        (child, told)
    }
}

fn counts(summary: &Value) -> [u64; 5] {
    ["found", "inserted", "replaced", "unchanged", "pruned"].map(|name| summary[name].as_u64().unwrap())
}

#[test]
fn each_file_becomes_what_the_server_would_make_of_it() {
    let place = Place::new();
    for (name, bytes) in [("a.png", png(1)), ("deep/b.PNG", png(2)), ("deep/er/ü.png", png(3))] {
        place.write(name, &bytes);
    }
    place.write("deep/notes.txt", b"no picture");
    place.write("z.png", &png(1));
    let summary = place.index(&[]);
    assert_eq!(counts(&summary), [4, 3, 0, 0, 0]);
    assert_eq!(summary["duplicates"], json!([{"path": "z.png", "same_as": "a.png"}]));
    assert_eq!((&summary["broken"], &summary["stopped"]), (&json!([]), &json!(false)));
    let records = place.records();
    assert_eq!(records.keys().collect::<Vec<_>>(), ["a.png", "deep/b.PNG", "deep/er/ü.png"]);
    assert_near(&records["deep/b.PNG"].vector, &embedding_of(&png(2)));
    let record = &records["deep/er/ü.png"];
    assert_eq!(
        (&record.payload, record.content),
        (&json!({"path": "deep/er/ü.png"}), Some(ContentHash::of(&png(3))))
    );
    // The server finds them.
    let server = place.world.server(|_| ());
    let found = server.client.post("/v1/collections/pets/search?limit=1", "", &png(3)).ok();
    assert_eq!(found["neighbours"][0]["id"], "deep/er/ü.png");
    assert!(place.fails(&[]).contains("in use"), "while a server has the folder open");
}

#[test]
fn a_second_time_only_what_has_changed_is_done() {
    let place = Place::new();
    for (name, n) in [("a.png", 1), ("b.png", 2), ("c.png", 3), ("d.png", 4)] {
        place.write(name, &png(n));
    }
    place.write("e.png", &png(1));
    assert_eq!(counts(&place.index(&[])), [5, 4, 0, 0, 0]);
    let before = place.records();
    assert_eq!(counts(&place.index(&[])), [5, 0, 0, 4, 0]);
    assert_eq!(place.records(), before);
    // Another record of the collection is nobody's business here.
    let collections =
        Collections::open(&collections_folder(&place.world.file("data")), Limits::default()).unwrap();
    let other = Record { id: "other".to_owned(), payload: Value::Null, ..before["a.png"].clone() };
    collections.get("pets").unwrap().upsert(vec![other]).unwrap();
    drop(collections);
    place.write("b.png", &png(9));
    fs::remove_file(place.pictures().join("c.png")).unwrap();
    assert_eq!(counts(&place.index(&[])), [4, 0, 1, 2, 0]);
    assert_near(&place.records()["b.png"].vector, &embedding_of(&png(9)));
    assert_eq!(place.ids(), ["a.png", "b.png", "c.png", "d.png", "other"]);
    // Without its original the duplicate is stored.
    fs::remove_file(place.pictures().join("a.png")).unwrap();
    assert_eq!(counts(&place.index(&["--prune"])), [3, 1, 0, 2, 2]);
    assert_eq!(place.ids(), ["b.png", "d.png", "e.png", "other"]);
    assert_eq!(counts(&place.index(&["--prune"])), [3, 0, 0, 3, 0]);
    // A file that is the same as another now is no longer a record of its own.
    place.write("e.png", &png(4));
    let summary = place.index(&[]);
    assert_eq!(
        (counts(&summary), summary["duplicates"][0]["same_as"].as_str()),
        ([3, 0, 0, 2, 0], Some("d.png"))
    );
    assert_eq!(place.ids(), ["b.png", "d.png", "other"]);
    assert_eq!(counts(&place.index(&["--keep-duplicates"])), [3, 1, 0, 2, 0]);
    assert_eq!(place.ids(), ["b.png", "d.png", "e.png", "other"]);
}

#[test]
fn the_twin_of_a_file_that_changes_in_the_same_run_is_stored() {
    let place = Place::new();
    place.write("b.png", &png(1));
    place.index(&[]);
    place.write("a.png", &png(1));
    place.write("b.png", &png(2));
    place.write("c.png", &png(1));
    let summary = place.index(&[]);
    assert_eq!(counts(&summary), [3, 1, 1, 0, 0]);
    assert_eq!(summary["duplicates"], json!([{"path": "c.png", "same_as": "a.png"}]));
    assert_near(&place.records()["a.png"].vector, &embedding_of(&png(1)));
    assert_near(&place.records()["b.png"].vector, &embedding_of(&png(2)));
}

#[test]
fn broken_pictures_are_named_and_left_out_up_to_a_share() {
    let place = Place::new();
    for n in 1..=6 {
        place.write(&format!("{n}.png"), &png(n));
    }
    place.write("broken.png", &png(7)[..90]);
    place.write("deep/text.jpg", b"not a picture");
    place.write("same-text.jpg", b"not a picture");
    let told = place.fails(&["--broken-max", "0.3"]);
    assert!(told.contains("--broken-max") && told.contains("deep/text.jpg"), "{told}");
    assert_eq!(place.ids().len(), 6, "what could be read is stored");
    let summary = place.index(&["--broken-max", "0.5"]);
    assert_eq!(counts(&summary), [9, 0, 0, 6, 0]);
    let broken: Vec<&str> =
        summary["broken"].as_array().unwrap().iter().map(|b| b["path"].as_str().unwrap()).collect();
    assert_eq!(broken, ["broken.png", "deep/text.jpg", "same-text.jpg"]);
    assert_eq!(summary["duplicates"], json!([]), "what has the bytes of a broken file is broken");
    // What was stored of a file that is broken now is kept: nobody knows what it is.
    place.write("6.png", b"torn");
    assert_eq!(counts(&place.index(&["--broken-max", "0.5", "--prune"])), [9, 0, 0, 5, 0]);
    assert_eq!(place.ids().len(), 6);
}

#[test]
fn a_folder_without_pictures_is_refused_before_anything_is_pruned() {
    let place = Place::new();
    place.write("a.png", &png(1));
    place.index(&[]);
    fs::remove_file(place.pictures().join("a.png")).unwrap();
    assert!(place.fails(&["--prune"]).contains("there is no picture"));
    assert_eq!(place.ids(), ["a.png"]);
    fs::remove_dir_all(place.pictures()).unwrap();
    assert!(place.fails(&["--prune"]).contains("pictures"));
    assert_eq!(place.ids(), ["a.png"]);
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
}

fn complete(place: &Place, stored: usize) {
    assert!((64..usize::from(MANY)).contains(&stored), "{stored} were stored: it was stopped too late");
    let summary = place.index(&[]);
    let rest = u64::from(MANY) - stored as u64;
    assert_eq!(counts(&summary), [u64::from(MANY), rest, 0, stored as u64, 0]);
    let records = place.records();
    assert_eq!(records.len(), usize::from(MANY));
    for name in ["00000.bmp", "03000.bmp", "05999.bmp"] {
        let file = fs::read(Path::new(&place.pictures()).join(name)).unwrap();
        assert_near(&records[name].vector, &embedding_of(&file));
    }
}

#[test]
fn killed_in_the_middle_it_goes_on_where_it_was() {
    let place = Place::new();
    place.write_many();
    let (mut child, _told) = place.under_way();
    child.kill().unwrap();
    child.wait().unwrap();
    complete(&place, place.ids().len());
}

#[test]
fn ctrl_c_stores_what_is_in_hand_and_says_so() {
    let place = Place::new();
    place.write_many();
    let (child, told) = place.under_way();
    signal(&child, "-INT");
    // What it says meanwhile must not fill its pipe.
    std::thread::scope(|scope| {
        scope.spawn(|| told.lines().for_each(drop));
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130));
        let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(summary["stopped"], true);
        complete(&place, summary["inserted"].as_u64().unwrap() as usize);
    });
}

#[test]
fn real_photographs_are_indexed_where_they_lie() {
    let Some(root) = std::env::var_os("SIMCLR_TEST_DATA") else {
        eprintln!("SKIPPED: SIMCLR_TEST_DATA is not set, so no real photographs were indexed");
        return;
    };
    let place = Place { world: World::new() };
    let photographs = Path::new(&root).join("transfer/oxford_pets/images");
    std::os::unix::fs::symlink(&photographs, place.pictures()).unwrap();
    let names =
        fs::read_dir(&photographs).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let count = names.filter(|name| name.ends_with(".jpg")).count();
    let summary = place.index(&[]);
    let [found, inserted, ..] = counts(&summary);
    let left_out = ["duplicates", "broken"].map(|kind| summary[kind].as_array().unwrap().len());
    assert_eq!((found as usize, inserted as usize), (count, count - left_out[0] - left_out[1]), "{summary}");
    assert!(inserted > 20, "{summary}");
    for (id, record) in place.records().iter().step_by(10) {
        assert_near(&record.vector, &embedding_of(&fs::read(photographs.join(id)).unwrap()));
    }
}
