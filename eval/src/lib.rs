//! How good is an encoder?
//!
//! In the order data flows: a [`Source`] embeds a dataset's samples into [`Features`] ([`extract`]), features are judged
//! by their [`Neighbours`] and by a [`Probe`] fitted on them, and each judgement is a [`Score`] in a [`Report`];
//! [`evaluate`] is the whole protocol. Decoding, preparing and embedding are the server's own functions, so a score
//! describes the server.

mod bench;
mod cache;
mod chunks;
pub mod compare;
mod encoders;
mod error;
mod evaluate;
mod features;
mod few_shot;
mod fingerprint;
mod holdout;
mod jobs;
mod judging;
pub mod knn;
mod labels;
pub mod leaks;
pub mod metrics;
pub mod npy;
mod options;
mod outcome;
mod parts;
mod pipeline;
mod predictions;
pub mod probe;
pub mod report;
pub mod run;
mod score;
mod source;
mod storage;

pub use bench::ProbeRecord;
pub use cache::Cache;
pub use encoders::Encoders;
pub use error::EvalError;
pub use evaluate::evaluate;
pub use features::{Features, extract};
pub use few_shot::{FewShot, few_shot};
pub use holdout::hold_out;
pub use jobs::{Job, Shard, rate};
pub use judging::{Judgement, NEIGHBOURS, TEMPERATURES, by_neighbours, by_probe};
pub use knn::Neighbours;
pub use labels::Labels;
pub use options::{Options, Watch};
pub use outcome::{Broken, CLASSIFIERS, Count, Counts, Evaluation, Outcome, folder_name};
pub use parts::Parts;
pub use predictions::Predictions;
pub use probe::Probe;
pub use report::{Report, table};
pub use score::Score;
pub use source::{EncoderSpec, Source};
pub use storage::Storage;
