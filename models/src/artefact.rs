//! A finished encoder on disk: a folder with `encoder.onnx`, `card.toml` and, later, `probes/`.
//!
//! Opening one checks that the two files belong together; making one is all or nothing. Knows no runtime: whoever wants
//! embeddings gives the artefact to an encoder.

mod error;
mod folder;

use std::fs;
use std::path::{Path, PathBuf};

use crate::card::{Card, CardDraft, CardScore};
use crate::files;
use crate::onnx::{self, Metadata};
use crate::quantise::{Quantised, QuantisedFrom};
use crate::{HeadLayers, Recipe, ResNet, Weights};

pub use error::ArtefactError;
use folder::{checksum, read_encoder, write_folder};

const ENCODER: &str = "encoder.onnx";
const CARD: &str = "card.toml";
const PROBES: &str = "probes";
/// Digits of a checksum that name a space.
pub(crate) const SPACE_KEY_LEN: usize = 16;
const NAME_LEN_MAX: usize = 100;

/// An encoder's folder, opened and checked.
#[derive(Debug, Clone)]
pub struct Artefact {
    folder: PathBuf,
    card: Card,
}

impl Artefact {
    /// Opens a folder and checks that encoder and card belong together.
    ///
    /// # Errors
    /// When a file is missing or damaged, or the two disagree.
    pub fn open(folder: &Path) -> Result<Self, ArtefactError> {
        let card_path = folder.join(CARD);
        let text = fs::read_to_string(&card_path).map_err(io_at(&card_path))?;
        let card: Card = toml::from_str(&text)
            .map_err(|e| ArtefactError::Card { path: card_path.clone(), reason: e.to_string() })?;
        if let Some(length) = card.shortened_to.iter().find(|n| !(1..card.embedding_len).contains(*n)) {
            let len = card.embedding_len;
            let reason = format!("shortened_to: {length} is no length below that of the embeddings, {len}");
            return Err(ArtefactError::Card { path: card_path, reason });
        }
        let path = folder.join(ENCODER);
        let bytes = read_encoder(&path, &card.checksum)?;
        let metadata = onnx::read_metadata(&bytes).map_err(|source| ArtefactError::Onnx { path, source })?;
        let entries = [
            ("space_key", card.space_key == card.checksum[..SPACE_KEY_LEN]),
            ("recipe", card.recipe == metadata.recipe),
            ("network", card.network == metadata.network),
            ("output", card.output == metadata.output),
            ("quantised", card.quantised == metadata.quantised),
            ("embedding_len", card.embedding_len == metadata.embedding_len),
        ];
        match entries.into_iter().find(|(_, is_equal)| !is_equal) {
            Some((what, _)) => Err(ArtefactError::Mismatch { path: card_path, what }),
            None => Ok(Self { folder: folder.to_path_buf(), card }),
        }
    }

    /// Makes the folder, whole or not at all.
    ///
    /// # Errors
    /// When the name is not one, the folder has something in it, the weights are another network's, or the disk refuses.
    pub fn create(
        folder: &Path,
        network: &ResNet,
        weights: &Weights,
        draft: CardDraft,
    ) -> Result<Self, ArtefactError> {
        Self::create_to(folder, network, None, weights, draft)
    }

    /// As [`Artefact::create`], with embeddings that are the output of layers of the projection head if `head` is given;
    /// `weights` are then those of the encoder and of these layers.
    ///
    /// # Errors
    /// As [`Artefact::create`]; or when the head has not so many layers.
    pub fn create_to(
        folder: &Path,
        network: &ResNet,
        head: Option<HeadLayers>,
        weights: &Weights,
        draft: CardDraft,
    ) -> Result<Self, ArtefactError> {
        let about = |source| ArtefactError::Onnx { path: folder.join(ENCODER), source };
        let encoder = onnx::write(network, head.as_ref(), weights, &draft.recipe).map_err(about)?;
        Self::keep(folder, &encoder, draft)
    }

    /// Makes the folder of an 8-bit encoder, whole or not at all; `draft.recipe` must be that of the float artefact
    /// `float` it was made from.
    ///
    /// # Errors
    /// As [`Artefact::create`].
    pub fn create_quantised(
        folder: &Path,
        float: &Self,
        (network, from): (&Quantised, QuantisedFrom),
        draft: CardDraft,
    ) -> Result<Self, ArtefactError> {
        let about = Metadata {
            network: float.card.network,
            output: None,
            recipe: draft.recipe.clone(),
            embedding_len: float.embedding_len(),
            quantised: Some(from),
        };
        let encoder = onnx::write_quantised(network, &about)
            .map_err(|source| ArtefactError::Onnx { path: folder.join(ENCODER), source })?;
        Self::keep(folder, &encoder, draft)
    }

