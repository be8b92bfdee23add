//! Every augmentation against a slow twin: one pixel at a time, in f64, from the textbook formula; and against what
//! PyTorch's and TensorFlow's own operations answered.

#![allow(clippy::unwrap_used)]

mod ablation;
mod batch;
mod blur;
mod colour;
mod crop;
mod distributions;
mod golden;
mod twin;
