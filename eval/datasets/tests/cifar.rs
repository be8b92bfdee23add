//! The CIFAR-10 reader on full-size files in which a few bytes are written.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

use simclr_datasets::{Label, Split, open};
use simclr_models::Limits;
use tempfile::TempDir;

const RECORD_BYTES: u64 = 3073;

/// Files as large as the official ones , where picture `i` has label `i % 10`.
fn official_layout() -> TempDir {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("cifar-10-batches-bin");
    fs::create_dir(&folder).unwrap();
    let names = (1..=5).map(|i| format!("data_batch_{i}.bin")).chain(["test_batch.bin".to_owned()]);
    for name in names {
        let mut bytes = vec![0; 10_000 * RECORD_BYTES as usize];
        for (index, record) in bytes.chunks_mut(RECORD_BYTES as usize).enumerate() {
            record[0] = (index % 10) as u8;
        }
        fs::write(folder.join(name), bytes).unwrap();
    }
    root
}

fn write(root: &Path, file: &str, at: u64, bytes: &[u8]) {
    let mut file = File::options().write(true).open(root.join("cifar-10-batches-bin").join(file)).unwrap();
    file.seek(SeekFrom::Start(at)).unwrap();
    file.write_all(bytes).unwrap();
}

#[test]
fn official_layout_is_read_and_checked() {
    let root = official_layout();
    let (red, green, blue) = (1, 1 + 1024, 1 + 2048);
    for (plane, value) in [(red, 10), (green, 20), (blue, 30)] {
        write(root.path(), "data_batch_2.bin", 7 * RECORD_BYTES + plane + 33, &[value]);
    }
    let dataset = open("cifar10", root.path()).unwrap();
    assert_eq!(dataset.classes[9], "truck");
    assert_eq!(dataset.count_by_class(Split::Train), [5_000; 10]);
    assert_eq!(dataset.count_by_class(Split::Test), [1_000; 10]);
    assert!(dataset.split(Split::Validation).is_none());
    let sample = &dataset.split(Split::Train).unwrap()[10_007];
    assert_eq!(sample.label, Label::Class(7));
    assert!(sample.name().ends_with("data_batch_2#7"), "{}", sample.name());
    let picture = sample.load(&Limits::default()).unwrap();
    assert_eq!((picture.width(), picture.height()), (32, 32));
    assert_eq!(picture.rgb()[33 * 3..34 * 3], [10, 20, 30]);
    assert_eq!(picture.rgb().iter().map(|&x| u32::from(x)).sum::<u32>(), 60);

    let inner = open("cifar10", &root.path().join("cifar-10-batches-bin")).unwrap();
    assert_eq!(inner.split(Split::Test).unwrap().len(), 10_000);

    let refusal = || open("cifar10", root.path()).unwrap_err().to_string();
    write(root.path(), "data_batch_3.bin", 4 * RECORD_BYTES, &[10]);
    let text = refusal();
    assert!(text.contains("data_batch_3.bin") && text.contains("record 4 has label 10"), "{text}");
    let test = root.path().join("cifar-10-batches-bin/data_batch_1.bin");
    File::options().write(true).open(&test).unwrap().set_len(5_000).unwrap();
    let text = refusal();
    assert!(text.contains("5000 bytes") && text.contains("30730000") && text.contains("unpack"), "{text}");
    fs::remove_file(test).unwrap();
    write(root.path(), "data_batch_3.bin", 4 * RECORD_BYTES, &[0]);
    assert!(refusal().contains("data_batch_1.bin: it is missing"));
}
