//! The checkout as data: every file that belongs to the project, and every package's manifest.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Folders that hold what tools made, not what people wrote.
const NOT_OURS: [&str; 6] = [".git", "target", "third_party", "data", "runs", "__pycache__"];

/// The folder that holds the workspace's Cargo.toml.
pub struct Checkout {
    root: PathBuf,
}

/// One package of the workspace, as its Cargo.toml says.
#[derive(Debug)]
pub struct Manifest {
    /// The package's name.
    pub name: String,
    /// Its folder, relative to the root.
    pub folder: PathBuf,
    /// Every package it names, in any dependency table.
    pub dependencies: BTreeSet<String>,
    /// Those of them that are part of what it ships: not the ones that only its tests name.
    pub shipped: BTreeSet<String>,
}

impl Checkout {
    /// The checkout that this test was built from.
    pub fn here() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies inside the workspace");
        Self { root: root.to_owned() }
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A file's text; fails the test when it cannot be read as text.
    pub fn read(&self, path: &Path) -> String {
        std::fs::read_to_string(self.root.join(path))
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Every file of the project, relative to the root, sorted.
    pub fn files(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![self.root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).expect("a readable checkout").flatten() {
                let path = entry.path();
                let made_by_tools = NOT_OURS.iter().any(|name| entry.file_name() == *name);
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() && !made_by_tools => folders.push(path),
                    Ok(kind) if kind.is_file() => found.push(self.relative(&path)),
                    _ => {}
                }
            }
        }
        found.sort();
        found
    }

    /// Every Rust file of the project.
    pub fn rust_files(&self) -> Vec<PathBuf> {
        let is_rust = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "rs");
        self.files().into_iter().filter(is_rust).collect()
    }

    /// Every package of the workspace, by name.
    pub fn manifests(&self) -> BTreeMap<String, Manifest> {
        let workspace = parse(&self.read(Path::new("Cargo.toml")));
        let members = workspace["workspace"]["members"].as_array().expect("members is a list");
        let folders =
            members.iter().map(|member| PathBuf::from(member.as_str().expect("a member is a path")));
        folders
            .map(|folder| self.manifest(folder))
            .map(|manifest| (manifest.name.clone(), manifest))
            .collect()
    }

    fn manifest(&self, folder: PathBuf) -> Manifest {
        let table = parse(&self.read(&folder.join("Cargo.toml")));
        let name = table["package"]["name"].as_str().expect("a package has a name").to_owned();
        let named = |kinds: &[&str]| {
            let tables = kinds.iter().filter_map(|kind| table.get(*kind)?.as_table());
            tables.flat_map(|table| table.keys().cloned()).collect()
        };
        let shipped = named(&["dependencies", "build-dependencies"]);
        let dependencies = named(&["dependencies", "build-dependencies", "dev-dependencies"]);
        Manifest { name, folder, dependencies, shipped }
    }

    fn relative(&self, path: &Path) -> PathBuf {
        path.strip_prefix(&self.root).expect("found below the root").to_owned()
    }
}

fn parse(text: &str) -> toml::Table {
    text.parse().expect("a manifest is TOML")
}
