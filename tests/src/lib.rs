//! What the end-to-end tests stand on, from the outside in: [`Checkout`], the sources as data; [`World`], an encoder and a
//! server in a folder of their own; [`pictures`], things to show them. Knows nothing of how a crate does its work.

mod checkout;
pub mod pictures;
mod world;

pub use checkout::{Checkout, Manifest};
pub use world::{Answer, World};
