//! The whole product from outside, one module a theme; `cargo test -p simclr-tests tidy` runs one.

mod tidy;
