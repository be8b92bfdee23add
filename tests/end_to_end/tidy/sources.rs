//! What may not stand in a source file, and how long one may be.

use super::assert_none;
use simclr_tests::Checkout;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A ratchet: lower it when you can, never raise it.
const LONGEST_FILE: usize = 300;

/// Printing, leaving and reading the environment belong to main.rs alone (and build scripts, whose job it is).
const ONLY_IN_MAIN: [&str; 8] =
    ["println!", "eprintln!", "print!(", "eprint!(", "dbg!(", "process::exit", "env::var", "env::args"];

/// Names by which a data set would show up in `models`.
const DATA_SETS: [&str; 10] = [
    "cifar",
    "food101",
    "birdsnap",
    "sun397",
    "stanford_cars",
    "aircraft",
    "voc2007",
    "oxford_pets",
    "caltech101",
    "flowers102",
];

#[test]
fn only_main_prints_exits_or_reads_the_environment() {
    let checkout = Checkout::here();
    let mut offences = Vec::new();
    let programs = program_modules(&checkout);
    let of_a_program = |path: &PathBuf| programs.iter().any(|module| path.starts_with(module));
    for path in checkout.rust_files().iter().filter(|path| is_library(path) && !of_a_program(path)) {
        for (number, line) in code_lines(&checkout.read(path)) {
            for word in ONLY_IN_MAIN.iter().filter(|word| contains_word(line, word)) {
                offences.push(format!("{}:{number}: {word}", path.display()));
            }
        }
    }
    assert_none("library code returns errors; only main.rs prints, exits or reads the environment", offences);
}

#[test]
fn models_names_no_data_set() {
    let checkout = Checkout::here();
    let mut offences = Vec::new();
    for path in checkout.rust_files().iter().filter(|path| path.starts_with("models/src")) {
        for (number, line) in code_lines(&checkout.read(path)) {
            let lower = line.to_lowercase();
            for name in DATA_SETS.iter().filter(|name| lower.contains(*name)) {
                offences.push(format!("{}:{number}: {name}", path.display()));
            }
        }
    }
    assert_none("`models` knows no data set's name", offences);
}

#[test]
fn a_network_is_described_once_and_projections_stay_in_train() {
    let checkout = Checkout::here();
    let mut offences = Vec::new();
    for path in checkout.rust_files().iter().filter(|path| is_library(path)) {
        for (number, line) in code_lines(&checkout.read(path)) {
            if line.replace(' ', "").contains("[3,4,6,3]") && !path.starts_with("models/src/description") {
                offences.push(format!(
                    "{}:{number}: a ResNet's stages outside models/src/description",
                    path.display()
                ));
            }
            if contains_word(line, "Projection") && !path.starts_with("train") {
                offences.push(format!("{}:{number}: Projection outside train", path.display()));
            }
        }
    }
    assert_none("a network is described once, and users see only embeddings", offences);
}

#[test]
fn tests_use_no_fixed_port() {
    let checkout = Checkout::here();
    let mut offences = Vec::new();
    for path in checkout.rust_files().iter().filter(|path| !is_library(path) && is_test(path)) {
        for (number, line) in code_lines(&checkout.read(path)) {
            let mut ports = line.split("127.0.0.1:").skip(1);
            if ports.any(|rest| rest.starts_with(|first: char| ('1'..='9').contains(&first))) {
                offences.push(format!("{}:{number}", path.display()));
            }
        }
    }
    assert_none("a test listens on port 0 and asks which one it got", offences);
}

#[test]
fn every_source_file_is_short_and_says_what_it_is() {
    let checkout = Checkout::here();
    let mut offences = Vec::new();
    for path in checkout.rust_files() {
        let text = checkout.read(&path);
        let lines = text.lines().count();
        if lines > LONGEST_FILE {
            offences.push(format!("{} has {lines} lines; {LONGEST_FILE} is the most", path.display()));
        }
        if !text.starts_with("//!") {
            offences.push(format!("{} does not begin with a //! paragraph", path.display()));
        }
    }
    assert_none("files are short and begin with what goes in and comes out", offences);
}

fn is_library(path: &Path) -> bool {
    let text = path.to_str().unwrap_or("");
    let main = text.ends_with("/main.rs") || text.ends_with("build.rs");
    text.contains("src/") && !main && !is_test(path) && !path.starts_with("tests")
}

/// The modules that a main.rs declares and its library does not: files and folders that only the program has.
fn program_modules(checkout: &Checkout) -> Vec<PathBuf> {
    let mains = checkout.rust_files().into_iter().filter(|path| path.ends_with("src/main.rs"));
    let modules_of = |main: PathBuf| {
        let library = std::fs::read_to_string(checkout.root().join(main.with_file_name("lib.rs")));
        let shared: BTreeSet<String> = declared(&library.unwrap_or_default()).collect();
        let text = checkout.read(&main);
        let own: Vec<String> = declared(&text).filter(|name| !shared.contains(name)).collect();
        let places = |name: String| [main.with_file_name(format!("{name}.rs")), main.with_file_name(name)];
        own.into_iter().flat_map(places).collect::<Vec<_>>()
    };
    mains.flat_map(modules_of).collect()
}

/// The names of the modules a file declares.
fn declared(text: &str) -> impl Iterator<Item = String> {
    let line = |line: &str| {
        let line = line.trim_start_matches("pub ").strip_prefix("mod ")?;
        line.strip_suffix(';').map(str::to_owned)
    };
    text.lines().filter_map(line)
}

#[test]
fn modules_of_a_program_are_told_from_those_of_its_library() {
    let names: Vec<String> = declared("mod commands;\nuse x;\npub mod y;\nmod tests {\n").collect();
    assert_eq!(names, ["commands", "y"]);
    let checkout = Checkout::here();
    let programs = program_modules(&checkout);
    assert!(programs.contains(&PathBuf::from("train/src/commands")), "{programs:?}");
    assert!(!programs.contains(&PathBuf::from("train/src/pretrain.rs")), "{programs:?}");
}

fn is_test(path: &Path) -> bool {
    let named = path.file_stem().is_some_and(|stem| stem == "tests");
    named || path.components().any(|part| part.as_os_str() == "tests" || part.as_os_str() == "examples")
}

/// The lines of a file that are neither comment nor its closing `mod tests { … }`, numbered from one.
fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let end = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
    let lines = text[..end].lines().enumerate();
    lines.filter(|(_, line)| !line.trim_start().starts_with("//")).map(|(index, line)| (index + 1, line))
}

/// Whether `word` stands in `line` with no letter, digit or underscore before it (`eprintln!` holds `println!` but is another word).
fn contains_word(line: &str, word: &str) -> bool {
    let before = |at: usize| line[..at].chars().next_back();
    line.match_indices(word)
        .any(|(at, _)| !before(at).is_some_and(|letter| letter.is_alphanumeric() || letter == '_'))
}

#[test]
fn the_checks_above_can_fail() {
    assert!(contains_word("    println!(\"x\")", "println!") && !contains_word("eprintln!()", "println!"));
    assert!(contains_word("std::env::var(\"X\")", "env::var"));
    let text = "//! doc println!\nfn f() {}\n#[cfg(test)]\nmod tests {\n println!()\n}\n";
    assert_eq!(code_lines(text).collect::<Vec<_>>(), [(2, "fn f() {}")]);
    assert!(
        is_library(Path::new("models/src/weights.rs")) && is_library(Path::new("eval/datasets/src/lib.rs"))
    );
    assert!(!is_library(Path::new("serve/src/main.rs")) && !is_library(Path::new("train/tests/resume.rs")));
}
