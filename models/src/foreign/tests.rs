//! Our own network, rewired as a foreign file, must embed as our own artefact does.

use std::fs;
use std::path::Path;

use super::{Foreign, ForeignEncoder, ForeignError};
use crate::onnx::rewired;
use crate::{
    Artefact, CardDraft, Encoder, Filter, ImageBatch, OnnxEncoder, Picture, Recipe, ResNet, Stem, Training,
    Weights,
};

const SIDE: u32 = 16;
/// Of the artefact and, in levels of 0 to 255, of the description.
const MEAN: [f32; 3] = [0.2, 0.4, 0.6];
const DEVIATION: [f32; 3] = [0.25, 0.5, 0.2];
const TOML: &str = r#"
name = "theirs"
file = "net.onnx"
input = "pixels:0"
layout = "nhwc"
channels = "bgr"
side = 16
resize = 18
filter = "bilinear"
scale = 255
mean = [51.0, 102.0, 153.0]
deviation = [63.75, 127.5, 51.0]
output = "embedding"
pooling = "none"
"#;

fn artefact(folder: &Path) -> Artefact {
    let network = ResNet::plain(10, 0.25, Stem::SmallPicture);
    let weights = Weights::initial(&network.describe().unwrap(), 7);
    let recipe =
        Recipe { side: SIDE, resize: 18, filter: Filter::Bilinear, mean: MEAN, deviation: DEVIATION };
    let training = Training {
        method: "random".into(),
        data: "none".into(),
        epochs: 0,
        loss: None,
        recipe: String::new(),
        program: "test".into(),
        earlier: vec![],
    };
    let draft = CardDraft { name: "ours".into(), recipe, licence: "CC0-1.0".into(), training };
    Artefact::create(&folder.join("ours"), &network, &weights, draft).unwrap()
}

fn pictures(count: usize) -> Vec<Picture> {
    let pixel = |i: usize, seed: usize| (i * 31 + seed * 97 + (i / 60) * (13 + seed)) % 256;
    let rgb = |seed| (0..20 * 24 * 3).map(|i| u8::try_from(pixel(i, seed)).unwrap()).collect();
    (0..count).map(|seed| Picture::new(20, 24, rgb(seed)).unwrap()).collect()
}

fn embed(encoder: &mut dyn Encoder, recipe: &Recipe, count: usize) -> Vec<Vec<f32>> {
    let batch: ImageBatch = recipe.prepare_batch(&pictures(count));
    encoder.embed(&batch).unwrap().into_iter().map(crate::Embedding::into_vec).collect()
}

fn open(folder: &Path, onnx: &[u8], toml: &str) -> Result<(Foreign, ForeignEncoder), ForeignError> {
    fs::write(folder.join("net.onnx"), onnx).unwrap();
    fs::write(folder.join("net.toml"), toml).unwrap();
    let foreign = Foreign::open(&folder.join("net.toml"))?;
    let encoder = ForeignEncoder::open(&foreign, 1)?;
    Ok((foreign, encoder))
}

fn assert_close(found: &[Vec<f32>], expected: &[Vec<f32>]) {
    assert_eq!(found.len(), expected.len());
    for (a, b) in found.iter().flatten().zip(expected.iter().flatten()) {
        assert!((a - b).abs() < 2e-4 * (1.0 + b.abs()), "{a} is not {b}");
    }
}

#[test]
fn a_rewired_file_embeds_as_the_artefact_does() {
    let folder = tempfile::tempdir().unwrap();
    let ours = artefact(folder.path());
    let expected = embed(&mut OnnxEncoder::open(&ours, 1).unwrap(), ours.recipe(), 5);
    let bytes = fs::read(ours.encoder_path()).unwrap();
    // A file of a fixed batch is given five pictures in three goes.
    for batch in [None, Some(2)] {
        let theirs = rewired::nhwc_bgr(&bytes, SIDE.into(), batch);
        let (foreign, mut encoder) = open(folder.path(), &theirs, TOML).unwrap();
        assert_eq!((foreign.name(), encoder.embedding_len()), ("theirs", ours.embedding_len()));
        assert_close(&embed(&mut encoder, foreign.recipe(), 5), &expected);
    }
    let wrong = TOML.replace("\"bgr\"", "\"rgb\"");
    let (foreign, mut encoder) = open(folder.path(), &rewired::nhwc_bgr(&bytes, 16, None), &wrong).unwrap();
    assert_ne!(embed(&mut encoder, foreign.recipe(), 1)[0], expected[0], "channels make no difference");
}

