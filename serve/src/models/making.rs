//! Classifiers made and deleted while the models answer: on disk first, then in every model of their space.

use std::sync::{Arc, PoisonError};

use simclr_eval::{EvalError, Probe};

use super::Models;
use crate::classifiers::Kept;

/// Why a classifier was not made or deleted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MakeError {
    /// Name it otherwise.
    #[error("a classifier's name has 1 to 64 letters, digits, `-`, `_` and `.`, and does not begin with `.`")]
    Name,
    /// Name it otherwise; a model is changed where it lies.
    #[error(
        "the classifier of that name is a part of its model and can be neither replaced nor deleted here"
    )]
    Own,
    /// Name it otherwise, or delete the other one first.
    #[error("there is a classifier of that name for embeddings of another model")]
    OtherSpace,
    /// Use a collection of a model that is loaded.
    #[error("no model here makes embeddings of that space, so nobody could ask the classifier")]
    NoModel,
    /// Ask for one that is there.
    #[error("there is no such classifier; GET /v1/classifiers lists them")]
    Unknown,
    /// See the message: a file is not there, not readable or not writable.
    #[error(transparent)]
    Eval(#[from] EvalError),
    /// See the folder of classifiers.
    #[error("removing a classifier's file: {0}")]
    Remove(std::io::Error),
}

impl Models {
    /// Whether a classifier may be called so.
    pub(crate) fn check_classifier_name(&self, name: &str) -> Result<(), MakeError> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if !(1..=64).contains(&name.len()) || name.starts_with('.') || !name.chars().all(is_plain) {
            return Err(MakeError::Name);
        }
        let all = self.all();
        let mut known = all.iter().filter_map(|served| served.classifiers.kept(name));
        if known.any(|kept| kept.is_own) { Err(MakeError::Own) } else { Ok(()) }
    }

    /// Writes it down and lets every model of its space answer by it; whether it is a new one. Blocks.
    pub(crate) fn keep_classifier(&self, probe: Probe) -> Result<(Arc<Probe>, bool), MakeError> {
        // A model that is being loaded reads the same folder.
        let _alone = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        self.check_classifier_name(&probe.name)?;
        let all = self.all();
        let fits = |len: usize, space: &str| probe.embedding_len == len && probe.space_key == space;
        let models: Vec<_> = all.iter().filter(|m| fits(m.embedding_len(), m.space_key())).collect();
        if models.is_empty() {
            return Err(MakeError::NoModel);
        }
        let known = models.iter().find_map(|served| served.classifiers.kept(&probe.name));
        let file = self.common.config.classifiers_made().join(format!("{}.safetensors", probe.name));
        let file = known.as_ref().map_or(file, |kept| kept.file.clone());
        if file.is_file() && Probe::load(&file)?.space_key != probe.space_key {
            return Err(MakeError::OtherSpace);
        }
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder).map_err(EvalError::io(folder))?;
        }
        probe.save(&file)?;
        let probe = Arc::new(probe);
        for served in models {
            served.classifiers.insert(Kept::new(Arc::clone(&probe), file.clone(), false));
        }
        Ok((probe, known.is_none()))
    }

    /// Takes it away, from disk first. Blocks.
    pub(crate) fn delete_classifier(&self, name: &str) -> Result<(), MakeError> {
        let _alone = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        let all = self.all();
        let kept = all.iter().find_map(|served| served.classifiers.kept(name)).ok_or(MakeError::Unknown)?;
        if kept.is_own {
            return Err(MakeError::Own);
        }
        std::fs::remove_file(&kept.file).map_err(MakeError::Remove)?;
        all.iter().for_each(|served| served.classifiers.remove(name));
        Ok(())
    }
}
