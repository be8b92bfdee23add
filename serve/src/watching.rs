//! The folders of models, looked at every now and then: one that is new or changed is loaded as a request would have it.
//!
//! A folder is loaded when two looks in a row found the same files, so that one still being copied is left alone. What fails is
//! tried again when its files change; what was served goes on meanwhile. A folder that vanishes leaves its model loaded.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use crate::app::App;
use crate::models::ModelError;

/// Names, lengths and times of change of a folder's files.
type Stamp = Vec<(String, u64, Option<SystemTime>)>;

/// Where each model is.
type Folders = BTreeMap<String, PathBuf>;

/// What the last looks found, by model.
#[derive(Default)]
struct Looks {
    /// Loaded, or tried in vain.
    done: BTreeMap<String, Stamp>,
    /// Changed since, seen once.
    fresh: BTreeMap<String, Stamp>,
}

impl Looks {
    /// Takes what is there now as loaded.
    fn begin(folders: &Folders) -> Self {
        let done = folders.iter().map(|(name, folder)| (name.clone(), stamp(folder))).collect();
        Self { done, fresh: BTreeMap::new() }
    }

    /// Models whose files differ from those loaded and were the same in two looks.
    fn settled(&mut self, folders: &Folders) -> Vec<String> {
        let mut settled = Vec::new();
        for (name, folder) in folders {
            let now = stamp(folder);
            if self.done.get(name) == Some(&now) {
                self.fresh.remove(name);
            } else if self.fresh.get(name) == Some(&now) {
                self.fresh.remove(name);
                self.done.insert(name.clone(), now);
                settled.push(name.clone());
            } else {
                self.fresh.insert(name.clone(), now);
            }
        }
        settled
    }
}

/// Looks until the app is gone or stops; a thread of its own, as loading blocks.
pub(crate) fn watch(app: &Arc<App>, every: Duration) -> std::io::Result<()> {
    let mut looks = Looks::begin(&app.models.known());
    let app: Weak<App> = Arc::downgrade(app);
    let look = move || loop {
        std::thread::park_timeout(every);
        let Some(app) = app.upgrade().filter(|app| !app.is_stopping()) else { return };
        for name in looks.settled(&app.models.known()) {
            match app.models.load(&name) {
                // Told in the log by the load itself.
                Ok(_) | Err(ModelError::Unknown) => {}
                Err(error) => {
                    tracing::error!(model = name, reason = %error, "a changed model was not loaded; what was served goes on");
                }
            }
        }
    };
    std::thread::Builder::new().name("watch-models".to_owned()).spawn(look).map(|_| ())
}

/// Every file of a folder and of the folders in it.
fn stamp(folder: &Path) -> Stamp {
    let mut files = Vec::new();
    let mut folders = vec![(folder.to_owned(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        // What cannot be read now will be reported by the load, if it matters.
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let Ok(about) = entry.metadata() else { continue };
            if about.is_dir() && depth < 2 {
                folders.push((entry.path(), depth + 1));
            } else {
                let name = entry.path().to_string_lossy().into_owned();
                files.push((name, about.len(), about.modified().ok()));
            }
        }
    }
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_counts_once_it_was_seen_twice_alike() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("a");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("card.toml"), "1").unwrap();
        let folders = BTreeMap::from([("a".to_owned(), folder.clone())]);
        let mut looks = Looks::begin(&folders);
        assert!(looks.settled(&folders).is_empty(), "nothing changed");
        std::fs::write(folder.join("card.toml"), "22").unwrap();
        assert!(looks.settled(&folders).is_empty(), "it may still be written");
        std::fs::write(folder.join("card.toml"), "333").unwrap();
        assert!(looks.settled(&folders).is_empty(), "it was");
        assert_eq!(looks.settled(&folders), ["a"]);
        assert!(looks.settled(&folders).is_empty(), "once is enough");
        assert_eq!(Looks::default().settled(&folders), Vec::<String>::new());
    }
}
