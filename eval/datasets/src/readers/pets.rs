//! Oxford-IIIT Pets: `annotations/{trainval,test}.txt` hold `name class species breed` for `images/name.jpg`.

use std::path::Path;

use crate::lists::{List, Once, not_swapped};
use crate::{Dataset, DatasetError, Label, Split};

const LISTS: [(Split, &str); 2] = [(Split::Train, "trainval.txt"), (Split::Test, "test.txt")];
/// The 37 breeds in the order of their official numbers, which begin at 1.
const CLASSES: [&str; 37] = [
    "Abyssinian",
    "american_bulldog",
    "american_pit_bull_terrier",
    "basset_hound",
    "beagle",
    "Bengal",
    "Birman",
    "Bombay",
    "boxer",
    "British_Shorthair",
    "chihuahua",
    "Egyptian_Mau",
    "english_cocker_spaniel",
    "english_setter",
    "german_shorthaired",
    "great_pyrenees",
    "havanese",
    "japanese_chin",
    "keeshond",
    "leonberger",
    "Maine_Coon",
    "miniature_pinscher",
    "newfoundland",
    "Persian",
    "pomeranian",
    "pug",
    "Ragdoll",
    "Russian_Blue",
    "saint_bernard",
    "samoyed",
    "scottish_terrier",
    "shiba_inu",
    "Siamese",
    "Sphynx",
    "staffordshire_bull_terrier",
    "wheaten_terrier",
    "yorkshire_terrier",
];

pub(super) fn read(root: &Path, name: &str) -> Result<Dataset, DatasetError> {
    let find = |file: &str| List::find(&[root.join("annotations").join(file)]);
    let lists = [find(LISTS[0].1)?, find(LISTS[1].1)?];
    if let [Some(train), Some(test)] = &lists {
        not_swapped(train, test, (3_680, 3_669))?;
    }
    let mut dataset = Dataset::new(name, root, CLASSES.map(str::to_owned).to_vec());
    let mut once = Once::default();
    for ((split, file), list) in LISTS.into_iter().zip(lists) {
        let Some(list) = list else {
            dataset.lack(root.join("annotations").join(file), format!("the {split} pictures are not known"));
            continue;
        };
        let mut samples = Vec::with_capacity(list.len());
        for (line, text) in list.lines().filter(|(_, text)| !text.starts_with('#')) {
            let (picture, class) = row(&list, line, text)?;
            once.check(&list, line, picture)?;
            samples.push(dataset.picture(format!("images/{picture}.jpg"), Label::Class(class)));
        }
        dataset.set(split, samples);
    }
    Ok(dataset)
}

/// A picture's name and class; the name begins with the breed, which must be that of the number.
fn row<'a>(list: &List, line: usize, text: &'a str) -> Result<(&'a str, usize), DatasetError> {
    let expected = "name class species breed, as in Abyssinian_100 1 1 1, with class from 1 to 37";
    let mut words = text.split_whitespace();
    let (picture, number) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let class = number.parse().ok().and_then(|number: usize| number.checked_sub(1));
    let (Some(class), 2) = (class.filter(|&class| class < CLASSES.len()), words.count()) else {
        return Err(list.wrong(line, format!("`{text}`"), expected));
    };
    if picture.rsplit_once('_').map(|(breed, _)| breed) != Some(CLASSES[class]) {
        let problem = format!("picture `{picture}` has class {number}, which is {}", CLASSES[class]);
        return Err(list.wrong(line, problem, "the class of the breed that the picture is named after"));
    }
    Ok((picture, class))
}
