//! CIFAR-10 in its official binary layout: files of 10,000 records, each a label byte and three 32×32 planes.

use std::path::Path;

use crate::sample::PlaneFile;
use crate::{Dataset, DatasetError, Label, Sample, Split};

pub(crate) const NAME: &str = "cifar10";
pub(crate) const LAYOUT: &str = "cifar-10-batches-bin/{batches.meta.txt,data_batch_1..5.bin,test_batch.bin}";
const FOLDER: &str = "cifar-10-batches-bin";
const TRAIN: [&str; 5] =
    ["data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"];
const TEST: &str = "test_batch.bin";
const CLASSES: [&str; 10] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];
const SIDE: u32 = 32;
const RECORD_BYTES: usize = 1 + 3 * (SIDE * SIDE) as usize;
const RECORDS_PER_FILE: usize = 10_000;
const ADVICE: &str = "unpack cifar-10-binary.tar.gz again and give the folder it was unpacked in";

/// Reads the layout; `root` holds the official folder or is it.
pub(crate) fn read(root: &Path) -> Result<Dataset, DatasetError> {
    let inside = root.join(FOLDER);
    let folder = if inside.is_dir() { inside } else { root.to_path_buf() };
    let mut dataset = Dataset::new(NAME, CLASSES.map(str::to_owned).to_vec());
    let mut train = Vec::with_capacity(TRAIN.len() * RECORDS_PER_FILE);
    for file in TRAIN {
        train.extend(batch(&folder.join(file))?);
    }
    dataset.set(Split::Train, train);
    dataset.set(Split::Test, batch(&folder.join(TEST))?);
    Ok(dataset)
}

fn batch(path: &Path) -> Result<Vec<Sample>, DatasetError> {
    let expected_bytes = RECORDS_PER_FILE * RECORD_BYTES;
    let expected =
        format!("{expected_bytes} bytes: {RECORDS_PER_FILE} records of a label and 3×32×32 pixels");
    if !path.is_file() {
        return Err(DatasetError::layout(path, "the file is missing", LAYOUT, ADVICE));
    }
    let length = std::fs::metadata(path).map_err(DatasetError::io(path))?.len();
    if length != expected_bytes as u64 {
        return Err(DatasetError::layout(path, format!("the file has {length} bytes"), &expected, ADVICE));
    }
    let bytes = std::fs::read(path).map_err(DatasetError::io(path))?;
    let file = PlaneFile::open(path, SIDE, false)?;
    (0..RECORDS_PER_FILE)
        .map(|index| {
            let start = index * RECORD_BYTES;
            let label = usize::from(bytes[start]);
            if label >= CLASSES.len() {
                let problem = format!("record {index} has label {label}");
                return Err(DatasetError::layout(path, problem, "labels 0 to 9", ADVICE));
            }
            Ok(Sample::planes(&file, start as u64 + 1, index, Label::Class(label)))
        })
        .collect()
}
