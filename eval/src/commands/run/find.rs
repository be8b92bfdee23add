//! Which folders below a root are which datasets, by their names.

use std::path::Path;

use anyhow::Context;
use simclr_datasets::{CATALOG, Dataset, DatasetError, OpenOptions, entry, open_with};
use simclr_eval::Parts;

/// What stands for any folder of pictures, and so for none in particular.
const ANY: &str = "folder";

/// Opens the named datasets, or all that are there, and says on stderr what was found and what was not.
///
/// # Errors
/// When a name is unknown or a dataset named is not there or not usable; of `all`, when none is.
pub(super) fn find(root: &Path, names: &[String], how: &OpenOptions) -> anyhow::Result<Vec<Dataset>> {
    let folders = folders(root)?;
    let wants_all = names.iter().any(|name| name == "all");
    let mut found = Vec::new();
    if !wants_all {
        names.iter().try_for_each(|name| entry(name).map(|_| ()))?;
    }
    for name in CATALOG.iter().map(|entry| entry.name).filter(|&name| name != ANY) {
        if !wants_all && !names.iter().any(|wanted| wanted == name) {
            continue;
        }
        let folder = folders.iter().find(|folder| name_of(folder).as_deref() == Some(name));
        let opened = match folder {
            None => Err(format!("no folder below {} is called so", root.display())),
            Some(folder) => judgeable(open_with(name, &root.join(folder), how)),
        };
        match opened {
            Ok(dataset) => found.push(dataset),
            Err(problem) if wants_all => eprintln!("plan: {name}: left out: {problem}"),
            Err(problem) => anyhow::bail!("{name}: {problem}"),
        }
    }
    anyhow::ensure!(!found.is_empty(), "no dataset below {} can be used", root.display());
    Ok(found)
}

/// A dataset with enough pictures for every part, as a folder of which little is here may not be.
fn judgeable(dataset: Result<Dataset, DatasetError>) -> Result<Dataset, String> {
    let dataset = dataset.map_err(|error| error.to_string())?;
    Parts::of(&dataset, 0).map_err(|error| error.to_string())?;
    Ok(dataset)
}

fn folders(root: &Path) -> anyhow::Result<Vec<String>> {
    let items = std::fs::read_dir(root).with_context(|| root.display().to_string())?;
    let mut names = Vec::new();
    for item in items {
        let item = item?;
        if item.path().is_dir() {
            names.push(item.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// The dataset that a folder's name says: the longest of the catalog's names in it, as `cars` in `Stanford_Cars`.
fn name_of(folder: &str) -> Option<String> {
    let plain = |text: &str| text.to_ascii_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "");
    let folder = plain(folder);
    let named = CATALOG.iter().filter(|entry| entry.name != ANY && folder.contains(&plain(entry.name)));
    named.max_by_key(|entry| entry.name.len()).map(|entry| entry.name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_known_by_the_longest_name_in_theirs() {
        assert_eq!(name_of("CIFAR-10").as_deref(), Some("cifar10"));
        assert_eq!(name_of("cifar10-bin").as_deref(), Some("cifar10"));
        assert_eq!(name_of("my folder"), None);
    }
}
