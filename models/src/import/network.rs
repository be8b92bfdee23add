//! Which network a checkpoint's tensors are: depth from the names, width and stem from the first convolution, then every
//! name and shape against that network's description. All that differs is said at once; nothing is filled in.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::checkpoint::Stored;
use super::names::{self, Place};
use super::{Checkpoint, ImportError, Naming, Preset};
use crate::description::{Description, Param, ResNet, Stem};
use crate::{NamedTensor, Weights};

/// What is chosen rather than read from the weights.
#[derive(Debug, Clone, PartialEq)]
pub struct Choices {
    /// What stands before the encoder's names; only needed where a file holds several encoders.
    pub prefix: Option<String>,
    /// Instead of the depth that the names show.
    pub depth: Option<u32>,
    /// Instead of the width that the first convolution shows.
    pub width: Option<f64>,
    /// Instead of the stem that the first convolution shows.
    pub stem: Option<Stem>,
    /// The stem of a network that begins with a 7×7 convolution: `Imagenet` or `Torchvision`, which have the same tensors.
    /// When absent, what its naming tells, or PyTorch's own.
    pub large_stem: Option<Stem>,
}

/// An encoder taken from a checkpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// The network.
    pub network: ResNet,
    /// Its weights, every name and shape checked.
    pub weights: Weights,
    /// What stood before its names.
    pub prefix: String,
    /// How its tensors were named.
    pub naming: Naming,
    /// What was left behind, such as a projection head, and of how many tensors it consists.
    pub dropped: BTreeMap<String, usize>,
}

/// A tensor that networks with selective kernels have, and no others.
const MIXING: &str = "layer1.0.mixing.0.weight";
/// Batch-norms count the batches they saw; only training without momentum uses that.
const COUNTER: &str = "num_batches_tracked";

/// The file's tensors, sorted: the encoder's by our name, and how many of what else.
struct Sorted<'a> {
    ours: BTreeMap<String, (&'a str, &'a Stored)>,
    dropped: BTreeMap<String, usize>,
}

/// Takes the encoder out of a checkpoint.
///
/// # Errors
/// When there is none or more than one, when it is of a kind that is not described here, or with everything in which it
/// differs from the nearest network that is.
pub fn import(checkpoint: &Checkpoint, choices: &Choices) -> Result<Imported, ImportError> {
    let place = names::find(checkpoint.tensors().keys(), choices.prefix.as_deref())?;
    let Sorted { ours, dropped } = sort(checkpoint, &place);
    if !ours.contains_key(MIXING) {
        refuse_foreign(&ours)?;
    }
    let network = network(&ours, place.naming, choices)?;
    let description = network.describe()?;
    let differences = differences(&description, &ours);
    if !differences.is_empty() {
        return Err(ImportError::Mismatch { network: network.to_string(), differences });
    }
    let tensors = ours.iter().map(|(name, (_, stored))| {
        let data = checkpoint.numbers(stored)?.unwrap_or_default();
        Ok(NamedTensor { name: name.clone(), shape: stored.shape.clone(), data })
    });
    let weights = Weights::check(&description, tensors.collect::<Result<_, ImportError>>()?)?;
    Ok(Imported { network, weights, prefix: place.prefix, naming: place.naming, dropped })
}

fn sort<'a>(checkpoint: &'a Checkpoint, place: &Place) -> Sorted<'a> {
    let mut sorted = Sorted { ours: BTreeMap::new(), dropped: BTreeMap::new() };
    let Place { prefix, naming } = place;
    for (name, stored) in checkpoint.tensors() {
        let group = match name.strip_prefix(prefix.as_str()) {
            None => names::group(prefix, name).to_owned(),
            Some(_) if name.ends_with(COUNTER) => COUNTER.to_owned(),
            Some(rest) => match names::head(*naming, rest) {
                Some(head) => format!("{prefix}{head}"),
                None => {
                    sorted.ours.insert(naming.ours(rest), (name, stored));
                    continue;
                }
            },
        };
        *sorted.dropped.entry(group).or_default() += 1;
    }
    sorted
}

