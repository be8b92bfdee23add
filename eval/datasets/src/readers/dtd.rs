//! DTD, split 1: `labels/{train,val,test}1.txt` hold `class/picture` for `images/class/picture`.

use std::path::Path;

use crate::files::pictures_in;
use crate::lists::{List, Once};
use crate::{Dataset, DatasetError, Label, Split};

const LISTS: [(Split, &str); 3] =
    [(Split::Train, "train1.txt"), (Split::Validation, "val1.txt"), (Split::Test, "test1.txt")];
/// The 47 textures; constant, so that a class keeps its place when pictures or lists are missing.
const CLASSES: [&str; 47] = [
    "banded",
    "blotchy",
    "braided",
    "bubbly",
    "bumpy",
    "chequered",
    "cobwebbed",
    "cracked",
    "crosshatched",
    "crystalline",
    "dotted",
    "fibrous",
    "flecked",
    "freckled",
    "frilly",
    "gauzy",
    "grid",
    "grooved",
    "honeycombed",
    "interlaced",
    "knitted",
    "lacelike",
    "lined",
    "marbled",
    "matted",
    "meshed",
    "paisley",
    "perforated",
    "pitted",
    "pleated",
    "polka-dotted",
    "porous",
    "potholed",
    "scaly",
    "smeared",
    "spiralled",
    "sprinkled",
    "stained",
    "stratified",
    "striped",
    "studded",
    "swirly",
    "veined",
    "waffled",
    "woven",
    "wrinkled",
    "zigzagged",
];

pub(super) fn read(root: &Path, name: &str) -> Result<Dataset, DatasetError> {
    let mut dataset = Dataset::new(name, root, CLASSES.map(str::to_owned).to_vec());
    let mut once = Once::default();
    for (split, file) in LISTS {
        let path = root.join("labels").join(file);
        let Some(list) = List::find(std::slice::from_ref(&path))? else {
            dataset.lack(path, format!("the {split} pictures of split 1 are not known"));
            continue;
        };
        let mut samples = Vec::with_capacity(list.len());
        for (line, text) in list.lines() {
            let class = text.split_once('/').and_then(|(class, _)| CLASSES.iter().position(|c| *c == class));
            let Some(class) = class else {
                let expected = "class/picture, as in banded/banded_0002.jpg, of the 47 textures";
                return Err(list.wrong(line, format!("`{text}`"), expected));
            };
            once.check(&list, line, text)?;
            samples.push(dataset.picture(format!("images/{text}"), Label::Class(class)));
        }
        dataset.set(split, samples);
    }
    if Split::ALL.into_iter().all(|split| dataset.split(split).is_none()) {
        let mut samples = Vec::new();
        for (class, folder) in CLASSES.iter().enumerate() {
            let pictures = pictures_in(root, &root.join("images").join(folder))?;
            samples.extend(pictures.into_iter().map(|path| dataset.picture(path, Label::Class(class))));
        }
        dataset.take_unlisted(samples);
    }
    Ok(dataset)
}
