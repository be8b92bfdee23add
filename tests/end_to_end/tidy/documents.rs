//! What the pages promise: that a path they name is there, and that nobody's machine shows through.

use super::assert_none;
use simclr_tests::Checkout;
use std::path::Path;

/// Pages whose back-quoted paths must exist.
const PAGES: [&str; 3] = ["README.md", "docs/ARCHITECTURE.md", "docs/DEVELOPMENT.md"];

/// Paths that commands make and git ignores.
const MADE: [&str; 4] = ["target", "third_party", "data", "runs"];

#[test]
fn every_path_in_the_pages_exists() {
    let checkout = Checkout::here();
    let mut offences = Vec::new();
    for page in PAGES {
        let text = checkout.read(Path::new(page));
        for path in named_paths(&text) {
            if !checkout.root().join(path).exists() {
                offences.push(format!("{page} names {path}"));
            }
        }
    }
    assert_none("a page names a path that is not there", offences);
}

#[test]
fn no_file_names_this_machine() {
    let checkout = Checkout::here();
    // Where this checkout lies is what a careless paste would show; the usual homes are listed for pastes from elsewhere.
    let here = format!("{}/", checkout.root().display());
    let homes = [here.as_str(), concat!("/ho", "me/"), concat!("/ro", "ot/"), concat!("/Us", "ers/")];
    let mut offences = Vec::new();
    for path in checkout.files() {
        let Ok(text) = std::fs::read_to_string(checkout.root().join(&path)) else {
            continue;
        };
        for home in homes.iter().filter(|home| text.contains(*home)) {
            offences.push(format!("{} holds {home}", path.display()));
        }
    }
    assert_none("a file names a machine's own folder", offences);
}

#[test]
fn every_recipe_begins_with_its_command_and_cost() {
    let checkout = Checkout::here();
    let recipes = checkout.files().into_iter().filter(|path| path.starts_with("train/recipes"));
    let is_toml = |path: &std::path::PathBuf| path.extension().is_some_and(|extension| extension == "toml");
    let mut offences = Vec::new();
    for path in recipes.filter(is_toml) {
        let text = checkout.read(&path);
        let head: String = text.lines().take_while(|line| line.starts_with('#')).collect();
        if !head.contains("simclr-train pretrain") || !head.to_lowercase().contains("cost") {
            offences.push(path.display().to_string());
        }
    }
    assert_none("a recipe begins, in comments, with its command, its cost and what to expect", offences);
}

/// Back-quoted words that look like a path of this repository: a slash, only plain letters, and no made folder in front.
fn named_paths(text: &str) -> impl Iterator<Item = &str> {
    let quoted = text.split('`').skip(1).step_by(2);
    let plain =
        |word: &&str| word.chars().all(|letter| letter.is_ascii_alphanumeric() || "/_-.".contains(letter));
    let made =
        |word: &&str| MADE.iter().any(|folder| word.starts_with(folder)) || word.starts_with(['/', '.']);
    let mime = |word: &&str| word.starts_with("application/") || word.starts_with("image/");
    quoted.filter(plain).filter(|word| word.contains('/')).filter(move |word| !made(word) && !mime(word))
}

#[test]
fn paths_are_told_from_other_quoted_words() {
    let text = "see `models/src` and `POST /v1/embed`, `/v1/embed`, `cargo`, `target/bench/x.json`, `application/x-npy`, `docs/x.md`";
    assert_eq!(named_paths(text).collect::<Vec<_>>(), ["models/src", "docs/x.md"]);
}
