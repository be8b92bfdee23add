//! SimCLR pretraining (Chen et al. 2020) on libtorch: the only crate that knows it.
//!
//! In the order data flows: [`recipe`] says what to do, [`pictures`] holds the training set, [`views`] draws two random
//! views of each picture, [`network`] walks the encoder's and the head's descriptions, [`objective`] says what is fed to
//! them and compares their outputs, [`gradients`] holds no more of a batch in memory than it may, [`optimiser`] and
//! [`schedule`] move the weights, [`learner`] joins them, [`feed`] makes its views, [`pretrain`] is the loop (start
//! reading there), [`checkpoint`] keeps everything needed to continue bit for bit, [`run_folder`] says where it and all else
//! of a run lies, [`monitor`] judges the encoder meanwhile, [`progress`] keeps the records, [`export`] turns a checkpoint into
//! an artefact, [`ablate`] runs a table of them, [`finetune`] teaches one labels.

mod error;

pub mod recipe;

pub mod pictures;

pub mod views;

mod fusion;

pub mod network;

#[cfg(test)]
mod noise;

pub mod objective;

pub mod gradients;

pub mod optimiser;

pub mod schedule;

pub mod checkpoint;

pub mod run_folder;

pub mod learner;

pub mod finetune;

pub mod feed;

pub mod pretrain;

pub mod monitor;

mod torch_encoder;

pub mod progress;

pub mod export;

pub mod ablate;

pub mod device;

mod upload;

pub use error::TrainError;
pub use pretrain::{Ending, Limits, pretrain};
pub use recipe::TrainRecipe;