    fn keep(folder: &Path, encoder: &[u8], draft: CardDraft) -> Result<Self, ArtefactError> {
        if !is_name(&draft.name) {
            return Err(ArtefactError::Name(draft.name));
        }
        if fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) {
            return Err(ArtefactError::Exists(folder.to_path_buf()));
        }
        let metadata = onnx::read_metadata(encoder)
            .map_err(|source| ArtefactError::Onnx { path: folder.join(ENCODER), source })?;
        let checksum = checksum(encoder);
        let card = Card {
            name: draft.name,
            licence: draft.licence,
            embedding_len: metadata.embedding_len,
            shortened_to: vec![],
            space_key: checksum[..SPACE_KEY_LEN].to_owned(),
            checksum,
            network: metadata.network,
            output: metadata.output,
            quantised: metadata.quantised,
            recipe: draft.recipe,
            training: draft.training,
            scores: vec![],
        };
        let text = card_text(&card, folder)?;
        write_folder(folder, encoder, &text).map_err(io_at(folder))?;
        Ok(Self { folder: folder.to_path_buf(), card })
    }

    /// Opens every artefact directly inside a folder, by name.
    ///
    /// # Errors
    /// When the folder cannot be read, or one of them is not sound.
    pub fn list(folder: &Path) -> Result<Vec<Self>, ArtefactError> {
        let mut artefacts = vec![];
        for entry in fs::read_dir(folder).map_err(io_at(folder))? {
            let path = entry.map_err(io_at(folder))?.path();
            if path.join(CARD).is_file() {
                artefacts.push(Self::open(&path)?);
            }
        }
        artefacts.sort_by(|a, b| a.name().cmp(b.name()));
        Ok(artefacts)
    }

    /// Writes measured numbers into the card, in place of older ones of the same data, split, metric and method.
    ///
    /// # Errors
    /// When the card cannot be written.
    pub fn add_scores(&mut self, scores: Vec<CardScore>) -> Result<(), ArtefactError> {
        let mut card = self.card.clone();
        for score in scores {
            card.scores.retain(|old| !old.measures_same(&score));
            card.scores.push(score);
        }
        let path = self.folder.join(CARD);
        files::replace(&path, card_text(&card, &self.folder)?.as_bytes()).map_err(io_at(&path))?;
        self.card = card;
        Ok(())
    }

    /// What is known about it.
    pub fn card(&self) -> &Card {
        &self.card
    }

    /// Where it lies.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The bytes of the encoder's file, if they are still those that the card is about.
    ///
    /// # Errors
    /// When the file cannot be read, or was changed since the artefact was made.
    pub fn encoder_bytes(&self) -> Result<Vec<u8>, ArtefactError> {
        read_encoder(&self.encoder_path(), &self.card.checksum)
    }

    /// The encoder's file.
    pub fn encoder_path(&self) -> PathBuf {
        self.folder.join(ENCODER)
    }

    /// Where probes fitted on its embeddings lie; the folder need not exist.
    pub fn probes_folder(&self) -> PathBuf {
        self.folder.join(PROBES)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.card.name
    }

    /// The preprocessing it was trained for.
    pub fn recipe(&self) -> &Recipe {
        &self.card.recipe
    }

    /// Length of its embeddings.
    pub fn embedding_len(&self) -> usize {
        self.card.embedding_len
    }

    /// Names the space its embeddings live in: only those with equal keys may be compared.
    pub fn space_key(&self) -> &str {
        &self.card.space_key
    }
}

fn card_text(card: &Card, folder: &Path) -> Result<String, ArtefactError> {
    toml::to_string_pretty(card)
        .map_err(|e| ArtefactError::Card { path: folder.join(CARD), reason: e.to_string() })
}

/// Whether it can name an artefact, and so a folder: 1 to 100 letters, digits, dots, hyphens and underscores, the first a
/// letter or digit.
pub fn is_name(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    name.len() <= NAME_LEN_MAX
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(is_plain)
}

fn io_at(path: &Path) -> impl FnOnce(std::io::Error) -> ArtefactError {
    move |source| ArtefactError::Io { path: path.to_path_buf(), source }
}
