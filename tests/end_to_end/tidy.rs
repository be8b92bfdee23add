//! The house rules of docs/ARCHITECTURE.md that a program can check, read from the sources and never from a build.

mod arrows;
mod documents;
mod sources;

/// Fails with every offence at once, so that one run shows all that is to do.
fn assert_none(rule: &str, offences: Vec<String>) {
    assert!(offences.is_empty(), "{rule}\n  {}", offences.join("\n  "));
}
