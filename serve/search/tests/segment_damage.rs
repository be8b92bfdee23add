//! Segments that were cut, flipped, swapped or lost: reported, made again, and nobody missing meanwhile.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use common::{Numbers, clustered, config, query, record};
use simclr_search::{Collections, Limits, Query, Statistics};

/// So many that the larger segment is walked through.
const COUNT: usize = 900;
const DIMENSION: usize = 24;

fn limits() -> Limits {
    Limits { approximate_from: 100, ..Limits::default() }
}

fn segments(data: &Path, name: &str) -> PathBuf {
    data.join("collections").join(name).join("segments")
}

/// Every file of a folder, by name.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder).expect("there").map(|entry| entry.expect("an entry"));
    let file = |entry: fs::DirEntry| {
        (entry.file_name().into_string().expect("a name"), fs::read(entry.path()).expect("reads"))
    };
    let mut files: Vec<_> = entries.map(file).collect();
    files.sort();
    files
}

fn put_back(folder: &Path, files: &[(String, Vec<u8>)]) {
    let _ = fs::remove_dir_all(folder);
    fs::create_dir(folder).expect("made");
    files.iter().for_each(|(name, bytes)| fs::write(folder.join(name), bytes).expect("written"));
}

/// A folder with two collections of different vectors under the same ids and sequences, sealed and closed.
fn two_collections() -> (tempfile::TempDir, Vec<Vec<f32>>) {
    let folder = tempfile::tempdir().expect("a folder");
    let collections = Collections::open(folder.path(), limits()).expect("opens");
    for (seed, name) in [(1, "other"), (2, "victim")] {
        let collection = collections.create(name, config(DIMENSION)).expect("created");
        let vectors = clustered(seed, COUNT, DIMENSION, 8);
        let records: Vec<_> =
            vectors.iter().enumerate().map(|(i, v)| record(format!("{i:03}"), v.clone())).collect();
        // The second part is small beside the first, so that it stays a segment of its own.
        for part in [&records[..COUNT * 4 / 5], &records[COUNT * 4 / 5..]] {
            collection.upsert(part.to_vec()).expect("stored");
            assert!(collection.wait_until_built(Duration::from_secs(60)));
        }
        assert_eq!((collection.statistics().segments, collection.statistics().fresh), (2, 0));
    }
    drop(collections);
    (folder, clustered(2, COUNT, DIMENSION, 8))
}

/// Opens the folder: everybody is found both ways, at once and once the segments are made again.
fn everybody_is_found(data: &Path, vectors: &[Vec<f32>], what: &str) -> Statistics {
    let collections = Collections::open(data, limits()).expect("opens whatever the segments hold");
    assert_eq!(collections.problems(), [], "{what}");
    let victim = collections.get("victim").expect("there");
    let at_opening = victim.statistics();
    for wait in [false, true] {
        assert!(!wait || victim.wait_until_built(Duration::from_secs(60)), "{what}");
        for (i, vector) in vectors.iter().enumerate().step_by(if wait { 1 } else { 7 }) {
            for exact in [true, false] {
                let found = victim.search(&Query { exact, ..query(vector, 1) }).expect("found");
                assert_eq!(found[0].id, format!("{i:03}"), "{what}, exact {exact}");
            }
        }
    }
    let now = victim.statistics();
    assert!(now.walks > 0, "{what}: nothing was walked through: {now:?}");
    assert_eq!((now.sealed - now.dead, now.fresh, &now.problem), (COUNT, 0, &None), "{what}: {now:?}");
    at_opening
}

