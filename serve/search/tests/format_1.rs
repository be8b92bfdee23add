//! A file that the first version of this program wrote: read as it is, and written to as one of today.

mod common;

use std::path::Path;

use common::{config, query, record};
use redb::{Database, ReadableDatabase, TableDefinition};
use simclr_search::{Collections, ContentHash, Duplicate, Limits, Record};

const RECORDS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("records");
const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");

/// What format 1 was: sequence (8 bytes), numbers, payload.
fn write(file: &Path, records: &[Record]) {
    let database = Database::create(file).expect("created");
    let transaction = database.begin_write().expect("begun");
    {
        let mut meta = transaction.open_table(META).expect("a table");
        meta.insert("format", 1u64.to_le_bytes().as_slice()).expect("written");
        let config = br#"{"dimension":2,"space_key":"0123456789abcdef"}"#;
        meta.insert("config", config.as_slice()).expect("written");
        let next = records.len() as u64 + 1;
        meta.insert("next_sequence", next.to_le_bytes().as_slice()).expect("written");
        let mut table = transaction.open_table(RECORDS).expect("a table");
        for (sequence, record) in (1u64..).zip(records) {
            let numbers: Vec<u8> = record.vector.iter().flat_map(|x| x.to_le_bytes()).collect();
            let bytes =
                [&sequence.to_le_bytes()[..], &numbers, record.payload.to_string().as_bytes()].concat();
            table.insert(record.id.as_str(), bytes.as_slice()).expect("written");
        }
    }
    transaction.commit().expect("committed");
}

fn format(file: &Path) -> u64 {
    let database = Database::open(file).expect("opens");
    let meta = database.begin_read().expect("begun").open_table(META).expect("a table");
    let format = meta.get("format").expect("read").expect("there");
    u64::from_le_bytes(format.value().try_into().expect("8 bytes"))
}

#[test]
fn a_collection_of_format_1_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("collections/old/records.redb");
    std::fs::create_dir_all(file.parent().expect("a folder")).expect("made");
    let old = vec![record("a", vec![1.0, 0.5]), record("b", vec![0.0, -2.0])];
    write(&file, &old);
    let open = || Collections::open(folder.path(), Limits::default()).expect("opens");
    let cat = ContentHash::of(b"cat");
    {
        let collections = open();
        let collection = collections.get("old").expect("readable");
        assert_eq!(collection.config(), &config(2));
        assert_eq!(collection.page(None, 9).expect("read"), old);
        assert_eq!(collection.by_content(cat).expect("looked up"), None);
        assert_eq!(collection.search(&query(&[0.0, -1.0], 1)).expect("found")[0].id, "b");
    }
    assert_eq!(format(&file), 1, "what is only read stays what it is");
    let hashed = Record { content: Some(cat), ..old[1].clone() };
    {
        let collections = open();
        let collection = collections.get("old").expect("writable");
        let again = vec![hashed.clone(), Record { id: "c".into(), ..hashed.clone() }];
        let upserted = collection.upsert(again).expect("stored");
        assert_eq!((upserted.inserted, upserted.replaced), (1, 1));
        assert_eq!(upserted.duplicates, [Duplicate { id: "c".into(), of: "b".into() }]);
        assert_eq!(collection.delete(&["c".into()]).expect("deleted"), 1);
    }
    assert_eq!(format(&file), 3, "the version that cannot read it must not try");
    let collections = open();
    let collection = collections.get("old").expect("readable");
    assert_eq!(collection.page(None, 9).expect("read"), [old[0].clone(), hashed]);
    assert_eq!(collection.by_content(cat).expect("looked up").as_deref(), Some("b"));
}
