//! A step's data: the views that an objective asks for, and the pictures' labels.

use tch::{Device, Kind, Tensor};

use super::classification::{TURNS, turned};
use crate::network::to_i64;
use crate::pictures::Pictures;
use crate::recipe::Objective as Rule;
use crate::{TrainError, TrainRecipe, views};

/// What one step feeds the network.
#[derive(Debug)]
pub struct Input {
    /// V·B×3×side×side f32 normalised; rows v·B + i are views of picture i.
    pub views: Tensor,
    /// B int64: the pictures' classes.
    pub labels: Tensor,
}

impl Input {
    /// The views of the pictures `indices` in epoch `epoch`: two of each; or one; or one, turned four ways.
    ///
    /// # Errors
    /// libtorch's words; or that too many pictures cannot be read.
    pub fn new(
        recipe: &TrainRecipe,
        pictures: &Pictures,
        indices: &[i64],
        epoch: u64,
    ) -> Result<Self, TrainError> {
        let (chosen, labels) = pictures.batch(indices)?;
        let one = || views::one(&chosen, indices, &recipe.views, recipe.seed, epoch);
        let views = match recipe.objective {
            Rule::NtXent { .. } | Rule::NtLogistic { .. } | Rule::MarginTriplet { .. } => {
                views::pair(&chosen, indices, &recipe.views, recipe.seed, epoch)?
            }
            Rule::Supervised { .. } => one()?,
            Rule::Rotation => turned(&one()?)?,
        };
        Ok(Self { views, labels })
    }

    /// Noise in the shape of a step's data for `batch` pictures, all of class 0: for timing.
    ///
    /// # Errors
    /// libtorch's words when memory is short.
    pub fn noise(recipe: &TrainRecipe, batch: usize, device: Device) -> Result<Self, TrainError> {
        let (batch, side) = (to_i64(batch), i64::from(recipe.views.side));
        let per_picture = match recipe.objective {
            Rule::NtXent { .. } | Rule::NtLogistic { .. } | Rule::MarginTriplet { .. } => 2,
            Rule::Supervised { .. } => 1,
            Rule::Rotation => TURNS,
        };
        Ok(Self {
            views: Tensor::f_rand([per_picture * batch, 3, side, side], (Kind::Float, device))?,
            labels: Tensor::f_zeros([batch], (Kind::Int64, device))?,
        })
    }

    /// How many pictures it is of: B.
    pub fn pictures(&self) -> i64 {
        self.labels.size()[0]
    }

    /// All views of the `count` pictures from `from` on, in the same order: V·count rows.
    ///
    /// # Errors
    /// libtorch's words when there are not so many.
    pub fn part(&self, from: i64, count: i64) -> Result<Tensor, TrainError> {
        part(&self.views, self.pictures(), from, count)
    }
}

/// The rows v·B + i of `rows` with `from` ≤ i < `from` + `count`, for every v.
pub(crate) fn part(rows: &Tensor, pictures: i64, from: i64, count: i64) -> Result<Tensor, TrainError> {
    let starts = (0..rows.size()[0] / pictures).map(|view| view * pictures + from);
    let parts = starts.map(|start| Ok(rows.f_narrow(0, start, count)?));
    Ok(Tensor::f_cat(&parts.collect::<Result<Vec<_>, TrainError>>()?, 0)?)
}
