//! What a checkpoint's header says besides its tensors.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::de::DeserializeOwned;

use super::{Checkpoint, FORMAT};

/// Names of tensors and a recipe fit into far less.
const HEADER_MAX: u64 = 64 << 20;

impl Checkpoint {
    /// The number of steps that a file's header says; its tensors are not read.
    pub(crate) fn step_of(path: &Path) -> Option<u64> {
        let mut file = File::open(path).ok()?;
        let mut length = [0u8; 8];
        file.read_exact(&mut length).ok()?;
        let mut header = vec![];
        file.take(u64::from_le_bytes(length).min(HEADER_MAX)).read_to_end(&mut header).ok()?;
        let header: serde_json::Value = serde_json::from_slice(&header).ok()?;
        header["__metadata__"]["step"].as_str()?.parse().ok()
    }

    /// What the header says besides the tensors.
    pub(super) fn about(&self) -> HashMap<String, String> {
        let mut about = HashMap::from([
            ("format".to_string(), FORMAT.to_string()),
            ("recipe".into(), self.recipe_text.clone()),
            ("step".into(), self.step.to_string()),
            ("epochs_done".into(), self.epochs_done.to_string()),
        ]);
        let (sum, count) = self.epoch_so_far;
        let optional = [
            ("epoch_loss", self.epoch_loss),
            ("knn", self.knn),
            ("epoch_loss_sum", (count > 0).then_some(sum)),
        ];
        about.extend(optional.into_iter().filter_map(|(name, x)| Some((name.to_string(), x?.to_string()))));
        if count > 0 {
            about.insert("epoch_losses".into(), count.to_string());
        }
        if let Some(pictures) = &self.pictures {
            about.insert("pictures".into(), serde_json::json!(pictures).to_string());
        }
        if !self.earlier.is_empty() {
            about.insert("earlier".into(), serde_json::json!(self.earlier).to_string());
        }
        about
    }
}

/// A field written as JSON; none in files of versions that did not know it.
pub(super) fn optional<T: DeserializeOwned>(
    about: &HashMap<String, String>,
    name: &str,
) -> Result<Option<T>, String> {
    about.get(name).map(|text| serde_json::from_str(text)).transpose().map_err(|e| format!("{name}: {e}"))
}
