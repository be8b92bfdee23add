//! Who may know whom: between our packages, and from them to the crates that belong in one place only.

use super::assert_none;
use simclr_tests::{Checkout, Manifest};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// Package, and every package of ours that it may name; nothing else points up.
const ARROWS: [(&str, &[&str]); 9] = [
    ("simclr-models", &[]),
    ("simclr-datasets", &["simclr-models"]),
    ("simclr-eval", &["simclr-models", "simclr-datasets"]),
    ("simclr-torchx", &[]),
    ("simclr-train", &["simclr-models", "simclr-datasets", "simclr-eval", "simclr-torchx"]),
    ("simclr-search", &[]),
    ("simclr-client", &[]),
    ("simclr-serve", &["simclr-client", "simclr-models", "simclr-datasets", "simclr-eval", "simclr-search"]),
    ("simclr-tests", &["simclr-models", "simclr-datasets", "simclr-eval", "simclr-search", "simclr-serve"]),
];

/// Crate, and the only packages that may name it, in tests too.
const HOMES: [(&str, &[&str]); 5] = [
    ("tch", &["simclr-train", "simclr-torchx"]),
    ("torch-sys", &["simclr-train", "simclr-torchx"]),
    ("axum", &["simclr-serve"]),
    ("hnsw_rs", &["simclr-search"]),
    ("ort", &["simclr-models"]),
];

/// The one decoder's homes; elsewhere, and here in `simclr-tests`, only tests name it, to make pictures.
const DECODER: (&str, &[&str]) = ("image", &["simclr-models", "simclr-tests"]);

#[test]
fn packages_know_only_those_below_them() {
    let manifests = Checkout::here().manifests();
    let listed: BTreeSet<&str> = ARROWS.iter().map(|(name, _)| *name).collect();
    let present: BTreeSet<&str> = manifests.keys().map(String::as_str).collect();
    assert_eq!(listed, present, "ARROWS must list exactly the workspace's packages");

    let mut offences = Vec::new();
    for (name, allowed) in ARROWS {
        for dependency in manifests[name].dependencies.iter().filter(|other| other.starts_with("simclr-")) {
            if !allowed.contains(&dependency.as_str()) {
                offences.push(format!("{name} names {dependency}"));
            }
        }
    }
    assert_none("packages may only know those below them (docs/ARCHITECTURE.md)", offences);
}

#[test]
fn libtorch_axum_hnsw_and_the_decoder_each_have_one_home() {
    let mut offences = Vec::new();
    for Manifest { name, dependencies, shipped, .. } in Checkout::here().manifests().values() {
        let homeless = HOMES
            .iter()
            .filter(|(guest, homes)| dependencies.contains(*guest) && !homes.contains(&name.as_str()));
        offences.extend(
            homeless.map(|(guest, homes)| format!("{name} names {guest}, which belongs to {homes:?}")),
        );
        let (decoder, homes) = DECODER;
        if shipped.contains(decoder) && !homes.contains(&name.as_str()) {
            offences.push(format!("{name} ships {decoder}, which belongs to {homes:?}"));
        }
    }
    assert_none("some crates belong in one place only", offences);
}

#[test]
fn building_without_names_leaves_libtorch_out() {
    let checkout = Checkout::here();
    let workspace: toml::Table = checkout.read(Path::new("Cargo.toml")).parse().expect("Cargo.toml is TOML");
    let members = workspace["workspace"]["default-members"].as_array().expect("default-members is a list");
    let members: BTreeSet<&str> = members.iter().filter_map(toml::Value::as_str).collect();
    for manifest in checkout.manifests().values() {
        let needs_libtorch = manifest.dependencies.contains("tch") || manifest.folder.starts_with("train");
        let folder = manifest.folder.to_str().expect("a plain path");
        assert_eq!(!needs_libtorch, members.contains(folder), "{folder} in default-members");
    }
}

#[test]
fn every_dependency_has_a_licence_that_deny_toml_allows() {
    let checkout = Checkout::here();
    let deny: toml::Table = checkout.read(Path::new("deny.toml")).parse().expect("deny.toml is TOML");
    let allowed = deny["licenses"]["allow"].as_array().expect("a list of licences");
    let allowed: BTreeSet<&str> = allowed.iter().filter_map(toml::Value::as_str).collect();

    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let arguments = ["metadata", "--format-version=1", "--offline", "--locked", "--all-features"];
    let output = Command::new(cargo)
        .args(arguments)
        .args(["--filter-platform", "x86_64-unknown-linux-gnu"])
        .current_dir(checkout.root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value =
        serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON");

    let packages = metadata["packages"].as_array().expect("a list of packages");
    assert!(
        packages.len() > 50,
        "only {} packages: cargo metadata no longer says what it did",
        packages.len()
    );
    let refused = packages.iter().filter(|package| !permits(&licence_of(package), &allowed));
    let offences =
        refused.map(|package| format!("{} {}: {}", package["name"], package["version"], package["license"]));
    assert_none("a licence that deny.toml does not list", offences.collect());
}

/// A package's licence: its expression, or what the text that it ships instead is.
fn licence_of(package: &serde_json::Value) -> String {
    let text = || {
        let folder = Path::new(package["manifest_path"].as_str()?).parent()?;
        std::fs::read_to_string(folder.join(package["license_file"].as_str()?)).ok()
    };
    match (package["license"].as_str(), text()) {
        (Some(expression), _) => expression.to_owned(),
        (None, Some(text))
            if text.trim_start().starts_with("Apache License\n") && text.contains("Version 2.0") =>
        {
            "Apache-2.0".to_owned()
        }
        _ => String::new(),
    }
}

/// Whether an SPDX expression can be met with the allowed licences: each part of `AND` needs one of its `OR`s.
fn permits(expression: &str, allowed: &BTreeSet<&str>) -> bool {
    let plain = expression.replace('/', " OR ").replace(['(', ')'], "");
    plain.split(" AND ").all(|part| part.split(" OR ").any(|licence| allowed.contains(licence.trim())))
}

#[test]
fn licence_expressions_are_read_as_written() {
    let allowed = BTreeSet::from(["MIT", "Zlib"]);
    for (expression, expected) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("GPL-3.0 OR MIT", true),
        ("Apache-2.0/MIT", true),
        ("MIT AND GPL-3.0", false),
        ("(MIT OR Apache-2.0) AND Zlib", true),
        ("", false),
    ] {
        assert_eq!(permits(expression, &allowed), expected, "{expression}");
    }
}
