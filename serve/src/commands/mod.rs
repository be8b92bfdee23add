//! What `simclr-serve` does besides serving; each command prints for people, or JSON when asked for.

pub(crate) mod evaluate;
pub(crate) mod exchange;
pub(crate) mod index;
pub(crate) mod logging;
mod store;
pub(crate) mod verify;
