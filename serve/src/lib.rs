//! The HTTP service: embeddings, image similarity search and classification by one encoder.
//!
//! In the order a request sees them: [`Config`] says what is served and within which limits; `http` understands the
//! request and shapes the answer; `embedder` decodes, prepares and embeds pictures, `batching` runs many requests'
//! pictures at once; `classifiers` and the collections of `simclr_search` answer from the embedding. [`App`] holds them
//! all, [`router`] serves an `App` without a socket, [`start`] with one. Knows no dataset and no training.

mod app;
mod batching;
mod classifiers;
mod config;
mod embedder;
mod http;
mod metrics;
mod running;

pub use app::{App, StartError};
pub use classifiers::ClassifierError;
pub use config::{Config, ConfigError, Limits, RawConfig};
pub use http::router;
pub use running::{Running, Stopped, serve, start};
