//! What the end-to-end tests stand on: where the workspace is, and what is in it.
//!
//! Goes in: nothing but the checkout. Comes out: its files and manifests. Knows nothing of how a crate does its work.

mod checkout;

pub use checkout::{Checkout, Manifest};
