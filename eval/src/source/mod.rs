//! What is judged: an artefact, somebody else's ONNX file, the same network with random weights, or the pixels themselves.

mod pixels;
mod spec;

use std::path::Path;

use simclr_models::{
    Artefact, CardDraft, Filter, Foreign, ForeignEncoder, OnnxEncoder, Recipe, ResNet, Stem, Training,
    Weights,
};

use crate::{Encoders, EvalError};
use pixels::Pixels;
pub use spec::EncoderSpec;

/// An encoder ready to be judged.
pub struct Source {
    /// What reports call it.
    pub name: String,
    /// Which space its embeddings live in.
    pub space_key: String,
    /// How its pictures are prepared.
    pub recipe: Recipe,
    /// The encoder, or copies of it.
    pub encoders: Encoders,
    /// Whether the mean training embedding is subtracted first.
    pub is_centred: bool,
    /// The artefact, where it is one of the user's.
    pub artefact: Option<Artefact>,
}

impl Source {
    /// Makes the encoder ready; baselines take recipe (and network, where none is given) from the artefact `like`.
    ///
    /// # Errors
    /// When the artefact is not sound, the network does not exist, or the runtime refuses it.
    pub fn open(spec: &EncoderSpec, like: Option<&Artefact>, threads: usize) -> Result<Self, EvalError> {
        match spec {
            EncoderSpec::Artefact(folder) => {
                let artefact = Artefact::open(folder)?;
                let source = Self::of_artefact(artefact.name().to_owned(), &artefact, threads)?;
                Ok(Self { artefact: Some(artefact), ..source })
            }
            EncoderSpec::Foreign(path) => Self::foreign(path, threads),
            EncoderSpec::Random { network, seed } => Self::random(*network, *seed, like, threads),
            EncoderSpec::Pixels => {
                let recipe = recipe_like(like, Stem::SmallPicture);
                let encoders = Encoders::one(Pixels::new(recipe.side as usize));
                let space_key = format!("pixels-{}", recipe.side);
                Ok(Self {
                    name: "pixels".to_owned(),
                    space_key,
                    recipe,
                    encoders,
                    is_centred: true,
                    artefact: None,
                })
            }
        }
    }

    fn foreign(path: &Path, threads: usize) -> Result<Self, EvalError> {
        let foreign = Foreign::open(path)?;
        Ok(Self {
            name: foreign.name().to_owned(),
            space_key: foreign.space_key().to_owned(),
            recipe: foreign.recipe().clone(),
            encoders: Encoders::side_by_side(foreign.encoder_path(), threads, |threads| {
                ForeignEncoder::open(&foreign, threads)
            })?,
            is_centred: false,
            artefact: None,
        })
    }

    fn of_artefact(name: String, artefact: &Artefact, threads: usize) -> Result<Self, EvalError> {
        Ok(Self {
            name,
            space_key: artefact.space_key().to_owned(),
            recipe: artefact.recipe().clone(),
            encoders: Encoders::side_by_side(&artefact.encoder_path(), threads, |threads| {
                OnnxEncoder::open(artefact, threads)
            })?,
            is_centred: false,
            artefact: None,
        })
    }

    fn random(
        network: Option<ResNet>,
        seed: u64,
        like: Option<&Artefact>,
        threads: usize,
    ) -> Result<Self, EvalError> {
        let refuse = |problem: String| EvalError::Spec { spec: "random".to_owned(), problem };
        let network = network.or_else(|| like.map(|a| a.card().network)).ok_or_else(|| {
            refuse(
                "say which network, as in random:depth=18,width=0.25, or name an artefact it is like"
                    .to_owned(),
            )
        })?;
        let description = network.describe().map_err(|e| refuse(e.to_string()))?;
        let folder = tempfile::tempdir().map_err(EvalError::io(Path::new("temporary folder")))?;
        let draft = CardDraft {
            name: "random".to_owned(),
            recipe: recipe_like(like, network.stem),
            licence: "none needed".to_owned(),
            training: Training {
                method: "random".to_owned(),
                data: "none".to_owned(),
                epochs: 0,
                loss: None,
                recipe: String::new(),
                program: concat!("simclr-eval ", env!("CARGO_PKG_VERSION")).to_owned(),
                earlier: vec![],
            },
        };
        let weights = Weights::initial(&description, seed);
        let artefact = Artefact::create(&folder.path().join("random"), &network, &weights, draft)?;
        let ResNet { depth, width, stem, .. } = network;
        let kernels = if network.selective_kernels { "-sk1" } else { "" };
        let name = format!("random-resnet{depth}-w{width}{kernels}-{}-seed{seed}", stem.name());
        Self::of_artefact(name, &artefact, threads)
    }
}

/// The artefact's recipe, or the one its stem is made for: plain 0…1 pixels.
fn recipe_like(like: Option<&Artefact>, stem: Stem) -> Recipe {
    let side = stem.usual_side();
    let plain =
        || Recipe { side, resize: side, filter: Filter::Bicubic, mean: [0.0; 3], deviation: [1.0; 3] };
    like.map_or_else(plain, |artefact| artefact.recipe().clone())
}
