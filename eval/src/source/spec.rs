//! Encoders as they are named on the command line.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use simclr_models::{Artefact, Foreign, ResNet, Stem};

use crate::EvalError;

/// An encoder as named on the command line.
#[derive(Debug, Clone, PartialEq)]
pub enum EncoderSpec {
    /// An artefact's folder.
    Artefact(PathBuf),
    /// The TOML that describes somebody else's ONNX file.
    Foreign(PathBuf),
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
    /// Whether the files it names are sound, so that a mistake in the last name is not found after an hour.
    ///
    /// # Errors
    /// As [`crate::Source::open`], but no network is loaded.
    pub fn check(&self) -> Result<(), EvalError> {
        match self {
            Self::Artefact(folder) => Ok(Artefact::open(folder).map(|_| ())?),
            Self::Foreign(path) => Ok(Foreign::open(path).map(|_| ())?),
            Self::Random { .. } | Self::Pixels => Ok(()),
        }
    }

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
            _ if spec.ends_with(".toml") => Ok(Self::Foreign(PathBuf::from(spec))),
            _ => Ok(Self::Artefact(PathBuf::from(spec))),
        }
    }
}

fn random(spec: &str, options: &str) -> Result<EncoderSpec, EvalError> {
    let refuse = |problem: String| EvalError::Spec { spec: spec.to_owned(), problem };
    let mut network = ResNet::plain(18, 1.0, Stem::SmallPicture);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Source;

    #[test]
    fn lists_keep_the_options_of_random_together() {
        let list = EncoderSpec::parse_list(
            "a/b,theirs.toml, random:depth=10,width=0.25,stem=imagenet,seed=3,pixels,random,c=d",
        )
        .unwrap();
        let network = ResNet::plain(10, 0.25, Stem::Imagenet);
        assert_eq!(
            list,
            [
                EncoderSpec::Artefact("a/b".into()),
                EncoderSpec::Foreign("theirs.toml".into()),
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
        let text = Source::open(&"no/such.toml".parse().unwrap(), None, 1).err().unwrap().to_string();
        assert!(text.contains("no/such.toml"), "{text}");
        assert!(
            Source::open(&"no/such".parse().unwrap(), None, 1).err().unwrap().to_string().contains("no/such")
        );
    }
}
