//! What was measured, for people and programs.

pub(crate) mod page;
mod table;

pub use table::{Report, table};
