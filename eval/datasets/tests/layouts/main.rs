//! Every dataset's reader on folders in its official layout: complete, with mistakes, and with most pictures missing.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod fixtures;
mod mistakes;
mod official;
mod partial;
