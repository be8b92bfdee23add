//! What is asked of the network: the seam between a step's data and its loss.
//!
//! [`Input`] makes a step's views of a batch of pictures; [`Objective::loss`] compares what the network makes of them.
//! Whoever runs the network in between knows neither how many views a picture has nor what they are compared for; this
//! module knows no network, optimiser or file.

mod classification;
mod input;
mod margin_triplet;
mod nt_logistic;
mod nt_xent;
mod pairs;
mod queue;

use tch::{Device, Tensor};

pub use input::Input;
pub(crate) use input::part;

use crate::TrainError;
use crate::pictures::Pictures;
use crate::recipe::Objective as Rule;
use queue::Queue;

/// A recipe's objective at work, with the past projections it remembers.
#[derive(Debug)]
pub struct Objective {
    rule: Rule,
    queue: Queue,
}

impl Objective {
    /// Begins with nothing remembered.
    pub fn new(rule: Rule) -> Self {
        Self { rule, queue: Queue::new(rule.queue()) }
    }

    /// The loss of a step: an f32 scalar from the V·B rows that the network made of `input`, in the order of its views.
    ///
    /// # Errors
    /// libtorch's words when shapes do not fit.
    pub fn loss(&self, outputs: &Tensor, input: &Input) -> Result<Tensor, TrainError> {
        match self.rule {
            Rule::NtXent { temperature, normalise, semi_hard, factor, .. } => {
                let settings = nt_xent::Settings { temperature, normalise, semi_hard };
                let loss = nt_xent::nt_xent(outputs, self.queue.rows(), settings)?;
                if factor == 1.0 { Ok(loss) } else { Ok(loss.f_mul_scalar(factor)?) }
            }
            Rule::NtLogistic { temperature, semi_hard } => {
                nt_logistic::nt_logistic(outputs, temperature, semi_hard)
            }
            Rule::MarginTriplet { margin, semi_hard } => {
                margin_triplet::margin_triplet(outputs, margin, semi_hard)
            }
            Rule::Supervised { .. } => classification::cross_entropy(outputs, &input.labels),
            Rule::Rotation => classification::which_turn(outputs),
        }
    }

    /// Keeps a step's projections as negatives of later steps, if the objective has a queue.
    ///
    /// # Errors
    /// libtorch's words.
    pub fn remember(&mut self, outputs: &Tensor) -> Result<(), TrainError> {
        match self.rule {
            Rule::NtXent { normalise, .. } => self.queue.push(&pairs::comparable(outputs, normalise)?),
            _ => Ok(()),
        }
    }

    /// What is remembered, oldest row first.
    ///
    /// # Errors
    /// libtorch's words.
    pub fn memory(&self) -> Result<Vec<f32>, TrainError> {
        self.queue.numbers()
    }

    /// Puts back what [`Objective::memory`] gave: rows of `width` numbers.
    ///
    /// # Errors
    /// When the numbers are not rows of this width, or more than are remembered.
    pub fn restore(&mut self, memory: &[f32], width: usize, device: Device) -> Result<(), TrainError> {
        self.queue.restore(memory, width, device)
    }
}

/// Whether the pictures have the labels that the objective asks for.
///
/// # Errors
/// Says which number of classes the recipe must name, or that the pictures have not one class each.
pub fn check_labels(rule: &Rule, pictures: &Pictures) -> Result<(), TrainError> {
    match *rule {
        Rule::Supervised { .. } if pictures.classes() == 0 => Err(TrainError::Recipe(
            "objective: supervised learning needs one class a picture; these pictures may show several"
                .into(),
        )),
        Rule::Supervised { classes } if classes != pictures.classes() => Err(TrainError::Recipe(format!(
            "objective.classes is {classes}, but the pictures have {} classes",
            pictures.classes()
        ))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
