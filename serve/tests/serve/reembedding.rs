//! `simclr-serve reembed`: the same records by another encoder, whatever interrupts it.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::{Value, json};
use simclr_models::Artefact;
use simclr_search::{Collections, ContentHash, Keep, Limits, PictureKind, Record};
use simclr_serve::collections_folder;

use crate::pictures::{assert_near, embedding_by, png};
use crate::world::{World, artefact, make_artefact};

const RECORDS: u8 = 150;

/// A data folder with a collection of pictures by the usual artefact, and another artefact.
struct Place {
    world: World,
    other: Artefact,
}

impl Place {
    fn new(keep: &str) -> Self {
        let world = World::new();
        let other = make_artefact(&world.file("other"), "other", 11);
        let pictures = world.file("pictures");
        fs::create_dir_all(&pictures).unwrap();
        for n in 0..RECORDS {
            fs::write(pictures.join(format!("{n:03}.png")), png(n)).unwrap();
        }
        let place = Self { world, other };
        let indexed = place.program("index", &[], |command| {
            command.arg(&pictures).arg(keep).arg("--model").arg(artefact().folder());
        });
        assert!(indexed.status.success(), "{}", String::from_utf8_lossy(&indexed.stderr));
        place
    }

    fn program(&self, word: &str, more: &[&str], change: impl FnOnce(&mut Command)) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_simclr-serve"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SIMCLR_")) {
            command.env_remove(name);
        }
        command.args(["--session-threads", "1", "--log", "warn", word, "pets"]);
        change(&mut command);
        command.arg("--data-dir").arg(self.data()).arg("--json").args(more).output().unwrap()
    }

    fn data(&self) -> PathBuf {
        self.world.file("data")
    }

    fn reembed(&self, more: &[&str]) -> Output {
        self.program("reembed", more, |command| {
            command.arg("--model").arg(self.other.folder());
        })
    }

    fn collections(&self) -> Collections {
        Collections::open(&collections_folder(&self.data()), Limits::default()).unwrap()
    }

    fn records(&self, name: &str) -> Vec<Record> {
        self.collections().get(name).unwrap().page(None, 10_000).unwrap()
    }
}

fn summary(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn counts(summary: &Value) -> [u64; 3] {
    ["records", "embedded", "unchanged"].map(|name| summary[name].as_u64().unwrap())
}

#[test]
fn records_stay_what_they_are_and_lie_in_the_other_space() {
    let place = Place::new("--originals");
    let before = place.records("pets");
    let beside = summary(&place.reembed(&["--to", "beside"]));
    assert_eq!((counts(&beside), &beside["left_out"]), ([150, 150, 0], &json!([])));
    assert_eq!(place.records("pets"), before, "the old one is as it was");
    assert_eq!(counts(&summary(&place.reembed(&["--to", "beside"]))), [150, 0, 150]);
    // One that has records of its own is not touched.
    let collections = place.collections();
    let beside = collections.get("beside").unwrap();
    let own = Record { id: "own".to_owned(), ..beside.get("000.png").unwrap().unwrap() };
    beside.upsert(vec![own]).unwrap();
    drop((beside, collections));
    let refused = place.reembed(&["--to", "beside"]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("such as \"own\""), "{refused:?}");
    place.collections().get("beside").unwrap().delete(&["own".to_owned()]).unwrap();
    assert_eq!(counts(&summary(&place.reembed(&[]))), [150, 150, 0]);
    let after = place.records("pets");
    assert_eq!(after, place.records("beside"));
    for (old, new) in before.iter().zip(&after) {
        assert_eq!((&old.id, &old.payload, old.content), (&new.id, &new.payload, new.content));
    }
    assert_near(&after[7].vector, &embedding_by(&place.other, &png(7)));
    let collections = place.collections();
    let names: Vec<String> = collections.list().iter().map(|one| one.name().to_owned()).collect();
    assert_eq!(names, ["beside", "pets"]);
    let pets = collections.get("pets").unwrap();
    assert_eq!(pets.config().keep, Keep { thumbnails: false, originals: true });
    let original = pets.picture(ContentHash::of(&png(7)), PictureKind::Original).unwrap();
    assert_eq!(original, Some(png(7)), "for the encoder after this");
    drop((pets, collections));
    let again = place.reembed(&[]);
    assert!(String::from_utf8_lossy(&again.stderr).contains("by this very encoder"), "{again:?}");
    let server = place.world.server(|raw| raw.model = Some(place.other.folder().to_owned()));
    let found = server.client.post("/v1/collections/pets/search?limit=1", "", &png(3)).ok();
    assert_eq!(found["neighbours"][0]["id"], "003.png");
}

#[test]
fn what_cannot_be_embedded_again_keeps_the_old_one_unless_it_may_be_left_out() {
    let place = Place::new("--originals");
    let collections = place.collections();
    let pets = collections.get("pets").unwrap();
    let vector = pets.get("000.png").unwrap().unwrap().vector;
    pets.upsert(vec![Record::new("by vector", vector, json!(1))]).unwrap();
    drop((pets, collections));
    let refused = place.reembed(&[]);
    let told = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1));
    assert!(told.contains("1 records cannot") && told.contains("by vector: it was stored without"), "{told}");
    assert_eq!(place.records("pets").len(), 151, "nothing was replaced");
    // What was done is not done again; what has gone meanwhile goes.
    place.collections().get("pets").unwrap().delete(&["001.png".to_owned()]).unwrap();
    let done = summary(&place.reembed(&["--leave-out"]));
    assert_eq!(counts(&done), [150, 0, 149]);
    assert_eq!(done["left_out"][0]["id"], "by vector");
    let ids: Vec<String> = place.records("pets").into_iter().map(|record| record.id).collect();
    assert!(ids.len() == 149 && !ids.contains(&"001.png".to_owned()), "{ids:?}");
}

#[test]
fn what_an_interrupted_run_left_is_finished_or_made_anew() {
    let place = Place::new("--originals");
    // Of another encoder than this one's: of no use.
    let left = simclr_search::CollectionConfig::new(3, "older");
    place.collections().create("pets.reembedding", left).unwrap();
    assert_eq!(counts(&summary(&place.reembed(&[]))), [150, 150, 0]);
    // Killed between taking the old one away and putting the new one in its place.
    let folder = collections_folder(&place.data()).join("collections");
    fs::rename(folder.join("pets"), folder.join("pets.reembedded")).unwrap();
    assert_eq!(counts(&summary(&place.reembed(&[]))), [150, 0, 150]);
    assert_eq!(place.records("pets").len(), 150);
    let names: Vec<String> = place.collections().list().iter().map(|one| one.name().to_owned()).collect();
    assert_eq!(names, ["pets"]);
    // One that was not whole is none that anybody may get for the old one.
    fs::rename(folder.join("pets"), folder.join("pets.reembedding")).unwrap();
    let refused = place.reembed(&[]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("no collection named \"pets\""), "{refused:?}");
}

#[test]
fn without_originals_it_is_told_what_to_do() {
    let place = Place::new("--thumbnails");
    let refused = place.reembed(&[]);
    let told = String::from_utf8_lossy(&refused.stderr);
    assert!(told.contains("keeps no originals") && told.contains("simclr-serve index"), "{told}");
}
