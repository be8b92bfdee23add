//! What was measured, for people and programs: outcome folders in; a table, JSON, Markdown and one self-contained page out.
//!
//! The same outcomes give the same bytes: everything is sorted, and no time or place on a machine is written. Refuses to
//! measure anything: every number was there, or is counted from predictions that were.

mod confusion;
mod document;
mod fine_tuned;
mod gather;
mod html;
mod markdown;
pub(crate) mod page;
mod pictures;
mod plot;
mod published;
mod section;
mod table;
#[cfg(test)]
mod tests;
mod versus;

pub use document::{DatasetRow, Document, Entry};
pub use fine_tuned::FineTuned;
pub use gather::{Result, gather};
pub use html::html;
pub use markdown::markdown;
pub use pictures::Pictures;
pub use table::{Report, table};
