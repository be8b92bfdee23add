//! Everything needed to continue a run bit for bit, as the bytes of one safetensors file.
//!
//! Random choices are functions of (seed, epoch, picture), so a checkpoint holds no generator's state: the recipe, the
//! number of steps done, weights, the optimiser's slots and past projections, where the objective has a queue, are all.
//! Where the file lies is [`crate::run_folder`]'s affair.

mod header;
mod parts;

use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use simclr_models::{Description, Earlier, NamedTensor, Param, Weights, describe_classifier, describe_head};

use crate::optimiser::Slots;
use crate::pictures::Identity;
use crate::{TrainError, TrainRecipe};
use header::optional;
use parts::{read_part, read_queue};

const FORMAT: &str = "simclr-checkpoint-1";
/// The queue's part and tensor, absent while it is empty.
const QUEUE: (&str, &str) = ("queue", "projections");

/// A run at the end of some step.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// The recipe file's text, comments and all.
    pub recipe_text: String,
    /// Steps done.
    pub step: u64,
    /// Full epochs done.
    pub epochs_done: u64,
    /// Mean loss of the last full epoch, when there was one.
    pub epoch_loss: Option<f64>,
    /// Sum and number of the losses of the epoch that is not full yet.
    pub epoch_so_far: (f64, u64),
    /// The monitor's kNN accuracy in percent, when it looked at this step.
    pub knn: Option<f64>,
    /// The pictures it is on; unknown before it begins, and in files of earlier versions.
    pub pictures: Option<Identity>,
    /// The encoder's weights.
    pub encoder: Weights,
    /// The projection head's weights.
    pub head: Weights,
    /// The optimiser's slots, each over the encoder's learned tensors, then the head's.
    pub slots: Slots,
    /// The runs with whose weights it began one after the other, oldest first.
    pub earlier: Vec<Earlier>,
    /// Past projections that are still negatives, oldest row first; empty without a queue.
    pub memory: Vec<f32>,
}

impl Checkpoint {
    /// A run before its first step.
    ///
    /// # Errors
    /// When the recipe is not valid.
    pub fn start(recipe_text: &str) -> Result<Self, TrainError> {
        let recipe = TrainRecipe::parse(recipe_text)?;
        let (encoder, head) = descriptions(&recipe)?;
        let zeros = || learned(&encoder, &head).iter().map(|param| vec![0.0; param.len()]).collect();
        let slots = recipe.optimiser.slots().iter().map(|_| zeros()).collect();
        Ok(Self {
            recipe_text: recipe_text.into(),
            step: 0,
            epochs_done: 0,
            epoch_loss: None,
            epoch_so_far: (0.0, 0),
            knn: None,
            pictures: None,
            encoder: Weights::initial(&encoder, recipe.seed),
            head: Weights::initial(&head, recipe.seed.wrapping_add(1)),
            slots,
            earlier: vec![],
            memory: vec![],
        })
    }

    /// The same run before its first step, at the weights where `run` ended: encoder, and head where it is the same.
    ///
    /// # Errors
    /// When the encoders differ.
    pub fn at_weights_of(self, run: &Self) -> Result<Self, TrainError> {
        let (mine, recipe) = (TrainRecipe::parse(&self.recipe_text)?, TrainRecipe::parse(&run.recipe_text)?);
        let (mine, theirs) = (descriptions(&mine)?, descriptions(&recipe)?);
        if mine.0 != theirs.0 {
            return Err(TrainError::Recipe(
                "[encoder] is not that of the run whose weights are taken; copy its lines".into(),
            ));
        }
        let head = if mine.1 == theirs.1 { run.head.clone() } else { self.head };
        let mut earlier = run.earlier.clone();
        earlier.push(Earlier { epochs: run.epochs(&recipe), recipe: run.recipe_text.clone() });
        Ok(Self { encoder: run.encoder.clone(), head, earlier, ..self })
    }

    /// The same run, going on on these pictures.
    ///
    /// # Errors
    /// When it was begun on others.
    pub fn on(self, pictures: &Identity) -> Result<Self, TrainError> {
        match self.pictures {
            Some(begun) if begun != *pictures => {
                Err(TrainError::OtherPictures { begun, given: pictures.clone() })
            }
            _ => Ok(Self { pictures: Some(pictures.clone()), ..self }),
        }
    }

    /// Full epochs done, as a card says it.
    pub(crate) fn epochs(&self, recipe: &TrainRecipe) -> u32 {
        u32::try_from(self.epochs_done.min(recipe.schedule.epochs)).unwrap_or(u32::MAX)
    }

    /// Reads a file and checks every tensor.
    ///
    /// # Errors
    /// When it cannot be read, or is damaged.
    pub fn read(path: &Path) -> Result<Self, TrainError> {
        let bytes = std::fs::read(path).map_err(TrainError::io(path))?;
        Self::from_bytes(&bytes).map_err(|reason| TrainError::Checkpoint { path: path.into(), reason })
    }