#[test]
fn a_map_is_pooled_and_a_vector_normalised() {
    let folder = tempfile::tempdir().unwrap();
    let ours = artefact(folder.path());
    let mut expected = embed(&mut OnnxEncoder::open(&ours, 1).unwrap(), ours.recipe(), 3);
    let theirs = rewired::with_map(&fs::read(ours.encoder_path()).unwrap(), "map");
    let plain = TOML.replace("pixels:0", "images").replace("nhwc", "nchw").replace("bgr", "rgb");
    let map = plain.replace("embedding", "map").replace("\"none\"", "\"mean-nchw\"");
    let (foreign, mut encoder) = open(folder.path(), &theirs, &map).unwrap();
    assert_close(&embed(&mut encoder, foreign.recipe(), 3), &expected);
    let (other, mut encoder) = open(folder.path(), &theirs, &format!("{map}normalise = true\n")).unwrap();
    for row in &mut expected {
        let norm = row.iter().map(|x| x * x).sum::<f32>().sqrt();
        row.iter_mut().for_each(|x| *x /= norm);
    }
    assert_close(&embed(&mut encoder, other.recipe(), 3), &expected);
    assert_ne!(foreign.space_key(), other.space_key());
    let message = open(folder.path(), &theirs, &map.replace("mean-nchw", "none")).err().unwrap().to_string();
    assert!(message.contains("`pooling`") && message.contains("mean-nhwc"), "{message}");
    let unnamed = map.replace("output = \"map\"\n", "");
    let message = open(folder.path(), &theirs, &unnamed).err().unwrap().to_string();
    assert!(message.contains("`output`") && message.contains("`map`"), "{message}");
}

#[test]
fn mistakes_name_the_key_and_what_the_file_has() {
    let folder = tempfile::tempdir().unwrap();
    let ours = artefact(folder.path());
    let theirs = rewired::nhwc_bgr(&fs::read(ours.encoder_path()).unwrap(), SIDE.into(), None);
    let refuse = |from: &str, to: &str| {
        assert!(TOML.contains(from));
        open(folder.path(), &theirs, &TOML.replace(from, to)).err().unwrap().to_string()
    };
    for (from, to, said) in [
        ("pixels:0", "pixels", ["`input`", "`pixels:0` f32 ?×16×16×3"]),
        ("\"embedding\"", "\"logits\"", ["`output`", "`embedding` f32"]),
        ("\"nhwc\"", "\"nchw\"", ["`layout`", "16×16×3"]),
        ("side = 16", "side = 17", ["`side`", "16×16×3"]),
        ("side = 16", "side = 19", ["`side`", "resize 18"]),
        ("\"none\"", "\"mean-nhwc\"", ["`pooling`", "\"none\""]),
        ("scale = 255", "scale = 0", ["`scale`", "255"]),
        ("deviation = [63.75", "deviation = [0", ["`deviation`", "positive"]),
        ("net.onnx", "other.onnx", ["`file`", "other.onnx"]),
        ("theirs", "../theirs", ["`name`", "letters"]),
        ("filter", "sharpen = 1\nfilter", ["sharpen", "net.toml"]),
        ("side = 16\n", "", ["side", "net.toml"]),
        ("\"bgr\"", "\"grb\"", ["grb", "bgr"]),
        ("file =", "sha256 = \"00\"\nfile =", ["`sha256`", "net.onnx"]),
    ] {
        let message = refuse(from, to);
        assert!(said.iter().all(|part| message.contains(part)), "{to}: {message}");
    }
    let message = open(folder.path(), b"no network", TOML).err().unwrap().to_string();
    assert!(message.contains("net.onnx"), "{message}");
}
