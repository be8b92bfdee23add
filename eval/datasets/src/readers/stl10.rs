//! STL-10 as the binary archive has it: `{train,test}_X.bin` hold 96×96 planes by columns, `{train,test}_y.bin` labels from 1.
//! The unlabelled pictures are no split here.

use std::path::Path;

use crate::sample::PlaneFile;
use crate::{Dataset, DatasetError, Label, Sample, Split};

const CLASSES: [&str; 10] =
    ["airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck"];
const SIDE: u32 = 96;
const PIXELS: u64 = 3 * (SIDE * SIDE) as u64;
const ADVICE: &str = "unpack stl10_binary.tar.gz again";

pub(super) fn read(root: &Path, name: &str) -> Result<Dataset, DatasetError> {
    let mut dataset = Dataset::new(name, root, CLASSES.map(str::to_owned).to_vec());
    for (split, part, count) in [(Split::Train, "train", 5_000), (Split::Test, "test", 8_000)] {
        let [pixels, labels] = ["X", "y"].map(|kind| root.join(format!("{part}_{kind}.bin")));
        match [&pixels, &labels].into_iter().find(|path| !path.is_file()) {
            Some(path) => dataset.lack(path.clone(), format!("the {split} pictures are not known")),
            None => dataset.set(split, part_of(&pixels, &labels, count)?),
        }
    }
    Ok(dataset)
}

fn part_of(pixels: &Path, labels: &Path, count: u64) -> Result<Vec<Sample>, DatasetError> {
    for (path, each) in [(pixels, PIXELS), (labels, 1)] {
        let length = std::fs::metadata(path).map_err(DatasetError::io(path))?.len();
        if length != count * each {
            let expected = format!("{} bytes: {count} records of {each}", count * each);
            return Err(DatasetError::layout(
                path,
                format!("the file has {length} bytes"),
                &expected,
                ADVICE,
            ));
        }
    }
    let file = PlaneFile::open(pixels, SIDE, true)?;
    let classes = std::fs::read(labels).map_err(DatasetError::io(labels))?;
    let sample = |(index, class): (usize, u8)| match usize::from(class).checked_sub(1) {
        Some(class) if class < CLASSES.len() => {
            Ok(Sample::planes(&file, index as u64 * PIXELS, index, Label::Class(class)))
        }
        _ => {
            let problem = format!("record {index} has label {class}");
            Err(DatasetError::layout(labels, problem, "labels 1 to 10", ADVICE))
        }
    };
    classes.into_iter().enumerate().map(sample).collect()
}
