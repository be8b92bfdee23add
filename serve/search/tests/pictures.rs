//! Pictures kept beside records: there as long as a record of their content is, and told when they are damaged.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::record;
use simclr_search::{
    Collection, CollectionConfig, Collections, ContentHash, Keep, Limits, PictureKind, Pictured, Record,
    SearchError,
};

const CAT: &[u8] = b"the bytes of a cat";
const DOG: &[u8] = b"the bytes of a dog";

fn keeping(thumbnails: bool, originals: bool) -> CollectionConfig {
    let mut config = CollectionConfig::new(2, "space");
    config.keep = Keep { thumbnails, originals };
    config
}

fn open(folder: &Path) -> Collections {
    Collections::open(folder, Limits::default()).expect("opens")
}

fn pictured(bytes: &[u8]) -> Pictured {
    let small = [b"small ", bytes].concat();
    Pictured { content: ContentHash::of(bytes), thumbnail: Some(small), original: Some(bytes.to_vec()) }
}

fn of(id: &str, bytes: &[u8]) -> Record {
    Record { content: Some(ContentHash::of(bytes)), ..record(id, vec![1.0, 0.5]) }
}

fn store(collection: &Collection, id: &str, bytes: &[u8]) {
    collection.upsert_pictured(vec![of(id, bytes)], &[pictured(bytes)]).expect("stored");
}

fn kept(collection: &Collection, bytes: &[u8]) -> [Option<Vec<u8>>; 2] {
    [PictureKind::Thumbnail, PictureKind::Original]
        .map(|kind| collection.picture(ContentHash::of(bytes), kind).expect("read"))
}

/// All files of pictures.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries =
        |folder: &Path| fs::read_dir(folder).into_iter().flatten().map(|entry| entry.expect("read").path());
    let folders = entries(&folder.join("collections/kept/pictures")).collect::<Vec<_>>();
    let mut files: Vec<PathBuf> = folders.iter().flat_map(|folder| entries(folder)).collect();
    files.sort();
    files
}

#[test]
fn a_picture_lives_as_long_as_a_record_of_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let collections = open(folder.path());
    let collection = collections.create("kept", keeping(true, true)).expect("created");
    store(&collection, "a", CAT);
    store(&collection, "b", CAT);
    store(&collection, "c", DOG);
    let both = |bytes: &[u8]| [Some([b"small ", bytes].concat()), Some(bytes.to_vec())];
    assert_eq!([kept(&collection, CAT), kept(&collection, DOG)], [both(CAT), both(DOG)]);
    assert_eq!(files(folder.path()).len(), 4, "one content, one picture");
    collection.delete(&["a".into()]).expect("deleted");
    assert_eq!(kept(&collection, CAT), both(CAT), "b has it still");
    // Replaced by another picture: the last record of the cat is gone.
    store(&collection, "b", DOG);
    assert_eq!(kept(&collection, CAT), [None, None]);
    drop((collection, collections));
    let collections = open(folder.path());
    let collection = collections.get("kept").expect("there");
    assert_eq!(collection.config().keep, Keep { thumbnails: true, originals: true });
    assert_eq!(kept(&collection, DOG), both(DOG));
    // Replaced by the same picture, and by a vector that says whose it is: nothing goes.
    store(&collection, "b", DOG);
    collection.upsert(vec![of("c", DOG)]).expect("stored");
    assert_eq!(kept(&collection, DOG), both(DOG));
    assert_eq!(collection.verify(0).expect("verified").pictures, 2);
    collection.delete(&["b".into(), "c".into()]).expect("deleted");
    assert!(files(folder.path()).is_empty());
}

#[test]
fn only_what_is_asked_for_is_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let collections = open(folder.path());
    for (name, thumbnails, originals) in
        [("neither", false, false), ("small", true, false), ("large", false, true)]
    {
        let collection = collections.create(name, keeping(thumbnails, originals)).expect("created");
        store(&collection, "a", CAT);
        assert_eq!(kept(&collection, CAT).map(|kept| kept.is_some()), [thumbnails, originals], "{name}");
    }
    let refused = collections.create("small", keeping(true, true)).expect_err("made otherwise").to_string();
    assert!(refused.contains("keeping thumbnails; choose"), "{refused}");
}

#[test]
fn what_a_crash_left_is_removed_and_damage_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let collections = open(folder.path());
    let collection = collections.create("kept", keeping(true, true)).expect("created");
    store(&collection, "a", CAT);
    store(&collection, "b", DOG);
    drop((collection, collections));
    let before = files(folder.path());
    // Written before the record that never came, and half written.
    let lost = before[0].with_file_name(format!("{}.original", ContentHash::of(b"lost")));
    fs::write(&lost, b"lost").expect("written");
    fs::write(before[0].with_file_name("7.partial"), b"ha").expect("written");
    let collections = open(folder.path());
    assert_eq!(files(folder.path()), before);
    let collection = collections.get("kept").expect("there");
    for path in &before {
        let good = fs::read(path).expect("read");
        for bad in [&good[..good.len() - 1], &[], &[&good[..], b"x"].concat(), &[b"y", &good[1..]].concat()] {
            fs::write(path, bad).expect("written");
            let damage = collection.verify(0).expect("verified").damage;
            assert!(damage.len() == 1 && damage[0].contains("not those that were written"), "{damage:?}");
            let bytes =
                if path.to_string_lossy().contains(&ContentHash::of(CAT).to_string()) { CAT } else { DOG };
            let kind = if path.extension().is_some_and(|end| end == "original") {
                PictureKind::Original
            } else {
                PictureKind::Thumbnail
            };
            let told = collection.picture(ContentHash::of(bytes), kind).expect_err("damaged");
            assert!(matches!(told, SearchError::DamagedPicture { .. }), "{told}");
            // Stored again it is whole again.
            store(&collection, if bytes == CAT { "a" } else { "b" }, bytes);
            assert_eq!(fs::read(path).expect("read"), good);
        }
    }
}

