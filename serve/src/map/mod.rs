//! A collection as points of a plane: at once by its two principal components, or by a job that keeps neighbours together.
//!
//! Rows of numbers go in, coordinates come out; `arrangements` reads a collection for its job and keeps what it found. Knows no HTTP.

mod arrange;
mod arrangements;
mod components;
mod kept;
mod neighbours;
mod plane;

pub(crate) use arrange::SAMPLE;
pub(crate) use arrangements::{Arrangements, Job, StartRefused, Status};
pub(crate) use kept::Kept;
pub(crate) use plane::{Plane, project};

/// Numbers held while a map is made, four bytes each.
pub(crate) const NUMBERS_MAX: usize = 1 << 25;
/// Points of a map at most.
pub(crate) const POINTS_MAX: usize = 100_000;

/// The vector at length 1, as searches compare it.
pub(crate) fn direction(vector: &[f32]) -> impl Iterator<Item = f32> {
    let length = vector.iter().map(|&number| f64::from(number).powi(2)).sum::<f64>().sqrt();
    vector.iter().map(move |&number| (f64::from(number) / length) as f32)
}