    /// The file's bytes.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, String> {
        let recipe = TrainRecipe::parse(&self.recipe_text).map_err(|e| e.to_string())?;
        let (encoder, head) = descriptions(&recipe).map_err(|e| e.to_string())?;
        let mut parts =
            vec![("encoder", self.encoder.tensors().to_vec()), ("head", self.head.tensors().to_vec())];
        for (name, slot) in recipe.optimiser.slots().iter().zip(&self.slots) {
            let tensors = learned(&encoder, &head).into_iter().zip(slot).map(|(param, data)| NamedTensor {
                name: param.name,
                shape: param.shape,
                data: data.clone(),
            });
            parts.push((name, tensors.collect()));
        }
        if !self.memory.is_empty() {
            let (part, name) = QUEUE;
            let shape = vec![self.memory.len() / head.output_len(), head.output_len()];
            parts.push((part, vec![NamedTensor { name: name.into(), shape, data: self.memory.clone() }]));
        }
        let named: Vec<(String, Vec<usize>, Vec<u8>)> = parts
            .into_iter()
            .flat_map(|(part, tensors)| tensors.into_iter().map(move |t| (format!("{part}/{}", t.name), t)))
            .map(|(name, t)| (name, t.shape, t.data.iter().flat_map(|x| x.to_le_bytes()).collect()))
            .collect();
        let views = named
            .iter()
            .map(|(name, shape, bytes)| {
                let view = TensorView::new(Dtype::F32, shape.clone(), bytes).map_err(|e| e.to_string())?;
                Ok((name.as_str(), view))
            })
            .collect::<Result<Vec<_>, String>>()?;
        safetensors::serialize(views, Some(self.about())).map_err(|e| e.to_string())
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(|e| e.to_string())?;
        let about = header.metadata().clone().unwrap_or_default();
        let field = |name: &str| about.get(name).cloned().ok_or_else(|| format!("it has no `{name}`"));
        let number = |name: &str| about.get(name).and_then(|text| text.parse::<f64>().ok());
        let count = about.get("epoch_losses").and_then(|text| text.parse().ok());
        let format = field("format")?;
        if format != FORMAT {
            return Err(format!("its format is `{format}`, this program reads `{FORMAT}`"));
        }
        let recipe_text = field("recipe")?;
        let recipe = TrainRecipe::parse(&recipe_text).map_err(|e| e.to_string())?;
        let (encoder, head) = descriptions(&recipe).map_err(|e| e.to_string())?;
        let file = SafeTensors::deserialize(bytes).map_err(|e| e.to_string())?;
        let part = |params: Vec<Param>, prefix: &str| read_part(&file, params, prefix);
        let slots = recipe
            .optimiser
            .slots()
            .iter()
            .map(|name| Ok(part(learned(&encoder, &head), name)?.into_iter().map(|t| t.data).collect()))
            .collect::<Result<Slots, String>>()?;
        Ok(Self {
            step: field("step")?.parse().map_err(|e| format!("step: {e}"))?,
            epochs_done: field("epochs_done")?.parse().map_err(|e| format!("epochs_done: {e}"))?,
            epoch_loss: number("epoch_loss"),
            // Files of earlier versions have none of the following.
            epoch_so_far: number("epoch_loss_sum").zip(count).unwrap_or_default(),
            knn: number("knn"),
            pictures: optional(&about, "pictures")?,
            earlier: optional(&about, "earlier")?.unwrap_or_default(),
            encoder: Weights::check(&encoder, part(encoder.params(), "encoder")?)
                .map_err(|e| e.to_string())?,
            head: Weights::check(&head, part(head.params(), "head")?).map_err(|e| e.to_string())?,
            slots,
            memory: read_queue(&file, head.output_len())?,
            recipe_text,
        })
    }
}

/// The encoder's and the head's descriptions.
///
/// # Errors
/// When the recipe asks for a network that does not exist.
pub fn descriptions(recipe: &TrainRecipe) -> Result<(Description, Description), TrainError> {
    let encoder = recipe.encoder.describe_to(recipe.kept_head.as_ref())?;
    let head = match recipe.objective.classes() {
        Some(classes) => describe_classifier(encoder.output_len(), classes)?,
        None => describe_head(&recipe.head, encoder.output_len())?,
    };
    Ok((encoder, head))
}

/// What both learn; a layer of a head that ends the encoder has a name that the head on it has too.
fn learned(encoder: &Description, head: &Description) -> Vec<Param> {
    let mut params = encoder.params();
    for param in head.params() {
        let is_taken = params.iter().any(|other| other.name == param.name);
        let name = if is_taken { format!("classifier/{}", param.name) } else { param.name };
        params.push(Param { name, ..param });
    }
    params.retain(|param| param.kind.is_learned());
    params
}

#[cfg(test)]
mod tests;
