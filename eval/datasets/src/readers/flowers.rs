//! Oxford 102 Flowers: `imagelabels.mat` has the class of each picture `jpg/image_00001.jpg`…, `setid.mat` the numbers of
//! the pictures of each split.

use std::path::Path;

use crate::matlab::{self, Value};
use crate::{Dataset, DatasetError, Label, Split};

const SPLITS: [(Split, &str); 3] =
    [(Split::Train, "trnid"), (Split::Validation, "valid"), (Split::Test, "tstid")];
const ADVICE: &str = "fetch imagelabels.mat and setid.mat again";
const NAMES: &str = include_str!("names/flowers.txt");

pub(super) fn read(root: &Path, name: &str) -> Result<Dataset, DatasetError> {
    let classes: Vec<String> = NAMES.lines().map(str::to_owned).collect();
    let (labels_at, sets_at) = (root.join("imagelabels.mat"), root.join("setid.mat"));
    let labels = variable(&labels_at, "labels")?;
    let mut sets = Vec::new();
    for (split, set) in SPLITS {
        sets.push((split, set, variable(&sets_at, set)?));
    }
    let longest = sets[0].2.len().max(sets[1].2.len());
    if longest > sets[2].2.len() {
        let problem = format!("trnid or valid has {longest} pictures, more than tstid's {}", sets[2].2.len());
        let expected =
            "10 pictures of each class in trnid and valid (1,020), the many others in tstid (6,149)";
        return Err(DatasetError::line(
            &sets_at,
            1,
            problem,
            expected,
            "fetch setid.mat again; do not swap its sets",
        ));
    }
    let mut dataset = Dataset::new(name, root, classes);
    let mut split_of = vec![None; labels.len()];
    for (split, set, numbers) in sets {
        let mut samples = Vec::with_capacity(numbers.len());
        for (number, at) in numbers.into_iter().zip(1..) {
            let wrong = |problem: String, expected: &str| {
                DatasetError::line(&sets_at, at, format!("{set}: {problem}"), expected, ADVICE)
            };
            let Some(&label) = number.checked_sub(1).and_then(|place| labels.get(place)) else {
                let expected = format!("a number from 1 to {}, as many as imagelabels.mat has", labels.len());
                return Err(wrong(format!("picture {number}"), &expected));
            };
            if let Some(before) = split_of[number - 1].replace(set) {
                let problem = format!("picture {number} is already in {before}");
                return Err(wrong(problem, "every picture in one set"));
            }
            let class = class(&labels_at, number, label, dataset.classes.len())?;
            samples.push(dataset.picture(format!("jpg/image_{number:05}.jpg"), Label::Class(class)));
        }
        dataset.set(split, samples);
    }
    Ok(dataset)
}

fn class(path: &Path, number: usize, label: usize, classes: usize) -> Result<usize, DatasetError> {
    label.checked_sub(1).filter(|&class| class < classes).ok_or_else(|| {
        let problem = format!("picture {number} has class {label}");
        DatasetError::line(path, number, problem, "a class from 1 to 102", ADVICE)
    })
}

/// A variable's whole numbers.
fn variable(path: &Path, name: &str) -> Result<Vec<usize>, DatasetError> {
    let expected = format!("the variable `{name}`: whole numbers");
    let wrong = |problem: String| DatasetError::layout(path, problem, &expected, ADVICE);
    if !path.is_file() {
        return Err(wrong("the file is missing".to_owned()));
    }
    let variables = matlab::read(path)?;
    let names: Vec<&str> = variables.iter().map(|(name, _)| name.as_str()).collect();
    let problem = format!("it holds {} and no `{name}`{}", names.join(", "), looks_like(&names));
    let Some((_, Value::Numbers(numbers))) = variables.iter().find(|(found, _)| found == name) else {
        return Err(wrong(problem));
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be whole and small"
    )]
    let whole = |n: f64| ((0.0..1e9).contains(&n) && n.fract() == 0.0).then_some(n as usize);
    let whole: Option<Vec<usize>> = numbers.iter().map(|&n| whole(n)).collect();
    whole.ok_or_else(|| wrong("it holds numbers that are not whole".to_owned()))
}

fn looks_like(names: &[&str]) -> &'static str {
    if names.contains(&"labels") {
        ", so it is imagelabels.mat"
    } else if names.contains(&"trnid") {
        ", so it is setid.mat"
    } else {
        ""
    }
}
