//! How good is an encoder?
//!
//! In the order data flows: a [`Source`] embeds a dataset's samples into [`Features`] ([`extract`]), features are judged
//! by their [`Neighbours`] and by a [`Probe`] fitted on them, and each judgement is a [`Score`] in a [`Report`];
//! [`evaluate`] is the whole protocol. Decoding, preparing and embedding are the server's own functions, so a score
//! describes the server.

mod error;
mod evaluate;
mod features;
mod holdout;
pub mod knn;
mod labels;
pub mod metrics;
pub mod npy;
mod parts;
pub mod probe;
mod report;
mod score;
mod source;

pub use error::EvalError;
pub use evaluate::{Evaluation, Options, ProbeRecord, Watch, evaluate};
pub use features::{Features, extract};
pub use holdout::hold_out;
pub use knn::Neighbours;
pub use labels::Labels;
pub use parts::Parts;
pub use probe::Probe;
pub use report::{Report, table};
pub use score::Score;
pub use source::{EncoderSpec, Source};