#[test]
fn a_refused_upsert_leaves_no_picture() {
    let folder = tempfile::tempdir().expect("a folder");
    let limits = Limits { records_per_collection_max: 1, ..Limits::default() };
    let collections = Collections::open(folder.path(), limits).expect("opens");
    let collection = collections.create("kept", keeping(true, true)).expect("created");
    let bad = Record { vector: vec![0.0, 0.0], ..of("a", CAT) };
    collection.upsert_pictured(vec![bad], &[pictured(CAT)]).expect_err("no direction");
    store(&collection, "a", DOG);
    collection.upsert_pictured(vec![of("b", CAT)], &[pictured(CAT)]).expect_err("full");
    assert_eq!(files(folder.path()).len(), 2);
    assert_eq!(kept(&collection, CAT), [None, None]);
}

#[test]
fn storing_and_deleting_the_same_picture_at_once_loses_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let collections = open(folder.path());
    let collection = collections.create("kept", keeping(false, true)).expect("created");
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let collection = &collection;
            scope.spawn(move || {
                for _ in 0..50 {
                    let id = format!("{writer}");
                    store(collection, &id, CAT);
                    assert!(kept(collection, CAT)[1].is_some(), "{id} is stored and has no picture");
                    collection.delete(&[id]).expect("deleted");
                }
            });
        }
    });
    assert!(files(folder.path()).is_empty());
}

#[test]
fn a_thumbnail_is_the_last_one_and_strangers_do_no_harm() {
    let folder = tempfile::tempdir().expect("a folder");
    let collections = open(folder.path());
    let collection = collections.create("kept", keeping(true, false)).expect("created");
    store(&collection, "a", CAT);
    let other = Pictured { thumbnail: Some(b"another".to_vec()), ..pictured(CAT) };
    collection.upsert_pictured(vec![of("a", CAT)], &[other]).expect("stored");
    assert_eq!(kept(&collection, CAT)[0].as_deref(), Some(&b"another"[..]));
    fs::write(folder.path().join("collections/kept/pictures/notes.txt"), b"mine").expect("written");
    assert_eq!(collection.verify(0).expect("verified").damage, [""; 0]);
}

#[test]
fn a_crash_brings_no_record_back_without_its_picture() {
    let folder = tempfile::tempdir().expect("a folder");
    // Nothing is synced by itself while this test runs.
    let relaxed = Limits { unsynced_max: std::time::Duration::from_hours(1), ..Limits::default() };
    let collections = Collections::open(folder.path(), relaxed).expect("opens");
    let collection = collections.create("kept", keeping(true, true)).expect("created");
    store(&collection, "a", CAT);
    store(&collection, "b", DOG);
    collections.sync().expect("synced");
    collection.delete(&["a".into()]).expect("deleted");
    store(&collection, "b", CAT);
    // What a crash at this moment leaves.
    let left = tempfile::tempdir().expect("a folder");
    copy(folder.path(), left.path());
    let collections = open(left.path());
    let collection = collections.get("kept").expect("there");
    for record in collection.page(None, 10).expect("read") {
        let content = record.content.expect("each has one");
        for kind in [PictureKind::Thumbnail, PictureKind::Original] {
            assert!(
                collection.picture(content, kind).expect("read").is_some(),
                "{} has no {kind:?}",
                record.id
            );
        }
    }
    assert!(collection.count() > 0);
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("a folder").map(|entry| entry.expect("read")) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            fs::create_dir_all(&target).expect("made");
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("copied");
        }
    }
}

#[test]
fn one_collection_takes_the_place_of_another() {
    let folder = tempfile::tempdir().expect("a folder");
    let collections = open(folder.path());
    let old = collections.create("kept", CollectionConfig::new(2, "old")).expect("created");
    old.upsert(vec![of("a", CAT)]).expect("stored");
    let new = collections.create("new", keeping(true, false)).expect("created");
    store(&new, "b", DOG);
    collections.replace("kept", "new").expect("replaced");
    for gone in [&old, &new] {
        assert!(matches!(gone.get("b"), Err(SearchError::CollectionNotFound { .. })));
        gone.upsert(vec![of("x", CAT)]).expect_err("gone");
    }
    let check = |collections: &Collections| {
        assert!(collections.get("new").is_err());
        let kept_one = collections.get("kept").expect("there");
        assert_eq!((kept_one.config().space_key.as_str(), kept_one.count()), ("space", 1));
        assert!(kept(&kept_one, DOG)[0].is_some());
        store(&kept_one, "b", DOG);
    };
    check(&collections);
    drop((old, new, collections));
    check(&open(folder.path()));
}
