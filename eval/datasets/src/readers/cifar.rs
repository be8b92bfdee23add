//! CIFAR-10 and CIFAR-100 as the binary archives have them: files of records, each of label bytes and three 32×32 planes.
//! A folder of the python archives is read by the other module.

use std::path::Path;

use super::cifar_python;
use crate::lists::List;
use crate::sample::PlaneFile;
use crate::{Dataset, DatasetError, Label, Sample, Split};

pub(super) const CLASSES: [&str; 10] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];
pub(super) const SIDE: u32 = 32;
pub(super) const PIXELS: usize = 3 * (SIDE * SIDE) as usize;
const BATCHES: [&str; 6] =
    ["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"];
const ADVICE: &str = "unpack the official archive again and give the folder it was unpacked in";

pub(super) fn read_10(root: &Path, name: &str) -> Result<Dataset, DatasetError> {
    let is_python = !root.join("data_batch_1.bin").is_file() && root.join("data_batch_1").is_file();
    let mut dataset = Dataset::new(name, root, CLASSES.map(str::to_owned).to_vec());
    check_names(root)?;
    let (mut train, mut test) = (Vec::new(), Vec::new());
    for batch in BATCHES {
        let path = root.join(if is_python { batch.to_owned() } else { format!("{batch}.bin") });
        if !path.is_file() {
            dataset.lack(path, "its 10,000 pictures are not known".to_owned());
            continue;
        }
        let samples = if is_python {
            cifar_python::batch(&path, "labels", (10_000, CLASSES.len()))?
        } else {
            records(&path, 0, (10_000, CLASSES.len()))?
        };
        if batch == "test_batch" { &mut test } else { &mut train }.extend(samples);
    }
    dataset.set(Split::Train, train);
    dataset.set(Split::Test, test);
    Ok(dataset)
}

pub(super) fn read_100(root: &Path, name: &str) -> Result<Dataset, DatasetError> {
    let is_python = !root.join("train.bin").is_file() && root.join("train").is_file();
    let classes =
        if is_python { cifar_python::names(&root.join("meta"), "fine_label_names")? } else { names(root)? };
    let mut dataset = Dataset::new(name, root, classes);
    for (split, part, count) in [(Split::Train, "train", 50_000), (Split::Test, "test", 10_000)] {
        let path = root.join(if is_python { part.to_owned() } else { format!("{part}.bin") });
        if !path.is_file() {
            dataset.lack(path, format!("the {split} pictures are not known"));
            continue;
        }
        let size = (count, dataset.classes.len());
        let samples = if is_python {
            cifar_python::batch(&path, "fine_labels", size)?
        } else {
            records(&path, 1, size)?
        };
        dataset.set(split, samples);
    }
    Ok(dataset)
}

/// `batches.meta.txt`, where it is here, must name the classes as they are numbered.
fn check_names(root: &Path) -> Result<(), DatasetError> {
    let Some(list) = List::find(&[root.join("batches.meta.txt")])? else { return Ok(()) };
    let wrong = list.lines().zip(CLASSES).find(|((_, text), class)| text != class);
    wrong.map_or(Ok(()), |((line, text), class)| Err(list.wrong(line, format!("`{text}`"), class)))
}

fn names(root: &Path) -> Result<Vec<String>, DatasetError> {
    let path = root.join("fine_label_names.txt");
    match List::find(std::slice::from_ref(&path))? {
        Some(list) => Ok(list.texts()),
        None => {
            Err(DatasetError::layout(&path, "the file is missing", "100 class names, one a line", ADVICE))
        }
    }
}

/// Records of `before` bytes to pass over, a label byte and the planes.
fn records(
    path: &Path,
    before: usize,
    (count, classes): (usize, usize),
) -> Result<Vec<Sample>, DatasetError> {
    let record = before + 1 + PIXELS;
    let expected = format!("{} bytes: {count} records of {record}", count * record);
    let length = std::fs::metadata(path).map_err(DatasetError::io(path))?.len();
    if length != (count * record) as u64 {
        return Err(DatasetError::layout(path, format!("the file has {length} bytes"), &expected, ADVICE));
    }
    let bytes = std::fs::read(path).map_err(DatasetError::io(path))?;
    let file = PlaneFile::open(path, SIDE, false)?;
    let sample = |(index, bytes): (usize, &[u8])| {
        let label = usize::from(bytes[before]);
        if label >= classes {
            let problem = format!("record {index} has label {label}");
            let expected = format!("labels 0 to {}", classes - 1);
            return Err(DatasetError::layout(path, problem, &expected, ADVICE));
        }
        let start = index * record + before + 1;
        Ok(Sample::planes(&file, start as u64, index, Label::Class(label)))
    };
    bytes.chunks_exact(record).enumerate().map(sample).collect()
}