#[test]
fn flipped_and_cut_files_are_reported_and_made_again() {
    let (folder, vectors) = two_collections();
    let place = segments(folder.path(), "victim");
    let sound = files(&place);
    assert_eq!(sound.len(), 3, "two segments and the manifest");
    let (mut numbers, mut harmless) = (Numbers(5), 0);
    for (name, bytes) in &sound {
        let flips =
            (0..14).map(|i| if i < 4 { i * 7 } else { numbers.below(bytes.len()) }).collect::<Vec<_>>();
        for position in flips.into_iter().filter(|&position| position < bytes.len()) {
            put_back(&place, &sound);
            let mut broken = bytes.clone();
            broken[position] ^= 1 << numbers.below(8);
            fs::write(place.join(name), broken).expect("written");
            let what = format!("byte {position} of {name} flipped");
            // A byte that fills a gap may be what it likes.
            harmless += usize::from(everybody_is_found(folder.path(), &vectors, &what).damage.is_empty());
        }
        for length in [0, 1, 19, 4096, bytes.len() / 2, bytes.len() - 1] {
            put_back(&place, &sound);
            fs::write(place.join(name), &bytes[..length.min(bytes.len() - 1)]).expect("written");
            let damage =
                everybody_is_found(folder.path(), &vectors, &format!("{name} cut to {length}")).damage;
            assert_eq!(damage.len(), 1, "{name} cut to {length}: {damage:?}");
        }
        put_back(&place, &sound);
        fs::remove_file(place.join(name)).expect("removed");
        let damage = everybody_is_found(folder.path(), &vectors, &format!("{name} removed")).damage;
        assert_eq!(damage.len(), 1, "{name} removed: {damage:?}");
        assert_eq!(everybody_is_found(folder.path(), &vectors, "opened again").damage, Vec::<String>::new());
    }
    assert!(harmless < 12, "{harmless} flips went unnoticed");
}

#[test]
fn segments_of_another_collection_or_another_time_are_not_believed() {
    let (folder, vectors) = two_collections();
    let (place, other) = (segments(folder.path(), "victim"), segments(folder.path(), "other"));
    put_back(&place, &files(&other));
    let damage = everybody_is_found(folder.path(), &vectors, "another's segments").damage;
    assert!(damage.len() == 2 && damage[0].contains("does not agree"), "{damage:?}");
    // The folder of segments went back in time, and then the records did.
    let collection_folder = place.parent().expect("a folder").to_owned();
    let (old_segments, old_records) =
        (files(&place), fs::read(collection_folder.join("records.redb")).expect("reads"));
    let mut vectors = vectors;
    {
        let collections = Collections::open(folder.path(), limits()).expect("opens");
        let victim = collections.get("victim").expect("there");
        for (i, vector) in clustered(3, 200, DIMENSION, 8).into_iter().enumerate() {
            vectors[i] = vector.clone();
            victim.upsert(vec![record(format!("{i:03}"), vector)]).expect("stored");
        }
        assert!(victim.wait_until_built(Duration::from_secs(60)));
    }
    let new_segments = files(&place);
    put_back(&place, &old_segments);
    everybody_is_found(folder.path(), &vectors, "older segments");
    fs::write(collection_folder.join("records.redb"), old_records).expect("written");
    put_back(&place, &new_segments);
    let old_vectors = clustered(2, COUNT, DIMENSION, 8);
    everybody_is_found(folder.path(), &old_vectors, "older records");
}

#[test]
fn segments_of_an_earlier_version_are_made_again_and_no_damage() {
    let (folder, vectors) = two_collections();
    let place = segments(folder.path(), "victim");
    for (name, mut bytes) in files(&place).into_iter().filter(|(name, _)| name.ends_with(".segment")) {
        // The format stands after the magic.
        bytes[8..12].copy_from_slice(&1u32.to_le_bytes());
        fs::write(place.join(name), bytes).expect("written");
    }
    let statistics = everybody_is_found(folder.path(), &vectors, "an earlier version's segments");
    assert_eq!((statistics.damage, statistics.segments, statistics.fresh), (Vec::new(), 0, COUNT));
    let statistics = everybody_is_found(folder.path(), &vectors, "opened again");
    assert_eq!((statistics.damage, statistics.fresh), (Vec::new(), 0));
}

#[test]
fn damage_is_told_once_even_where_no_segment_is_made_again() {
    let (folder, _) = two_collections();
    let name = files(&segments(folder.path(), "victim"))[0].0.clone();
    fs::write(segments(folder.path(), "victim").join(name), b"short").expect("written");
    let damage = || {
        let limits = Limits { approximate_from: usize::MAX, ..limits() };
        let collections = Collections::open(folder.path(), limits).expect("opens");
        let victim = collections.get("victim").expect("there");
        let verified = victim.verify(10).expect("verified");
        assert_eq!((verified.records, victim.statistics().segments), (COUNT, 1));
        verified.damage
    };
    assert_eq!(damage().len(), 1);
    assert_eq!(damage(), Vec::<String>::new(), "what is mended is no damage");
}
