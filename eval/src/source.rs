//! What is judged: an artefact, the same network with random weights, or the pixels themselves.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use simclr_models::{
    Artefact, CardDraft, Embedding, EncodeError, Encoder, Filter, ImageBatch, OnnxEncoder, Recipe, ResNet,
    Stem, Training, Weights,
};

use crate::EvalError;

/// An encoder as named on the command line.
#[derive(Debug, Clone, PartialEq)]
pub enum EncoderSpec {
    /// An artefact's folder.
    Artefact(PathBuf),
    /// Random weights; the network of the artefact it is like, unless one is given.
    Random {
        /// The network, where given.
        network: Option<ResNet>,
        /// What the weights are drawn from.
        seed: u64,
    },
    /// The prepared picture itself, the mean picture subtracted.
    Pixels,
}

impl EncoderSpec {
    /// Reads a list such as `models/artefacts/a,random:depth=18,width=0.25,pixels`; a piece `key=value` belongs to the
    /// `random:` before it.
    ///
    /// # Errors
    /// When a piece is not an encoder.
    pub fn parse_list(list: &str) -> Result<Vec<Self>, EvalError> {
        let mut whole: Vec<String> = Vec::new();
        for piece in list.split(',').map(str::trim).filter(|p| !p.is_empty()) {
            match whole.last_mut() {
                Some(last) if last.starts_with("random:") && is_option(piece) => {
                    *last = format!("{last},{piece}");
                }
                _ => whole.push(piece.to_owned()),
            }
        }
        whole.iter().map(|spec| spec.parse()).collect()
    }
}

fn is_option(piece: &str) -> bool {
    ["depth=", "width=", "stem=", "seed="].iter().any(|key| piece.starts_with(key))
}

impl FromStr for EncoderSpec {
    type Err = EvalError;

    fn from_str(spec: &str) -> Result<Self, EvalError> {
        match spec.split_once(':') {
            None if spec == "pixels" => Ok(Self::Pixels),
            None if spec == "random" => Ok(Self::Random { network: None, seed: 0 }),
            Some(("random", options)) => random(spec, options),
            _ => Ok(Self::Artefact(PathBuf::from(spec))),
        }
    }
}

fn random(spec: &str, options: &str) -> Result<EncoderSpec, EvalError> {
    let refuse = |problem: String| EvalError::Spec { spec: spec.to_owned(), problem };
    let mut network = ResNet { depth: 18, width: 1.0, stem: Stem::SmallPicture };
    let (mut given, mut seed) = (false, 0);
    for option in options.split(',').filter(|o| !o.is_empty()) {
        let (key, value) = option.split_once('=').unwrap_or((option, ""));
        let number = |e: &dyn fmt::Display| refuse(format!("`{option}`: {e}"));
        given |= key != "seed";
        match key {
            "depth" => network.depth = value.parse().map_err(|e| number(&e))?,
            "width" => network.width = value.parse().map_err(|e| number(&e))?,
            "seed" => seed = value.parse().map_err(|e| number(&e))?,
            "stem" => {
                let stem = Stem::ALL.into_iter().find(|stem| stem.name() == value);
                let names = Stem::ALL.map(Stem::name).join(", ");
                network.stem = stem.ok_or_else(|| refuse(format!("`{option}`: stems are {names}")))?;
            }
            _ => {
                return Err(refuse(format!("`{option}`: options are depth=, width=, stem=, seed=")));
            }
        }
    }
    Ok(EncoderSpec::Random { network: given.then_some(network), seed })
}

/// An encoder ready to be judged.
pub struct Source {
    /// What reports call it.
    pub name: String,
    /// Which space its embeddings live in.
    pub space_key: String,
    /// How its pictures are prepared.
    pub recipe: Recipe,
    /// The encoder.
    pub encoder: Box<dyn Encoder>,
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
            EncoderSpec::Random { network, seed } => Self::random(*network, *seed, like, threads),
            EncoderSpec::Pixels => {
                let recipe = recipe_like(like, Stem::SmallPicture);
                let encoder = Box::new(Pixels { side: recipe.side as usize });
                let space_key = format!("pixels-{}", recipe.side);
                Ok(Self {
                    name: "pixels".to_owned(),
                    space_key,
                    recipe,
                    encoder,
                    is_centred: true,
                    artefact: None,
                })
            }
        }
    }

    fn of_artefact(name: String, artefact: &Artefact, threads: usize) -> Result<Self, EvalError> {
        Ok(Self {
            name,
            space_key: artefact.space_key().to_owned(),
            recipe: artefact.recipe().clone(),
            encoder: Box::new(OnnxEncoder::open(artefact, threads)?),
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
            },
        };
        let weights = Weights::initial(&description, seed);
        let artefact = Artefact::create(&folder.path().join("random"), &network, &weights, draft)?;
        let ResNet { depth, width, stem } = network;
        let name = format!("random-resnet{depth}-w{width}-{}-seed{seed}", stem.name());
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

/// The prepared picture as its own embedding: what an encoder has to beat.
struct Pixels {
    side: usize,
}

impl Encoder for Pixels {
    fn embedding_len(&self) -> usize {
        3 * self.side * self.side
    }

    fn embed(&mut self, images: &ImageBatch) -> Result<Vec<Embedding>, EncodeError> {
        if images.side() != self.side {
            return Err(EncodeError::Side { found: images.side(), expected: self.side });
        }
        let pictures = images.as_slice().chunks_exact(self.embedding_len()).enumerate();
        pictures.map(|(i, p)| Embedding::new(p.to_vec()).map_err(|_| EncodeError::NotFinite(i))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_keep_the_options_of_random_together() {
        let list =
            EncoderSpec::parse_list("a/b, random:depth=10,width=0.25,stem=imagenet,seed=3,pixels,random,c=d")
                .unwrap();
        let network = ResNet { depth: 10, width: 0.25, stem: Stem::Imagenet };
        assert_eq!(
            list,
            [
                EncoderSpec::Artefact("a/b".into()),
                EncoderSpec::Random { network: Some(network), seed: 3 },
                EncoderSpec::Pixels,
                EncoderSpec::Random { network: None, seed: 0 },
                EncoderSpec::Artefact("c=d".into()),
            ]
        );
        assert_eq!(
            "random:seed=4".parse::<EncoderSpec>().unwrap(),
            EncoderSpec::Random { network: None, seed: 4 }
        );
    }

    #[test]
    fn mistakes_are_named() {
        let refuse = |spec: &str| spec.parse::<EncoderSpec>().unwrap_err().to_string();
        assert!(refuse("random:depth=x").contains("`depth=x`"));
        let stems = refuse("random:stem=big");
        assert!(Stem::ALL.iter().all(|stem| stems.contains(stem.name())), "{stems}");
        assert!(refuse("random:size=3").contains("options are"));
        let text = Source::open(&"random".parse().unwrap(), None, 1).err().unwrap().to_string();
        assert!(text.contains("say which network"), "{text}");
        let text = Source::open(&"random:depth=11".parse().unwrap(), None, 1).err().unwrap().to_string();
        assert!(text.contains("ResNet-11"), "{text}");
        assert!(
            Source::open(&"no/such".parse().unwrap(), None, 1).err().unwrap().to_string().contains("no/such")
        );
    }
}
