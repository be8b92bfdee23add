//! Files that were cut, flipped, swapped or made by somebody else: a clear error, the others open, never a panic.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{Numbers, config, query, record};
use redb::TableDefinition;
use simclr_search::{Collections, Limits, Record, SearchError};

const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");

fn file(data: &Path, name: &str) -> PathBuf {
    data.join("collections").join(name).join("records.redb")
}

/// A folder with the collections `victim` and `other`, properly closed, and the victim's records.
fn two_collections() -> (tempfile::TempDir, Vec<Record>) {
    let folder = tempfile::tempdir().expect("a folder");
    let collections = Collections::open(folder.path(), Limits::default()).expect("opens");
    let mut numbers = Numbers(3);
    let records: Vec<Record> = (0..60).map(|i| record(format!("{i:02}"), numbers.vector(24))).collect();
    for name in ["other", "victim"] {
        let collection = collections.create(name, config(24)).expect("created");
        // Several commits, so that the file has a history to fall back on, wrongly.
        for chunk in records.chunks(10) {
            collection.upsert(chunk.to_vec()).expect("stored");
        }
    }
    drop(collections);
    (folder, records)
}

/// Opens the folder: either the victim is whole, or it is reported, refused, and the other is untouched.
fn whole_or_reported(data: &Path, records: &[Record], what: &str) -> bool {
    let collections = Collections::open(data, Limits::default()).expect("the folder opens whatever is in it");
    assert_eq!(collections.get("other").expect("the other opens").count(), records.len(), "{what}");
    match collections.get("victim") {
        Ok(victim) => {
            assert_eq!(victim.page(None, 1000).expect("reads"), records, "{what}: silent loss");
            assert_eq!(victim.search(&query(&records[5].vector, 1)).expect("found")[0].id, "05", "{what}");
            true
        }
        Err(error) => {
            let problems = collections.problems();
            assert!(matches!(error, SearchError::Damaged { .. }), "{what}: {error}");
            assert_eq!(
                (problems.len(), problems[0].name.as_str(), &problems[0].error),
                (1, "victim", &error)
            );
            let again = collections.create("victim", config(24)).expect_err("nothing is overwritten");
            assert_eq!(again, error);
            false
        }
    }
}

#[test]
fn flipped_bytes_are_harmless_or_reported() {
    let (folder, records) = two_collections();
    let path = file(folder.path(), "victim");
    let sound = fs::read(&path).expect("reads");
    let mut numbers = Numbers(8);
    let header = (0..400).step_by(4);
    let anywhere: Vec<usize> = (0..100).map(|_| numbers.below(sound.len())).collect();
    let (mut whole, mut reported) = (0, 0);
    for position in header.chain(anywhere) {
        let mut bytes = sound.clone();
        bytes[position] ^= 1 << numbers.below(8);
        fs::write(&path, bytes).expect("writes");
        match whole_or_reported(folder.path(), &records, &format!("byte {position} flipped")) {
            true => whole += 1,
            false => reported += 1,
        }
    }
    eprintln!("{} bytes: {whole} flips harmless, {reported} reported", sound.len());
    assert!(reported > 0, "no flip was noticed");
}

#[test]
fn cut_and_overwritten_files_are_reported() {
    let (folder, records) = two_collections();
    let path = file(folder.path(), "victim");
    let sound = fs::read(&path).expect("reads");
    let mut numbers = Numbers(9);
    let lengths = [0, 1, 63, 320, 4096, sound.len() / 2, sound.len() - 1];
    let lengths: Vec<usize> =
        lengths.into_iter().chain((0..20).map(|_| numbers.below(sound.len()))).collect();
    for length in lengths {
        fs::write(&path, &sound[..length]).expect("writes");
        assert!(
            !whole_or_reported(folder.path(), &records, &format!("cut to {length}")),
            "cut to {length} and whole?"
        );
    }
    for length in [10, 5000, sound.len()] {
        let noise: Vec<u8> = (0..length).map(|_| numbers.next() as u8).collect();
        fs::write(&path, noise).expect("writes");
        assert!(!whole_or_reported(folder.path(), &records, "noise"));
    }
    fs::write(&path, &sound).expect("writes");
    assert!(whole_or_reported(folder.path(), &records, "put back"));
    fs::remove_file(&path).expect("removed");
    assert!(!whole_or_reported(folder.path(), &records, "file gone"));

    // The way out: a damaged collection can be deleted and made anew.
    let collections = Collections::open(folder.path(), Limits::default()).expect("opens");
    collections.delete("victim").expect("deleted");
    assert_eq!(collections.problems(), []);
    assert_eq!(collections.create("victim", config(24)).expect("created").count(), 0);
}

#[test]
fn other_formats_and_strangers_are_told_apart() {
    let (folder, _) = two_collections();
    let write = |name: &str, key: &str, value: &[u8]| {
        let database = redb::Database::create(file(folder.path(), name)).expect("opens");
        let transaction = database.begin_write().expect("begins");
        transaction.open_table(META).expect("a table").insert(key, value).expect("written");
        transaction.commit().expect("committed");
    };
    write("victim", "format", &7u64.to_le_bytes());
    write("other", "config", b"{\"dimension\": 0, \"space_key\": \"\"}");
    for stranger in ["stranger", "not a name"] {
        fs::create_dir(folder.path().join("collections").join(stranger)).expect("created");
    }
    write("stranger", "hello", b"world");
    let collections = Collections::open(folder.path(), Limits::default()).expect("opens");
    assert_eq!(collections.list().len(), 0);
    let future = SearchError::UnknownFormat { collection: "victim".into(), found: 7, supported: 3 };
    assert_eq!(collections.get("victim").expect_err("refused"), future);
    assert!(matches!(collections.get("other"), Err(SearchError::Damaged { .. })));
    assert!(matches!(collections.get("stranger"), Err(SearchError::Damaged { .. })));
    assert!(matches!(collections.get("not a name"), Err(SearchError::BadName { .. })));
    assert_eq!(collections.problems().len(), 4);
}

#[test]
fn what_a_crash_left_half_made_or_half_removed_is_cleared_away() {
    let (folder, records) = two_collections();
    let place = |name: &str| folder.path().join("collections").join(name);
    fs::create_dir(place(".creating-third")).expect("created");
    fs::write(place(".creating-third").join("records.redb"), b"half").expect("written");
    fs::rename(place("other"), place(".removing-other-0")).expect("renamed");
    let collections = Collections::open(folder.path(), Limits::default()).expect("opens");
    assert_eq!(collections.problems(), []);
    assert_eq!(collections.list().len(), 1);
    assert_eq!(collections.get("victim").expect("there").count(), records.len());
    assert!(!place(".creating-third").exists() && !place(".removing-other-0").exists());
    collections.create("third", config(2)).expect("created");
    collections.create("other", config(2)).expect("created");
}
