//! Stanford Cars: `devkit/cars_meta.mat` names 196 models; `devkit/cars_train_annos.mat` and
//! `cars_test_annos_withlabels.mat` say which of them each picture of `cars_train/` and `cars_test/` shows.

use std::path::{Path, PathBuf};

use crate::matlab::{self, Value};
use crate::{Dataset, DatasetError, Label, Split};

const ADVICE: &str = "unpack car_devkit.tgz again";

struct Annotation {
    picture: String,
    class: usize,
    bounds: [f64; 4],
}

pub(super) fn read(root: &Path, name: &str) -> Result<Dataset, DatasetError> {
    let devkit = root.join("devkit");
    let mut dataset = Dataset::new(name, root, classes(&devkit.join("cars_meta.mat"))?);
    let path = devkit.join("cars_train_annos.mat");
    let train = annotations(&path, dataset.classes.len())?;
    // The test's labels came later, as a file of their own that some put beside the devkit.
    let file = "cars_test_annos_withlabels.mat";
    let places: [PathBuf; 2] = [devkit.join(file), root.join(file)];
    let mut lists = vec![(Split::Train, train)];
    match places.iter().find(|path| path.is_file()) {
        Some(path) => {
            let test = annotations(path, dataset.classes.len())?;
            differ(&lists[0].1, &test, path)?;
            lists.push((Split::Test, test));
        }
        None => {
            let [place, _] = places;
            let problem = "the test pictures' classes are not known (cars_test_annos.mat has none)";
            dataset.lack(place, problem.to_owned());
        }
    }
    for (split, list) in lists {
        let folder = if split == Split::Train { "cars_train" } else { "cars_test" };
        let samples = list.into_iter();
        let samples =
            samples.map(|a| dataset.picture(format!("{folder}/{}", a.picture), Label::Class(a.class)));
        let samples = samples.collect();
        dataset.set(split, samples);
    }
    Ok(dataset)
}

fn classes(path: &Path) -> Result<Vec<String>, DatasetError> {
    let wrong =
        |problem: &str| DatasetError::layout(path, problem, "the variable `class_names`: 196 names", ADVICE);
    if !path.is_file() {
        return Err(wrong("the file is missing"));
    }
    let variables = matlab::read(path)?;
    let names = variables.into_iter().find_map(|(name, value)| (name == "class_names").then_some(value));
    let Some(Value::Cells(names)) = names else { return Err(wrong("there is no such variable")) };
    let name =
        |name: Value| if let Value::Text(name) = name { Ok(name) } else { Err(wrong("a name is no text")) };
    names.into_iter().map(name).collect()
}

fn annotations(path: &Path, classes: usize) -> Result<Vec<Annotation>, DatasetError> {
    let expected = "the variable `annotations`: records with fname, class and a box";
    let wrong = |problem: &str| DatasetError::layout(path, problem, expected, ADVICE);
    if !path.is_file() {
        return Err(wrong("the file is missing"));
    }
    let variables = matlab::read(path)?;
    let value = variables.into_iter().find_map(|(name, value)| (name == "annotations").then_some(value));
    let Some(Value::Records { fields, rows }) = value else { return Err(wrong("there is no such variable")) };
    let column = |name: &str| fields.iter().position(|field| field == name);
    let Some(class_at) = column("class") else {
        return Err(wrong(
            "its records have no class; this looks like cars_test_annos.mat, which is without labels",
        ));
    };
    let bounds = ["bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2"].map(column);
    let (Some(picture_at), [Some(x1), Some(y1), Some(x2), Some(y2)]) = (column("fname"), bounds) else {
        return Err(wrong("its records have no fname or no box"));
    };
    let record = |(row, at): (&Vec<Value>, usize)| {
        let number = |at: usize| if let Value::Numbers(n) = &row[at] { n.first().copied() } else { None };
        let class = number(class_at).and_then(|class| (1..=classes).find(|&c| class == float(c)));
        let (Some(class), Value::Text(picture)) = (class, &row[picture_at]) else {
            let expected = format!("a picture's name and a class from 1 to {classes}");
            return Err(DatasetError::line(
                path,
                at,
                format!("record {at} has no such class or name"),
                &expected,
                ADVICE,
            ));
        };
        let bounds = [x1, y1, x2, y2].map(|at| number(at).unwrap_or(f64::NAN));
        Ok(Annotation { picture: picture.clone(), class: class - 1, bounds })
    };
    rows.iter().zip(1..).map(record).collect()
}

/// The test's file must not be the train's: in both, pictures are numbered from 1, so names alone tell nothing.
fn differ(train: &[Annotation], test: &[Annotation], path: &Path) -> Result<(), DatasetError> {
    let same = |(a, b): &(&Annotation, &Annotation)| {
        (a.class, a.bounds, &a.picture) == (b.class, b.bounds, &b.picture)
    };
    let many = train.len().min(test.len());
    if many > 0 && train.iter().zip(test).filter(same).count() == many {
        let problem = "record 1 and all others are those of cars_train_annos.mat";
        let expected = "the test's own annotations, 8,041 officially";
        return Err(DatasetError::line(
            path,
            1,
            problem,
            expected,
            "fetch cars_test_annos_withlabels.mat again",
        ));
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "there are few classes")]
fn float(count: usize) -> f64 {
    count as f64
}
