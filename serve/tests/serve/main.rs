//! The server from outside: every route, every refusal, overload, stop and kill.

#![allow(missing_docs, clippy::unwrap_used)]

mod arranging;
mod asking;
mod carrying;
mod classifying;
mod client;
mod collections;
mod costs;
mod deploying;
mod embedding;
mod evaluating;
mod exchanging;
mod fetching;
mod fuzzing;
mod guarding;
mod indexing;
mod inference;
mod keeping;
mod mapping;
mod models;
mod openapi;
mod overload;
mod page;
mod pictures;
mod probes;
mod process;
mod reembedding;
mod refusals;
mod reloading;
mod searching;
mod snapshots;
mod statistics;
mod stopping;
mod store;
#[cfg(feature = "otel")]
mod tracing;
mod typed;
mod verifying;
mod watching;
mod world;
