//! What others call a ResNet's tensors: finds an encoder among a file's names, whatever stands before them, and gives
//! its tensors the description's names, which are torchvision's. Reads names only.

use std::collections::BTreeSet;

use super::{ImportError, Preset};

/// A habit of naming a ResNet's tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Naming {
    /// `conv1.weight`, `layer1.0.conv1.weight`: torchvision, timm and most who build on them.
    Torchvision,
    /// `0.weight`, `4.0.conv1.weight`: a torchvision ResNet's children in an `nn.Sequential`.
    Sequential,
    /// `net.0.0.weight`, `net.1.blocks.0.net.0.weight`: the conversions of Google's SimCLRv2 weights.
    Simclrv2,
    /// The same of networks with selective kernels: `net.0.4.weight`, `net.1.blocks.0.net.2.main_conv.0.weight`.
    Simclrv2Selective,
}

/// Where an encoder's tensors are in a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// What stands before each name, with its closing dot; nothing in a plain state dict.
    pub(super) prefix: String,
    pub(super) naming: Naming,
}

impl Naming {
    const ALL: [Self; 4] = [Self::Torchvision, Self::Sequential, Self::Simclrv2, Self::Simclrv2Selective];

    /// In words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Torchvision => "named as in torchvision",
            Self::Sequential => "named as an nn.Sequential",
            Self::Simclrv2 => "named as conversions of SimCLRv2",
            Self::Simclrv2Selective => "named as conversions of SimCLRv2 with selective kernels",
        }
    }

    /// The preset of weights so named, where they are of one family only.
    pub const fn preset(self) -> Option<Preset> {
        match self {
            Self::Simclrv2 | Self::Simclrv2Selective => Some(Preset::Simclr),
            Self::Torchvision | Self::Sequential => None,
        }
    }

    /// A convolution of the first block, which every network so named has and no other.
    const fn landmark(self) -> &'static str {
        match self {
            Self::Torchvision => "layer1.0.conv1.weight",
            Self::Sequential => "4.0.conv1.weight",
            Self::Simclrv2 => "net.1.blocks.0.net.2.weight",
            Self::Simclrv2Selective => "net.1.blocks.0.net.2.main_conv.0.weight",
        }
    }

    /// The description's name of a tensor whose name, less the prefix, is this; names of no such tensor stay as they are.
    pub(super) fn ours(self, name: &str) -> String {
        let renamed = match self {
            Self::Torchvision => {
                name.starts_with("layer").then(|| name.replacen(".shortcut.", ".downsample.", 1))
            }
            Self::Sequential => sequential(name),
            Self::Simclrv2 => simclrv2(name),
            Self::Simclrv2Selective => simclrv2_selective(name),
        };
        renamed.unwrap_or_else(|| name.to_owned())
    }
}

/// The one encoder of the file, among those whose prefix begins with `wanted` where that is given.
pub(super) fn find<'a>(
    names: impl Iterator<Item = &'a String>,
    wanted: Option<&str>,
) -> Result<Place, ImportError> {
    let names: BTreeSet<&str> = names.map(String::as_str).collect();
    let places: BTreeSet<Place> = names.iter().flat_map(|name| places_shown_by(name)).collect();
    let mut chosen = places.into_iter().filter(|place| match wanted {
        // The whole prefix, with or without its dot; nothing means the plain names.
        Some(wanted) => place.prefix.trim_end_matches('.') == wanted.trim_end_matches('.'),
        None => true,
    });
    let Some(place) = chosen.next() else { return Err(none(&names, wanted)) };
    let others: Vec<Place> = chosen.collect();
    if others.is_empty() {
        return Ok(place);
    }
    let prefixes = [place].into_iter().chain(others).map(|place| format!("`{}`", place.prefix));
    Err(ImportError::Several(prefixes.collect::<Vec<_>>().join(", ")))
}

fn places_shown_by(name: &str) -> impl Iterator<Item = Place> {
    Naming::ALL.into_iter().filter_map(move |naming| {
        let prefix = name.strip_suffix(naming.landmark())?;
        let is_whole = prefix.is_empty() || prefix.ends_with('.');
        is_whole.then(|| Place { prefix: prefix.to_owned(), naming })
    })
}

fn none(names: &BTreeSet<&str>, wanted: Option<&str>) -> ImportError {
    const SHOWN: usize = 5;
    let first = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    ImportError::NoEncoder {
        count: names.len(),
        beginning: wanted.map_or_else(String::new, |prefix| format!(" beginning with `{prefix}`")),
        looked_for: Naming::ALL.map(|naming| format!("`{}`", naming.landmark())).join(", "),
        found: if first.is_empty() { String::new() } else { format!("; the first are {first}") },
    }
}

