//! One model that answers: its artefact, the sessions that run it, the classifiers of its space.
//!
//! Opening one reads and checks everything and runs it once, so that whatever is wrong shows before anybody is sent to it.
//! Knows no other model and no HTTP.

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

use simclr_models::{Artefact, EncodeError, Encoder, ImageBatch, OnnxEncoder};

use super::parallel::{self, Parallel};
use super::{Common, ModelError};
use crate::batching::Sessions;
use crate::classifiers::Classifiers;
use crate::config::Config;
use crate::embedder::Embedder;

/// A model, warmed; dropping the last handle of it ends its sessions once they have answered everyone.
pub(crate) struct Served {
    pub(crate) artefact: Artefact,
    pub(crate) embedder: Embedder,
    pub(crate) classifiers: Classifiers,
    /// Seconds since 1970.
    pub(crate) loaded: u64,
}

impl Served {
    /// Opens a folder with ONNX Runtime's sessions; blocks for as long as that takes.
    pub(super) fn open(folder: &Path, common: &Common) -> Result<Self, ModelError> {
        let artefact = open_artefact(folder)?;
        let sessions = sessions(&artefact, &common.config, &common.parallel)
            .map_err(|reason| ModelError::Encoder { folder: folder.to_owned(), reason })?;
        Self::with_sessions(artefact, sessions, common)
    }

    /// Takes sessions of the caller's own.
    pub(super) fn with_sessions(
        artefact: Artefact,
        mut sessions: Sessions,
        common: &Common,
    ) -> Result<Self, ModelError> {
        let config = &common.config;
        // A folder that was named has to be there; the other one is made with the first classifier.
        let made = config.classifiers_made();
        let made = Some(made.as_path()).filter(|made| config.classifiers.is_some() || made.is_dir());
        let classifiers = Classifiers::of(&artefact, made)?;
        for encoder in sessions.side_by_side.iter_mut().chain(&mut sessions.lone) {
            warm(encoder.as_mut(), &artefact, config)
                .map_err(|reason| ModelError::Encoder { folder: artefact.folder().to_owned(), reason })?;
        }
        let recipe = artefact.recipe().clone();
        let (decoding, metrics) = (Arc::clone(&common.decoding), Arc::clone(&common.metrics));
        let embedder =
            Embedder::start(config, recipe, sessions, decoding, metrics).map_err(ModelError::Threads)?;
        let loaded = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        Ok(Self { artefact, embedder, classifiers, loaded })
    }

    pub(crate) fn name(&self) -> &str {
        self.artefact.name()
    }

    pub(crate) fn space_key(&self) -> &str {
        self.artefact.space_key()
    }

    pub(crate) fn embedding_len(&self) -> usize {
        self.artefact.embedding_len()
    }

    /// Whether its last runs did not fail one after another.
    pub(crate) fn is_well(&self) -> bool {
        !self.embedder.batcher().keeps_failing()
    }
}

pub(super) fn open_artefact(folder: &Path) -> Result<Artefact, ModelError> {
    Artefact::open(folder).map_err(|reason| ModelError::Artefact { folder: folder.to_owned(), reason })
}

/// As many sessions as were given, or as the first model of the process did best with.
fn sessions(
    artefact: &Artefact,
    config: &Config,
    parallel: &OnceLock<Parallel>,
) -> Result<Sessions, EncodeError> {
    let mut open = |threads| {
        OnnxEncoder::open_on(artefact, threads, config.provider)
            .map(|encoder| -> Box<dyn Encoder> { Box::new(encoder) })
    };
    if let Some(parallel) = parallel.get() {
        return parallel::open_all(parallel, &mut open);
    }
    let (side, pictures) = (artefact.recipe().side as usize, config.limits.batch_pictures_max);
    let (found, opened) = parallel::choose(config.cores, side, pictures, &mut open)?;
    let (sessions, threads, lone) =
        (found.shape.sessions, found.shape.session_threads, found.lone_session_threads);
    tracing::info!(model = artefact.name(), sessions, threads, lone, measured = ?found.measured, "sessions are chosen");
    // Models are loaded one at a time: nobody else has chosen meanwhile.
    let _ = parallel.set(found);
    Ok(opened)
}

/// One picture and a full batch: the first runs of a session allocate what later ones reuse.
fn warm(encoder: &mut dyn Encoder, artefact: &Artefact, config: &Config) -> Result<(), EncodeError> {
    let side = artefact.recipe().side as usize;
    for pictures in [1, config.limits.batch_pictures_max] {
        let black = std::iter::repeat_with(|| vec![0.0; 3 * side * side]).take(pictures);
        encoder.embed(&ImageBatch::from_prepared(side, black))?;
    }
    Ok(())
}
