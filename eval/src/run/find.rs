//! Which folders below a root are which datasets, by their names.

use std::path::Path;

use simclr_datasets::{CATALOG, Dataset, DatasetError, OpenOptions, entry, open_with};

use crate::{EvalError, Parts};

/// What stands for any folder of pictures, and so for none in particular.
const ANY: &str = "folder";

/// A dataset that a folder's name promises.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The catalog's name, or `folder:` and the folder's own for a folder of pictures.
    pub name: String,
    /// The name people use.
    pub title: String,
    /// The folder below the root.
    pub folder: String,
}

/// The datasets asked for, and those of `all` that could not be used.
#[derive(Debug)]
pub struct Found {
    /// Opened, in the order of the catalog, then folders in the order asked for.
    pub datasets: Vec<Dataset>,
    /// Names and what is wrong with each.
    pub left_out: Vec<(String, String)>,
}

/// Which names the folders below a root promise; none is opened.
///
/// # Errors
/// When the root cannot be read.
pub fn listed(root: &Path) -> Result<Vec<Listed>, EvalError> {
    let mut all: Vec<Listed> = Vec::new();
    for folder in folders(root)? {
        let known = CATALOG.iter().find(|entry| Some(entry.name) == name_of(&folder));
        let (name, title) = match known {
            Some(entry) => (entry.name.to_owned(), entry.title.to_owned()),
            None if is_plain(&folder) => (format!("{ANY}:{folder}"), folder.clone()),
            None => continue,
        };
        // Of two folders with a dataset's name, the first.
        if all.iter().all(|other| other.name != name) {
            all.push(Listed { name, title, folder });
        }
    }
    let place = |one: &Listed| CATALOG.iter().position(|entry| entry.name == one.name);
    all.sort_by_key(|one| (place(one).unwrap_or(CATALOG.len()), one.name.clone()));
    Ok(all)
}

/// Opens the named datasets, or all of the catalog that are there.
///
/// # Errors
/// When a name is unknown or a dataset named is not there or not usable; of `all`, such ones are left out.
pub fn find(root: &Path, names: &[String], how: &OpenOptions) -> Result<Found, EvalError> {
    let refuse = |name: &str, problem: String| EvalError::NoDataset { name: name.to_owned(), problem };
    let listed = listed(root)?;
    let wants_all = names.iter().any(|name| name == "all");
    let is_folder = |name: &&String| name.starts_with("folder:");
    if !wants_all {
        names.iter().filter(|name| !is_folder(name)).try_for_each(|name| entry(name).map(|_| ()))?;
    }
    let mut found = Found { datasets: Vec::new(), left_out: Vec::new() };
    for name in CATALOG.iter().map(|entry| entry.name).filter(|&name| name != ANY) {
        if !wants_all && !names.iter().any(|wanted| wanted == name) {
            continue;
        }
        let opened = match listed.iter().find(|one| one.name == name) {
            None => Err(format!("no folder below {} is called so", root.display())),
            Some(one) => judgeable(open_with(name, &root.join(&one.folder), how)),
        };
        match opened {
            Ok(dataset) => found.datasets.push(dataset),
            Err(problem) if wants_all => found.left_out.push((name.to_owned(), problem)),
            Err(problem) => return Err(refuse(name, problem)),
        }
    }
    for name in names.iter().filter(is_folder) {
        let one = listed.iter().find(|one| one.name == *name);
        let one =
            one.ok_or_else(|| refuse(name, format!("no such folder of pictures below {}", root.display())))?;
        let opened = judgeable(open_with(ANY, &root.join(&one.folder), how));
        let mut dataset = opened.map_err(|problem| refuse(name, problem))?;
        dataset.name = format!("{ANY}-{}", one.folder);
        found.datasets.push(dataset);
    }
    Ok(found)
}

/// A dataset with enough pictures for every part, as a folder of which little is here may not be.
fn judgeable(dataset: Result<Dataset, DatasetError>) -> Result<Dataset, String> {
    let dataset = dataset.map_err(|error| error.to_string())?;
    Parts::of(&dataset, 0).map_err(|error| error.to_string())?;
    Ok(dataset)
}

fn folders(root: &Path) -> Result<Vec<String>, EvalError> {
    let mut names = Vec::new();
    for item in std::fs::read_dir(root).map_err(EvalError::io(root))? {
        let item = item.map_err(EvalError::io(root))?;
        if item.path().is_dir() {
            names.push(item.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// Whether a folder's name can be a dataset's.
fn is_plain(name: &str) -> bool {
    !name.starts_with('.') && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

/// The dataset that a folder's name says: the longest of the catalog's names in it, as `cars` in `Stanford_Cars`.
fn name_of(folder: &str) -> Option<&'static str> {
    let plain = |text: &str| text.to_ascii_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "");
    let folder = plain(folder);
    let named = CATALOG.iter().filter(|entry| entry.name != ANY && folder.contains(&plain(entry.name)));
    named.max_by_key(|entry| entry.name.len()).map(|entry| entry.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_known_by_the_longest_name_in_theirs() {
        assert_eq!(name_of("CIFAR-10"), Some("cifar10"));
        assert_eq!(name_of("cifar10-bin"), Some("cifar10"));
        assert_eq!(name_of("my folder"), None);
    }

    #[test]
    fn other_folders_are_listed_as_folders_and_hidden_ones_are_not() {
        let root = tempfile::tempdir().unwrap();
        for name in ["Stanford_Cars", "cars2", "shots", ".cache", "two words"] {
            std::fs::create_dir(root.path().join(name)).unwrap();
        }
        let listed = listed(root.path()).unwrap();
        let names: Vec<(&str, &str)> = listed.iter().map(|l| (l.name.as_str(), l.folder.as_str())).collect();
        assert_eq!(names, [("cars", "Stanford_Cars"), ("folder:shots", "shots")]);
        for wrong in ["folder:../shots", "folder:none", "nonsense", "cars"] {
            let error = find(root.path(), &[wrong.to_owned()], &OpenOptions::default()).unwrap_err();
            assert!(error.to_string().contains(wrong.trim_start_matches("folder:")), "{error}");
        }
    }
}