/// Children 0, 1 and 4 to 7 are convolution, batch-norm and stages; 2 and 3, ReLU and max-pool, have no tensors.
fn sequential(name: &str) -> Option<String> {
    let (child, rest) = name.split_once('.')?;
    Some(match child {
        "0" => format!("conv1.{rest}"),
        "1" => format!("bn1.{rest}"),
        "4" | "5" | "6" | "7" => format!("layer{}.{rest}", child.parse::<u8>().ok()? - 3),
        _ => return None,
    })
}

/// `net.0` is the stem, `net.1` to `net.4` are the stages; in a block's `net`, convolutions and batch-norms alternate.
fn simclrv2(name: &str) -> Option<String> {
    let rest = name.strip_prefix("net.")?;
    if let Some(stem) = rest.strip_prefix("0.") {
        let batch_norm = |rest: &str| format!("bn1.{rest}");
        return stem
            .strip_prefix("1.0.")
            .map(batch_norm)
            .or((stem == "0.weight").then(|| "conv1.weight".into()));
    }
    let (stage, rest) = rest.split_once(".blocks.")?;
    let (block, rest) = rest.split_once('.')?;
    let part = if let Some(rest) = rest.strip_prefix("projection.bn.0.") {
        format!("downsample.1.{rest}")
    } else if rest == "projection.shortcut.weight" {
        "downsample.0.weight".to_owned()
    } else {
        let (at, rest) = rest.strip_prefix("net.")?.split_once('.')?;
        match at.parse::<u8>().ok().filter(|at| *at < 6)? {
            at if at.is_multiple_of(2) => format!("conv{}.{rest}", at / 2 + 1),
            at => format!("bn{}.{}", at / 2 + 1, rest.strip_prefix("0.")?),
        }
    };
    Some(format!("layer{stage}.{block}.{part}"))
}

/// `net.0` holds three convolutions, a block's `net` one step fewer, as its second convolution normalises itself.
fn simclrv2_selective(name: &str) -> Option<String> {
    let rest = name.strip_prefix("net.")?;
    if let Some(stem) = rest.strip_prefix("0.") {
        return Some(match stem.split_once('.')? {
            ("0", "weight") => "conv1.0.weight".into(),
            ("2", "weight") => "conv1.3.weight".into(),
            ("4", "weight") => "conv1.6.weight".into(),
            (norm, rest) => {
                let rest = rest.strip_prefix("0.")?;
                let ours = match norm {
                    "1" => "conv1.1",
                    "3" => "conv1.4",
                    "5" => "bn1",
                    _ => return None,
                };
                format!("{ours}.{rest}")
            }
        });
    }
    let (stage, rest) = rest.split_once(".blocks.")?;
    let (block, rest) = rest.split_once('.')?;
    // The convolution of a shortcut comes after its mean, and after a padding where there is one.
    let is_shortcut = rest.starts_with("projection.shortcut.") && rest.ends_with(".weight");
    let parts = [
        ("projection.bn.0.", "downsample.2."),
        ("net.0.", "conv1."),
        ("net.1.0.", "bn1."),
        ("net.2.main_conv.0.", "conv2."),
        ("net.2.main_conv.1.0.", "bn2."),
        ("net.2.mixing_conv.0.", "mixing.0."),
        ("net.2.mixing_conv.1.0.", "mixing.1."),
        ("net.2.mixing_conv.2.", "mixing.3."),
        ("net.3.", "conv3."),
        ("net.4.0.", "bn3."),
    ];
    let renamed =
        || parts.iter().find_map(|(theirs, ours)| Some(format!("{ours}{}", rest.strip_prefix(theirs)?)));
    let part = if is_shortcut { Some("downsample.1.weight".to_owned()) } else { renamed() };
    Some(format!("layer{stage}.{block}.{}", part?))
}

/// What projection heads and classifiers inside an encoder's own prefix are called, by their first component.
const HEADS: [&str; 15] = [
    "classifier",
    "contrastive_head",
    "fc",
    "g",
    "head",
    "heads",
    "l1",
    "l2",
    "linear",
    "mlp",
    "predictor",
    "projection",
    "projection_head",
    "projector",
    "prototypes",
];

/// The head that a name of ours belongs to, if it does; children of an `nn.Sequential` after the last stage are heads.
pub(super) fn head(naming: Naming, name: &str) -> Option<&str> {
    let first = name.split('.').next()?;
    let is_late_child = naming == Naming::Sequential && first.parse::<u32>().is_ok_and(|child| child > 7);
    (is_late_child || HEADS.contains(&first)).then_some(first)
}

/// What a tensor outside the encoder belongs to: as much of its path as leads away from the encoder's prefix.
pub(super) fn group<'a>(prefix: &str, name: &'a str) -> &'a str {
    let mut shared = 0;
    for (ours, theirs) in prefix.split_inclusive('.').zip(name.split_inclusive('.')) {
        if ours != theirs {
            break;
        }
        shared += theirs.len();
    }
    let end = name[shared..].find('.').map_or(name.len(), |dot| shared + dot);
    &name[..end]
}

#[cfg(test)]
mod tests;
