//! The program itself: what it prints, writes, refuses and exits with.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::{TINY, draft, random_weights};
use image::{ImageFormat, RgbImage};
use serde_json::Value as Json;
use simclr_models::{Artefact, Encoder, Limits, OnnxEncoder, Picture, Weights, onnx};

fn program(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_simclr-models")).args(arguments).output().expect("the program starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

fn json(output: &Output) -> Json {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"))
}

struct World {
    folder: tempfile::TempDir,
    artefact: Artefact,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a place for files");
        let weights = random_weights(&TINY.describe().expect("it exists"), 1);
        let artefact = Artefact::create(&folder.path().join("tiny"), &TINY, &weights, draft("tiny", 16));
        Self { artefact: artefact.expect("an empty folder"), folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn name(&self, name: &str) -> String {
        self.path(name).to_str().expect("UTF-8").to_owned()
    }

    fn picture(&self, name: &str, format: ImageFormat, shade: u8) -> String {
        let picture = RgbImage::from_fn(23, 17, |x, y| image::Rgb([shade, (x * 9) as u8, (y * 13) as u8]));
        picture.save_with_format(self.path(name), format).expect("it can be written");
        self.name(name)
    }
}

/// Rows of a `.npy` file as numpy would see them.
fn read_npy(path: &Path, columns: usize) -> Vec<Vec<f32>> {
    let bytes = fs::read(path).expect("it was written");
    let header = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    assert!(text(&bytes[10..header]).contains(&format!(", {columns})")), "{}", text(&bytes[10..header]));
    let numbers: Vec<f32> =
        bytes[header..].chunks(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    numbers.chunks(columns).map(<[f32]>::to_vec).collect()
}

#[test]
fn embed_writes_a_row_a_picture_in_order() {
    let world = World::new();
    let pictures = [
        world.picture("a.png", ImageFormat::Png, 0),
        world.picture("b.jpg", ImageFormat::Jpeg, 99),
        world.picture("c.bmp", ImageFormat::Bmp, 200),
    ];
    let (folder, output) = (world.name("tiny"), world.name("out.npy"));
    let ran = program(&[
        "embed",
        &folder,
        &pictures[0],
        &pictures[1],
        &pictures[2],
        "-o",
        &output,
        "--batch",
        "2",
        "--json",
    ]);
    assert!(ran.status.success(), "{ran:?}");
    assert_eq!((&json(&ran)["rows"], &json(&ran)["columns"]), (&Json::from(3), &Json::from(128)));

    let rows = read_npy(Path::new(&output), 128);
    assert_eq!(rows.len(), 3);
    let mut encoder = OnnxEncoder::open(&world.artefact, 1).unwrap();
    for (path, row) in pictures.iter().zip(&rows) {
        let picture = Picture::decode(&fs::read(path).unwrap(), &Limits::default()).unwrap();
        let alone = encoder.embed(&world.artefact.recipe().prepare_batch(&[picture])).unwrap();
        let apart = alone[0].as_slice().iter().zip(row).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(apart < 1e-4, "{path}: {apart}");
    }
    assert_ne!(rows[0], rows[1]);

    assert!(program(&["embed", &folder, &pictures[1], "-o", &output, "--normalise"]).status.success());
    let row = &read_npy(Path::new(&output), 128)[0];
    let length = row.iter().map(|x| x * x).sum::<f32>();
    assert!((length - 1.0).abs() < 1e-5, "{length}");
}

#[test]
fn a_broken_picture_is_named_and_nothing_is_written() {
    let world = World::new();
    let good = world.picture("good.png", ImageFormat::Png, 0);
    fs::write(world.path("bad.jpg"), b"<html>not found</html>").unwrap();
    fs::write(world.path("out.npy"), b"older").unwrap();
    let ran =
        program(&["embed", &world.name("tiny"), &good, &world.name("bad.jpg"), "-o", &world.name("out.npy")]);
    assert_eq!(ran.status.code(), Some(1));
    let words = text(&ran.stderr);
    assert!(words.contains("bad.jpg") && words.contains("not a picture"), "{words}");
    assert_eq!(fs::read(world.path("out.npy")).unwrap(), b"older");
    let left: Vec<_> = fs::read_dir(world.folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left.len(), 4, "{left:?}");
}

#[test]
fn verify_passes_the_sound_and_fails_the_changed() {
    let world = World::new();
    let folder = world.name("tiny");
    let ran = program(&["verify", &folder]);
    assert!(ran.status.success(), "{ran:?}");
    assert_eq!(text(&ran.stdout).matches("  ok  ").count(), 3, "{}", text(&ran.stdout));

    let path = world.artefact.encoder_path();
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.len() / 2;
    bytes[last] ^= 0x40;
    fs::write(&path, bytes).unwrap();
    let ran = program(&["verify", &folder, "--json"]);
    assert_eq!(ran.status.code(), Some(1));
    assert_eq!(json(&ran)[0]["passed"], Json::from(false));
    assert!(json(&ran)[0]["checks"][0]["detail"].as_str().unwrap().contains("SHA-256"));
    assert_eq!(program(&["verify", &world.name("missing")]).status.code(), Some(1));
}

/// A file whose checksum is right but whose graph computes something else than its description.
#[test]
fn verify_notices_a_graph_that_computes_something_else() {
    let world = World::new();
    let path = world.artefact.encoder_path();
    let bytes = fs::read(&path).unwrap();
    // The first ReLU becomes an operator of the same name length that ONNX knows too.
    let at = bytes.windows(6).position(|w| w == b"\x22\x04Relu").unwrap();
    let mut other = bytes.clone();
    other[at + 2..at + 6].copy_from_slice(b"Tanh");
    fs::write(&path, &other).unwrap();
    let card = world.path("tiny/card.toml");
    let old = world.artefact.card();
    let ran = std::process::Command::new("sha256sum").arg(&path).output().unwrap();
    let new = text(&ran.stdout)[..64].to_owned();
    let words =
        fs::read_to_string(&card).unwrap().replace(&old.checksum, &new).replace(&old.space_key, &new[..16]);
    fs::write(&card, words).unwrap();

    let ran = program(&["verify", &world.name("tiny"), "--json"]);
    assert_eq!(ran.status.code(), Some(1));
    let checks = &json(&ran)[0]["checks"];
    assert_eq!(
        [&checks[0]["passed"], &checks[1]["passed"], &checks[2]["passed"]],
        [true, true, false],
        "{checks}"
    );
    let weights: Weights = onnx::read_weights(&other).unwrap().1;
    assert!(!weights.tensors().is_empty());
}

#[test]
fn describe_counts_what_the_paper_counts() {
    let ran = program(&["describe", "--depth", "50", "--width", "1", "--stem", "imagenet"]);
    let words = text(&ran.stdout);
    assert!(words.contains("23,508,032 learned numbers, embeddings of 2,048"), "{words}");
    assert!(words.lines().any(|l| l.contains("max-pool") && l.contains("64×56×56")), "{words}");
    // ResNet-50 v1.5 on 224×224, without the last layer: 4.09 G.
    let counts = json(&program(&["describe", "--depth", "50", "--json"]));
    let billions = counts["multiplications"].as_f64().unwrap() / 1e9;
    assert!((billions - 4.087).abs() < 0.005, "{billions}");

    let world = World::new();
    let words = text(&program(&["describe", &world.name("tiny")]).stdout);
    assert!(words.starts_with("tiny\n") && words.contains("128×2×2"), "{words}");
}

#[test]
fn list_names_every_artefact() {
    let world = World::new();
    let folder = world.folder.path().to_str().unwrap();
    let words = text(&program(&["list", folder]).stdout);
    assert!(words.contains("tiny\n") && words.contains("embeddings of 128"), "{words}");
    let entries = json(&program(&["list", folder, "--json"]));
    assert_eq!(entries[0]["card"]["name"], "tiny");
    assert_eq!(program(&["list", &world.name("missing")]).status.code(), Some(1));
}

#[test]
fn wrong_arguments_are_explained() {
    for (arguments, words) in [
        (&["describe", "--depth", "20"][..], "no ResNet-20"),
        (&["describe"], "--depth"),
        (&["describe", "--depth", "18", "--side", "0"], "1..=4096"),
        (&["describe", "nowhere"], "not a sound artefact"),
        (&["embed", "nowhere", "x.png"], "--output"),
        (&["embed", "nowhere", "x.png", "-o", "out.npy"], "not a sound artefact"),
    ] {
        let ran = program(arguments);
        assert!(!ran.status.success() && text(&ran.stderr).contains(words), "{arguments:?}: {ran:?}");
    }
    for command in [
        &["--help"][..],
        &["list", "--help"],
        &["describe", "--help"],
        &["verify", "--help"],
        &["embed", "--help"],
    ] {
        assert!(text(&program(command).stdout).contains("Examples:"), "{command:?}");
    }
}
