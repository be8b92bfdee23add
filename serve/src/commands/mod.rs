//! What `simclr-serve` does besides serving; each command prints for people, or JSON when asked for.

pub(crate) mod evaluate;
pub(crate) mod exchange;
pub(crate) mod logging;
pub(crate) mod verify;
