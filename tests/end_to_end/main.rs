//! The whole product from outside, one module a theme; `cargo test -p simclr-tests tidy` runs one.

mod artefact_to_report;
mod bad_input;
mod leaks;
mod tidy;
mod upload_to_neighbours;