/// Says in a sentence what is better said so than as a list of differing tensors.
fn refuse_foreign(ours: &BTreeMap<String, (&str, &Stored)>) -> Result<(), ImportError> {
    let refuse = |what: &str, name: &str| {
        Err(ImportError::Foreign(format!(
            "{what} (tensor `{name}`); only plain ResNets can be described here"
        )))
    };
    for (ours, (theirs, stored)) in ours {
        if ours.starts_with("conv1.") && ours != "conv1.weight" {
            return refuse("a stem of several convolutions, as in ResNet-C and -D", theirs);
        }
        if ours.ends_with("downsample.1.weight") && stored.shape.len() == 4 {
            return refuse("shortcuts with an average-pool, as in ResNet-D", theirs);
        }
        if ours.contains("mixing_conv") || ours.contains("main_conv") {
            return refuse("selective kernels under other names than SimCLRv2's conversions have", theirs);
        }
        if ours.contains(".se.") {
            return refuse("squeeze-and-excitation", theirs);
        }
        if ours.ends_with("conv2.weight") && is_grouped(&stored.shape) {
            return refuse("convolutions in groups, as in ResNeXt", theirs);
        }
    }
    Ok(())
}

/// A residual block's second convolution, if not grouped, has as many channels in as out.
fn is_grouped(shape: &[usize]) -> bool {
    matches!(shape, [output, input, 3, 3] if input < output)
}

fn network(
    ours: &BTreeMap<String, (&str, &Stored)>,
    naming: Naming,
    choices: &Choices,
) -> Result<ResNet, ImportError> {
    let selective_kernels = ours.contains_key(MIXING);
    let shape = |name: &str| ours.get(name).map(|(_, stored)| stored.shape.as_slice());
    // A stem of three convolutions begins with half the channels, and is a large one.
    let three = shape("conv1.0.weight").filter(|_| selective_kernels);
    let (three, first) = (three.is_some(), three.or_else(|| shape("conv1.weight")));
    let Some(&[channels, 3, kernel, _]) = first else {
        return Err(ImportError::Foreign(match first {
            None => "the first convolution, `conv1.weight`, is missing".to_owned(),
            Some(shape) => format!("the first convolution has shape {shape:?}, which takes no RGB pictures"),
        }));
    };
    let stem = match (choices.stem, kernel) {
        (Some(stem), _) => stem,
        (None, kernel) if three || kernel == 7 => {
            choices.large_stem.or(naming.preset().map(Preset::large_stem)).unwrap_or(Stem::Torchvision)
        }
        (None, 3) => Stem::SmallPicture,
        (None, kernel) => {
            let words =
                format!("the first convolution is {kernel}×{kernel}; only 7×7 and 3×3 can be described here");
            return Err(ImportError::Foreign(words));
        }
    };
    #[expect(clippy::cast_precision_loss, reason = "a count of channels")]
    let width = choices.width.unwrap_or(channels as f64 / if three { 32.0 } else { 64.0 });
    let found: BTreeSet<&str> = ours.keys().map(String::as_str).collect();
    let of_depth = |depth| ResNet { selective_kernels, ..ResNet::plain(depth, width, stem) };
    let mut nearest: Option<(usize, u32)> = None;
    let all = if selective_kernels { &ResNet::SELECTIVE_DEPTHS[..] } else { &ResNet::DEPTHS };
    for depth in choices.depth.map_or_else(|| all.to_vec(), |depth| vec![depth]) {
        let params = of_depth(depth).describe()?.params();
        let needed: BTreeSet<&str> = params.iter().map(|param| param.name.as_str()).collect();
        let apart = found.symmetric_difference(&needed).count();
        if nearest.is_none_or(|(least, _)| apart < least) {
            nearest = Some((apart, depth));
        }
    }
    let (_, depth) = nearest.unwrap_or_default();
    Ok(of_depth(depth))
}

/// One line for everything missing, extra, of another shape, or not of floats; nothing when all is as described.
fn differences(description: &Description, ours: &BTreeMap<String, (&str, &Stored)>) -> String {
    let mut lines = String::new();
    let params: BTreeMap<String, Param> =
        description.params().into_iter().map(|param| (param.name.clone(), param)).collect();
    for (name, param) in &params {
        let _ = match ours.get(name) {
            None => writeln!(lines, "  missing  {name} {:?}", param.shape),
            Some((theirs, stored)) if stored.shape != param.shape => {
                writeln!(lines, "  shape    {theirs} is {:?} where {:?} is needed", stored.shape, param.shape)
            }
            Some((theirs, stored)) if !stored.is_float() => {
                writeln!(lines, "  kind     {theirs} holds no floats")
            }
            Some(_) => Ok(()),
        };
    }
    for (name, (theirs, stored)) in ours.iter().filter(|(name, _)| !params.contains_key(*name)) {
        let _ = match name == theirs {
            true => writeln!(lines, "  extra    {theirs} {:?}", stored.shape),
            false => writeln!(lines, "  extra    {theirs} {:?}, here {name}", stored.shape),
        };
    }
    lines.truncate(lines.trim_end().len());
    lines
}
