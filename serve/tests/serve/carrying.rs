//! Kept pictures go along with their records, out to files and in again.

use std::path::Path;

use simclr_search::{CollectionConfig, Collections, ContentHash, Keep, PictureKind, Pictured, Record};
use simclr_serve::{export, import};

use crate::exchanging::{DIMENSION, everything, records, store};

fn pictured(bytes: &[u8]) -> Pictured {
    let (content, thumbnail) = (ContentHash::of(bytes), Some([b"small ", bytes].concat()));
    Pictured { content, thumbnail, original: Some(bytes.to_vec()) }
}

/// Records with pictures, some without and some with the same, in a collection that keeps such.
fn keeping(folder: &Path, keep: Keep) -> (Collections, Vec<Record>, Vec<Pictured>) {
    let collections = store(folder);
    let mut config = CollectionConfig::new(DIMENSION, "abc");
    config.keep = keep;
    let collection = collections.create("cats", config).unwrap();
    // Some larger than a part in all.
    let bytes = |i: usize| vec![i as u8; if i.is_multiple_of(40) { 12 << 20 } else { 1000 + i }];
    let pictures: Vec<Pictured> = (0..100).map(|i| pictured(&bytes(i))).collect();
    let mut records = records(300);
    for (i, record) in records.iter_mut().enumerate() {
        record.content = (i % 3 > 0).then(|| pictures[i % 100].content);
    }
    collection.upsert_pictured(records.clone(), &pictures).unwrap();
    (collections, records, pictures)
}

#[test]
fn kept_pictures_go_along() {
    for (name, thumbnails, originals) in
        [("cats.parquet", true, true), ("cats", true, true), ("t.parquet", true, false), ("o", false, true)]
    {
        let folder = tempfile::tempdir().unwrap();
        let (from, records, pictures) = keeping(&folder.path().join("from"), Keep { thumbnails, originals });
        let file = folder.path().join(name);
        assert_eq!(export(&*from.get("cats").unwrap(), &file, |_| ()).unwrap(), 300);
        let into = store(&folder.path().join("into"));
        let done = import(&into, "dogs", &file, None, |_| ()).unwrap();
        assert_eq!((done.inserted, done.pictures_left_out), (300, 0), "{name}");
        let dogs = into.get("dogs").unwrap();
        assert_eq!((dogs.config(), everything(&*dogs)), (from.get("cats").unwrap().config(), records));
        for Pictured { content, thumbnail, original } in pictures {
            let found = |kind| dogs.picture(content, kind).unwrap();
            assert_eq!(found(PictureKind::Thumbnail), thumbnail.filter(|_| thumbnails), "{name}");
            assert_eq!(found(PictureKind::Original), original.filter(|_| originals), "{name}");
        }
        // One that keeps none takes the records, and it is said what it leaves.
        into.create("plain", CollectionConfig::new(DIMENSION, "abc")).unwrap();
        let done = import(&into, "plain", &file, None, |_| ()).unwrap();
        let kinds = usize::from(thumbnails) + usize::from(originals);
        assert_eq!((done.inserted, done.pictures_left_out), (300, 100 * kinds));
    }
}

#[test]
fn a_damaged_picture_does_not_keep_the_others_from_going_out() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("from");
    let (from, records, pictures) = keeping(&data, Keep { thumbnails: true, originals: true });
    let (damaged, gone) = (&pictures[1], &pictures[2]);
    let file_of = |pictured: &Pictured, kind: &str| {
        let digits = pictured.content.to_string();
        data.join("collections/cats/pictures").join(&digits[..2]).join(format!("{digits}.{kind}"))
    };
    std::fs::write(file_of(damaged, "original"), "other bytes").unwrap();
    std::fs::remove_file(file_of(gone, "thumbnail")).unwrap();
    let file = folder.path().join("cats.parquet");
    assert_eq!(export(&*from.get("cats").unwrap(), &file, |_| ()).unwrap(), 300);
    let into = store(&folder.path().join("into"));
    import(&into, "cats", &file, None, |_| ()).unwrap();
    let cats = into.get("cats").unwrap();
    assert_eq!(everything(&*cats), records);
    let found = |pictured: &Pictured, kind| cats.picture(pictured.content, kind).unwrap();
    assert_eq!(found(damaged, PictureKind::Original), None);
    assert_eq!(found(damaged, PictureKind::Thumbnail), damaged.thumbnail);
    assert_eq!(found(gone, PictureKind::Thumbnail), None);
    assert_eq!(found(gone, PictureKind::Original), gone.original);
}

#[test]
fn pictures_of_other_records_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (from, _, pictures) =
        keeping(&folder.path().join("from"), Keep { thumbnails: true, originals: true });
    let out = folder.path().join("out");
    let collection = from.get("cats").unwrap();
    export(&*collection, &out, |_| ()).unwrap();
    std::fs::write(out.join("originals").join(pictures[1].content.to_string()), "another").unwrap();
    let refused = import(&from, "dogs", &out, None, |_| ()).unwrap_err().to_string();
    assert!(refused.contains("line 2") && refused.contains("content_sha256"), "{refused}");
    // What an interrupted export left of pictures goes, and a file of somebody else's does not.
    let partial = folder.path().join("again.partial");
    std::fs::rename(&out, &partial).unwrap();
    std::fs::write(partial.join("originals").join("thesis.tex"), "mine").unwrap();
    let again = || export(&*collection, &folder.path().join("again"), |_| ());
    let refused = again().unwrap_err().to_string();
    assert!(refused.contains("thesis.tex"), "{refused}");
    std::fs::remove_file(partial.join("originals").join("thesis.tex")).unwrap();
    assert_eq!(again().unwrap(), 300);
}
