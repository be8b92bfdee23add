//! What need not be computed twice: results of finished stages, kept under a hash of all that they depend on.
//!
//! May be deleted at any time; then everything is computed again, and comes out the same.

use serde::{Serialize, de::DeserializeOwned};

use crate::{EvalError, Storage};

/// Kept results, or none.
#[derive(Debug, Clone, Default)]
pub struct Cache {
    storage: Option<Storage>,
}

impl Cache {
    /// Keeps nothing.
    pub fn off() -> Self {
        Self::default()
    }

    /// Keeps everything in this place.
    pub fn at(storage: Storage) -> Self {
        Self { storage: Some(storage) }
    }

    /// The place of what is kept under `key`, if anything is kept at all.
    pub(crate) fn place(&self, key: &str) -> Option<Storage> {
        self.storage.as_ref().map(|storage| storage.under(key))
    }

    /// The kept result of the stage `name`, or else what `make` gives, kept.
    ///
    /// A new result is read back before it is used, so that a run that was stopped goes on with the very same numbers.
    ///
    /// # Errors
    /// When `make` fails or the result cannot be kept.
    pub(crate) fn stage<T: Serialize + DeserializeOwned>(
        &self,
        key: &str,
        name: &str,
        make: impl FnOnce() -> Result<T, EvalError>,
    ) -> Result<T, EvalError> {
        let Some(place) = self.place(&format!("stages/{key}")) else {
            return make();
        };
        let file = format!("{name}.json");
        let refuse = |error: serde_json::Error| EvalError::result(&place, &file, &error);
        if let Some(bytes) = place.read(&file)? {
            return serde_json::from_slice(&bytes).map_err(refuse);
        }
        let bytes = serde_json::to_vec(&make()?).map_err(refuse)?;
        place.write(&file, &bytes)?;
        serde_json::from_slice(&bytes).map_err(refuse)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_runs_once_for_each_key_and_a_failed_one_again() {
        let home = tempfile::tempdir().unwrap();
        let cache = Cache::at(Storage::folder(home.path()));
        let failed = cache.stage::<f64>("a", "x", || Err(EvalError::TooFew("no".to_owned())));
        assert!(failed.is_err());
        let first: f64 = cache.stage("a", "x", || Ok(0.1 + 0.2)).unwrap();
        let again = cache.stage("a", "x", || unreachable!("it is kept")).unwrap();
        assert!(first.to_bits() == f64::to_bits(again));
        let other: u8 = cache.stage("b", "x", || Ok(1)).unwrap();
        let uncached: u8 = Cache::off().stage("b", "x", || Ok(2)).unwrap();
        assert_eq!((other, uncached), (1, 2));
        std::fs::write(home.path().join("stages/a/x.json"), "{").unwrap();
        let text = cache.stage::<f64>("a", "x", || Ok(1.0)).unwrap_err().to_string();
        assert!(text.contains("x.json"), "{text}");
    }
}
