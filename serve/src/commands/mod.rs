//! What `simclr-serve` does besides serving; each command prints for people, or JSON when asked for.

pub(crate) mod evaluate;
pub(crate) mod exchange;
pub(crate) mod index;
pub(crate) mod logging;
pub(crate) mod long;
pub(crate) mod reembed;
mod store;
pub(crate) mod verify;
