//! Every model that a configuration names, looked at without serving: one that is broken does not hide the next.

use std::path::PathBuf;
use std::sync::Arc;

use super::served::open_artefact;
use super::{ModelError, Models};
use crate::config::Config;
use crate::metrics::Metrics;

impl Models {
    /// Opens and closes all of them; where that fails, every folder that is no sound artefact as well.
    pub(crate) fn check(config: &Config, metrics: &Arc<Metrics>) -> Vec<ModelError> {
        let Err(first) = Self::open(config, metrics) else { return Vec::new() };
        let of_folder = config.models_dir.iter().flat_map(|parent| std::fs::read_dir(parent).into_iter());
        let mut folders: Vec<PathBuf> = of_folder.flatten().flatten().map(|entry| entry.path()).collect();
        folders.retain(|folder| folder.join("card.toml").is_file());
        folders.sort();
        let broken = config.model.iter().chain(&folders).filter_map(|folder| open_artefact(folder).err());
        let told = first.to_string();
        let others = broken.filter(|error| error.to_string() != told);
        std::iter::once(first).chain(others).collect()
    }
}
