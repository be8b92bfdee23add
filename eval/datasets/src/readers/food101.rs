//! Food-101: `meta/{train,test}.txt` name pictures of `images/<class>/` without their ending.

use std::path::Path;

use crate::lists::{List, Once, not_swapped, places};
use crate::{Dataset, DatasetError, Label, Split};

pub(super) fn read(root: &Path, name: &str) -> Result<Dataset, DatasetError> {
    let find = |file: &str| List::find(&[root.join("meta").join(file)]);
    let (train, test) = (find("train.txt")?, find("test.txt")?);
    if let (Some(train), Some(test)) = (&train, &test) {
        not_swapped(train, test, (75_750, 25_250))?;
        if train.len() < test.len() {
            let problem = format!(
                "the list ends after {} pictures, but {} has {}: the two files are swapped",
                train.len(),
                test.path.display(),
                test.len()
            );
            return Err(train.too_short(problem, "three training pictures for every test picture"));
        }
    }
    let classes = match find("classes.txt")? {
        Some(list) => list.texts(),
        None => classes_of(train.iter().chain(&test)),
    };
    let mut dataset = Dataset::new(name, root, classes);
    let mut once = Once::default();
    for (split, file, list) in [(Split::Train, "train.txt", train), (Split::Test, "test.txt", test)] {
        let Some(list) = list else {
            dataset.lack(root.join("meta").join(file), format!("the {split} pictures are not known"));
            continue;
        };
        let classes = dataset.classes.clone();
        let places = places(&classes);
        let mut samples = Vec::with_capacity(list.len());
        for (line, text) in list.lines() {
            let class = text.split_once('/').and_then(|(class, _)| places.get(class));
            let Some(&class) = class else {
                let expected = format!("class/number, as in apple_pie/1005649, of {} classes", classes.len());
                return Err(list.wrong(line, format!("`{text}`"), &expected));
            };
            once.check(&list, line, text)?;
            samples.push(dataset.picture(format!("images/{text}.jpg"), Label::Class(class)));
        }
        dataset.set(split, samples);
    }
    Ok(dataset)
}

fn classes_of<'a>(lists: impl Iterator<Item = &'a List>) -> Vec<String> {
    let mut classes: Vec<String> = lists
        .flat_map(List::lines)
        .filter_map(|(_, text)| text.split_once('/').map(|(class, _)| class.to_owned()))
        .collect();
    classes.sort();
    classes.dedup();
    classes
}
