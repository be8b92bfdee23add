//! SUN397, partition 1: `Training_01.txt` and `Testing_01.txt` name pictures below the folder `SUN397`, each in the
//! folder of a line of `ClassName.txt`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::files::pictures_below;
use crate::lists::{List, Once, places};
use crate::{Dataset, DatasetError, Label, Split};

const LISTS: [(Split, &str); 2] = [(Split::Train, "Training_01.txt"), (Split::Test, "Testing_01.txt")];

pub(super) fn read(root: &Path, name: &str) -> Result<Dataset, DatasetError> {
    let inside = root.join("SUN397");
    let root = if inside.is_dir() { inside.as_path() } else { root };
    let above = root.parent().unwrap_or(root);
    // The lists come in an archive of their own, Partitions.zip, which people unpack in several places.
    let folders =
        [root, above].into_iter().flat_map(|f| [f.to_path_buf(), f.join("Partitions"), f.join("partitions")]);
    let folders: Vec<PathBuf> = folders.collect();
    let find = |file: &str| List::find(&folders.iter().map(|folder| folder.join(file)).collect::<Vec<_>>());
    let names = find("ClassName.txt")?;
    let pictures = if names.is_none() { pictures_below(root, root, 4)? } else { vec![] };
    let classes = names.as_ref().map_or_else(|| classes_of(&pictures), List::texts);
    let mut dataset = Dataset::new(name, root, classes.clone());
    if names.is_none() {
        let problem = "classes are numbered by the folders that are here, not officially";
        dataset.lack(root.join("ClassName.txt"), problem.to_owned());
    }
    let places = places(&classes);
    let mut once = Once::default();
    for (split, file) in LISTS {
        let Some(list) = find(file)? else {
            dataset.lack(
                root.join(file),
                format!("the {split} pictures of partition 1 are not known (Partitions.zip)"),
            );
            continue;
        };
        let mut samples = Vec::with_capacity(list.len());
        for (line, text) in list.lines() {
            let class = text.rsplit_once('/').and_then(|(class, _)| places.get(class));
            let (Some(&class), Some(below)) = (class, text.strip_prefix('/')) else {
                let expected = "/letter/class/picture, as in /a/abbey/sun_aalltzgxbismofdm.jpg, of a class of ClassName.txt";
                return Err(list.wrong(line, format!("`{text}`"), expected));
            };
            once.check(&list, line, text)?;
            samples.push(dataset.picture(below, Label::Class(class)));
        }
        dataset.set(split, samples);
    }
    if Split::ALL.into_iter().all(|split| dataset.split(split).is_none()) {
        let pictures = if names.is_some() { pictures_below(root, root, 4)? } else { pictures };
        let known = |path: PathBuf| places.get(class_of(&path).as_str()).map(|&class| (path, class));
        let samples = pictures.into_iter().filter_map(known);
        let samples = samples.map(|(path, class)| dataset.picture(path, Label::Class(class))).collect();
        dataset.take_unlisted(samples);
    }
    Ok(dataset)
}

/// `/a/abbey` of `a/abbey/sun_x.jpg`.
fn class_of(path: &Path) -> String {
    path.parent().into_iter().flatten().map(|part| format!("/{}", part.to_string_lossy())).collect()
}

fn classes_of(pictures: &[PathBuf]) -> Vec<String> {
    let classes: BTreeSet<String> =
        pictures.iter().map(|path| class_of(path)).filter(|c| c.len() > 2).collect();
    classes.into_iter().collect()
}
