//! `verify` says that a sound collection is sound, and names what was broken in one that is not.

mod common;

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

use common::{clustered, config, record};
use simclr_search::{Collections, Limits};

const DIMENSION: usize = 24;

fn limits() -> Limits {
    Limits { approximate_from: 100, ..Limits::default() }
}

fn filled(folder: &Path) -> Collections {
    let collections = Collections::open(folder, limits()).expect("opens");
    let collection = collections.create("seen", config(DIMENSION)).expect("created");
    let vectors = clustered(4, 600, DIMENSION, 8).into_iter().enumerate();
    collection.upsert(vectors.map(|(i, v)| record(format!("{i:03}"), v)).collect()).expect("stored");
    assert!(collection.wait_until_built(Duration::from_secs(60)));
    collections
}

#[test]
fn a_sound_collection_is_read_whole_and_its_recall_measured() {
    let folder = tempfile::tempdir().expect("a folder");
    let collections = filled(folder.path());
    let collection = collections.get("seen").expect("there");
    let verified = collection.verify(50).expect("verified");
    assert_eq!((verified.records, verified.segments, verified.damage), (600, 1, vec![]));
    assert!((50..=51).contains(&verified.sampled), "{} sampled", verified.sampled);
    assert!(verified.recall.expect("sampled") >= 0.99, "{:?}", verified.recall);
    assert_eq!(collection.verify(0).expect("verified").recall, None);
    assert_eq!(
        collections.create("empty", config(3)).expect("created").verify(9).expect("verified").recall,
        None
    );
}

/// Both ways find a record itself without fail, so it must not count.
#[test]
fn recall_is_of_others_than_the_record_itself() {
    let folder = tempfile::tempdir().expect("a folder");
    let collections = filled(folder.path());
    let recall = collections.get("seen").expect("there").recall(50).expect("measured");
    assert!(recall.sampled == 50 && recall.recall >= 0.99, "{recall:?}");
    let few = collections.create("few", config(2)).expect("created");
    few.upsert(vec![record("one", vec![1.0, 2.0])]).expect("stored");
    assert_eq!(few.recall(5), None, "it has no others");
    few.upsert(vec![record("two", vec![2.0, 1.0])]).expect("stored");
    assert_eq!(few.recall(5).map(|found| (found.sampled, found.recall)), Some((2, 1.0)));
}

#[test]
fn a_byte_broken_under_an_open_segment_is_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let collections = filled(folder.path());
    let place = folder.path().join("collections/seen/segments");
    let entries = fs::read_dir(place).expect("there").map(|entry| entry.expect("an entry").path());
    let path =
        entries.into_iter().find(|path| path.extension().is_some_and(|e| e == "segment")).expect("a segment");
    let file = fs::File::options().read(true).write(true).open(path).expect("opens");
    // In the first section, the directions: a number of the first node, which is some record's.
    let mut byte = [0];
    file.read_exact_at(&mut byte, 4096 + 3).expect("read");
    file.write_all_at(&[byte[0] ^ 0x40], 4096 + 3).expect("written");
    let collection = collections.get("seen").expect("there");
    let verified = collection.verify(10).expect("verified");
    assert!(verified.damage[0].contains("a checksum does not match"), "{:?}", verified.damage);
    assert!(verified.damage[1].contains("is another"), "{:?}", verified.damage);
    drop((collection, collections));
    // And at the next opening, which makes the segment again.
    let collections = Collections::open(folder.path(), limits()).expect("opens");
    let collection = collections.get("seen").expect("there");
    let damage = collection.verify(10).expect("verified").damage;
    assert!(damage.len() == 1 && damage[0].contains("a checksum does not match"), "{damage:?}");
}

#[test]
fn a_collection_that_is_gone_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let collections = filled(folder.path());
    let collection = collections.get("seen").expect("there");
    collections.delete("seen").expect("deleted");
    collection.verify(1).expect_err("a collection that is gone cannot be verified");
}
