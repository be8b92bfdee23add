//! FGVC Aircraft, variants: `data/images_variant_{train,val,test}.txt` hold `number variant` for `data/images/number.jpg`.

use std::path::Path;

use crate::lists::{List, Once, places};
use crate::{Dataset, DatasetError, Label, Split};

const LISTS: [(Split, &str); 3] =
    [(Split::Train, "train"), (Split::Validation, "val"), (Split::Test, "test")];

pub(super) fn read(root: &Path, name: &str) -> Result<Dataset, DatasetError> {
    let data = root.join("data");
    let variants = data.join("variants.txt");
    let Some(classes) = List::find(std::slice::from_ref(&variants))? else {
        let advice = "unpack fgvc-aircraft-2013b.tar.gz again";
        return Err(DatasetError::layout(
            &variants,
            "the file is missing",
            "100 variants, one a line",
            advice,
        ));
    };
    let classes = classes.texts();
    let places = places(&classes);
    let mut dataset = Dataset::new(name, root, classes.clone());
    let mut once = Once::default();
    for (split, part) in LISTS {
        let path = data.join(format!("images_variant_{part}.txt"));
        let Some(list) = List::find(std::slice::from_ref(&path))? else {
            dataset.lack(path, format!("the {split} pictures and their variants are not known"));
            continue;
        };
        let mut samples = Vec::with_capacity(list.len());
        for (line, text) in list.lines() {
            let (number, variant) = text.split_once(' ').unwrap_or((text, ""));
            let Some(&class) = places.get(variant.trim()) else {
                let problem = format!("`{variant}` is no variant");
                let expected = "a picture's number, a space and one of the lines of variants.txt (families and \
                                manufacturers are in files of their own)";
                return Err(list.wrong(line, problem, expected));
            };
            once.check(&list, line, number)?;
            samples.push(dataset.picture(format!("data/images/{number}.jpg"), Label::Class(class)));
        }
        same_numbers(&list, &data.join(format!("images_{part}.txt")))?;
        dataset.set(split, samples);
    }
    Ok(dataset)
}

/// The list without variants, where it is there, must name the same pictures in the same order.
fn same_numbers(list: &List, plain: &Path) -> Result<(), DatasetError> {
    let Some(plain) = List::find(&[plain.to_path_buf()])? else { return Ok(()) };
    let number = |text: &str| text.split(' ').next().map(str::to_owned);
    for ((line, ours), (_, theirs)) in list.lines().zip(plain.lines()) {
        if number(ours) != number(theirs) {
            let expected = format!("picture {theirs}, as in {}", plain.path.display());
            return Err(list.wrong(line, format!("picture {}", number(ours).unwrap_or_default()), &expected));
        }
    }
    if list.len() != plain.len() {
        let expected = format!("{} pictures, as in {}", plain.len(), plain.path.display());
        return Err(list.too_short(format!("the list has {} pictures", list.len()), &expected));
    }
    Ok(())
}
