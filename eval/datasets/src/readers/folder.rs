//! A folder per class, with or without a folder per split above: anyone's own pictures.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::files::{EXTENSIONS, class_name, is_picture, visible};
use crate::{Dataset, DatasetError, Label, Sample, Split};

const LAYOUT: &str =
    "<class>/<picture>, or {train,validation,test}/<class>/<picture> (val and valid are validation)";

/// Classes are the sorted folder names; a folder `train` that holds folders means that the first level is splits.
pub(super) fn read(root: &Path, name: &str) -> Result<Dataset, DatasetError> {
    let train = root.join("train");
    if !train.is_dir() || visible(&train)?.folders.is_empty() {
        let listed = list_split(root, root)?;
        let mut dataset = Dataset::new(name, root, listed.classes);
        dataset.set(Split::Train, listed.samples);
        dataset.ignored = listed.ignored;
        return Ok(dataset);
    }
    read_splits(root, name)
}

fn read_splits(root: &Path, name: &str) -> Result<Dataset, DatasetError> {
    let mut found: Vec<(Split, PathBuf, Listed)> = Vec::new();
    for path in visible(root)?.folders {
        let split: Split = class_name(&path)?.parse().map_err(|_| {
            let advice =
                "if it is a split, rename it; if it is a class, move it into train/; else move it elsewhere";
            DatasetError::layout(&path, "the folder is no split, but stands beside train/", LAYOUT, advice)
        })?;
        if let Some((_, other, _)) = found.iter().find(|(s, ..)| *s == split) {
            let problem = format!("two folders are the {split} split; the other is {}", other.display());
            return Err(DatasetError::layout(&path, problem, LAYOUT, "keep one of them"));
        }
        let listed = list_split(root, &path)?;
        found.push((split, path, listed));
    }
    found.sort_by_key(|(split, ..)| *split);
    let classes = found.first().map(|(.., l)| l.classes.clone()).unwrap_or_default();
    let mut dataset = Dataset::new(name, root, classes);
    for (split, path, listed) in found {
        same_classes(&dataset.classes, &listed.classes, &path)?;
        dataset.ignored += listed.ignored;
        dataset.set(split, listed.samples);
    }
    Ok(dataset)
}

/// The classes of a split must be those of train, or labels would mean different things.
fn same_classes(train: &[String], split: &[String], path: &Path) -> Result<(), DatasetError> {
    let missing =
        train.iter().find(|c| !split.contains(c)).map(|c| format!("class `{c}` of train/ is not here"));
    let surplus = split.iter().find(|c| !train.contains(c)).map(|c| format!("class `{c}` is not in train/"));
    match missing.or(surplus) {
        None => Ok(()),
        Some(problem) => Err(DatasetError::layout(
            path,
            problem,
            "the same class folders in every split",
            "add the missing class folder, or correct its name",
        )),
    }
}

struct Listed {
    classes: Vec<String>,
    samples: Vec<Sample>,
    ignored: usize,
}

fn list_split(root: &Path, folder: &Path) -> Result<Listed, DatasetError> {
    let shared: Arc<Path> = root.into();
    let mut listed = Listed { classes: Vec::new(), samples: Vec::new(), ignored: 0 };
    for class in visible(folder)?.folders {
        let name = class_name(&class)?;
        let inside = visible(&class)?;
        if let Some(nested) = inside.folders.first() {
            let advice = "move its pictures up, or give the folder whose subfolders are the classes";
            return Err(DatasetError::layout(nested, "a folder inside a class folder", LAYOUT, advice));
        }
        let (pictures, others): (Vec<_>, Vec<_>) = inside.files.into_iter().partition(|p| is_picture(p));
        if pictures.is_empty() {
            let problem = format!("class `{name}` has no picture ({} other files)", others.len());
            let expected = format!("at least one file ending in {}", EXTENSIONS.join(", "));
            return Err(DatasetError::layout(
                &class,
                problem,
                &expected,
                "add pictures or remove the folder",
            ));
        }
        let label = listed.classes.len();
        listed.ignored += others.len();
        listed.samples.extend(pictures.into_iter().map(|path| {
            let below = path.strip_prefix(root).unwrap_or(&path);
            Sample::file(&shared, below, Label::Class(label))
        }));
        listed.classes.push(name);
    }
    if listed.classes.is_empty() {
        let advice = "make a folder for each class and put its pictures there";
        return Err(DatasetError::layout(folder, "there is no class folder", LAYOUT, advice));
    }
    Ok(listed)
}
