//! Imported weights: PyTorch's own files give PyTorch's own embeddings, known namings are understood, and everything else
//! is refused in words. Golden files and the script that made them are in `golden`.

#[path = "common/checkpoint.rs"]
mod checkpoint;
mod common;

use std::fs;
use std::path::{Path, PathBuf};

use checkpoint::{CHOICES, World, taken};
use common::{TINY, draft};
use serde::Deserialize;
use simclr_models::import::{Checkpoint, Choices, ImportError, Naming, import};
use simclr_models::{Artefact, Encoder, ImageBatch, NamedTensor, OnnxEncoder, ResNet, Stem};

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    file: String,
    side: usize,
    embeddings: Vec<Vec<f32>>,
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// The batch that golden/import.py builds too.
fn pictures(side: usize) -> ImageBatch {
    let number = |at: usize| (at * 7919 % 257) as f32 / 257.0 * 2.0 - 1.0;
    let len = 3 * side * side;
    ImageBatch::from_prepared(side, [(0..len).map(number).collect(), (len..2 * len).map(number).collect()])
}

#[test]
fn pytorchs_files_give_pytorchs_embeddings() {
    let text = fs::read_to_string(golden("import.json")).unwrap();
    let cases = serde_json::from_str::<Golden>(&text).unwrap().cases;
    assert_eq!(cases.len(), 3);
    for Case { file, side, embeddings } in cases {
        let imported = taken(&golden(&file)).unwrap_or_else(|e| panic!("{file}: {e}"));
        let place = tempfile::tempdir().unwrap();
        let draft = draft("golden", side as u32);
        let artefact =
            Artefact::create(&place.path().join("a"), &imported.network, &imported.weights, draft).unwrap();
        let found = OnnxEncoder::open(&artefact, 1).unwrap().embed(&pictures(side)).unwrap();
        assert_eq!((found.len(), found[0].as_slice().len()), (2, 128));
        for (found, expected) in found.iter().zip(&embeddings) {
            let apart = found.as_slice().iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(apart < 1e-5, "{file}: {apart}");
        }
    }
}

#[test]
fn what_was_read_taken_and_dropped_is_told() {
    let opened = Checkpoint::open(&golden("import-nested.pt")).unwrap();
    assert_eq!((opened.format(), opened.checksum().len()), ("PyTorch", 64));
    assert_eq!(opened.bytes(), fs::metadata(opened.path()).unwrap().len());
    let imported = import(&opened, &CHOICES).unwrap();
    assert_eq!(imported.network, TINY);
    assert_eq!(
        (imported.prefix.as_str(), imported.naming),
        ("state_dict.module.encoder.", Naming::Torchvision)
    );
    let dropped: Vec<_> = imported.dropped.iter().map(|(group, count)| (group.as_str(), *count)).collect();
    let expected = [("num_batches_tracked", 12), ("optimizer", 1), ("state_dict.module.projector", 2)];
    assert_eq!(dropped, expected);
    assert_eq!(imported.weights.tensors().len() + 15, opened.tensor_count());

    let plain = taken(&golden("import-plain.pth")).unwrap();
    assert_eq!(plain.network, ResNet { stem: Stem::Torchvision, ..TINY });
    assert_eq!(plain.dropped.get("fc"), Some(&2));
    let google = Choices { large_stem: Some(Stem::Imagenet), ..CHOICES };
    let padded = import(&Checkpoint::open(&golden("import-plain.pth")).unwrap(), &google).unwrap();
    assert_eq!((padded.network.stem, &padded.weights), (Stem::Imagenet, &plain.weights));
    let legacy = Checkpoint::open(&golden("import-legacy.pth")).unwrap();
    assert_eq!(legacy.format(), "PyTorch before 1.6");
    assert_eq!(import(&legacy, &CHOICES).unwrap().naming, Naming::Sequential);
}

fn refusal(path: &Path) -> String {
    taken(path).expect_err("it should be refused").to_string()
}

#[test]
fn everything_that_differs_is_listed_at_once() {
    let world = World::new(TINY);
    let path = world.file(|tensors| {
        tensors.retain(|t| t.name != "layer2.0.bn1.running_mean" && t.name != "bn1.bias");
        let wide = tensors.iter_mut().find(|t| t.name == "layer4.0.bn2.weight").unwrap();
        (wide.shape, wide.data) = (vec![3], vec![1.0; 3]);
        tensors.push(NamedTensor { name: "layer1.0.gate".into(), shape: vec![2], data: vec![0.0; 2] });
    });
    let words = refusal(&path);
    let lines: Vec<&str> = words.lines().map(str::trim).collect();
    assert!(lines[0].contains("ResNet-10 × 0.25, small-picture stem"), "{words}");
    let expected = [
        "missing  bn1.bias [16]",
        "missing  layer2.0.bn1.running_mean [32]",
        "shape    layer4.0.bn2.weight is [3] where [128] is needed",
        "extra    layer1.0.gate [2]",
    ];
    assert_eq!(lines[1..], expected, "{words}");

    let path = world.file(|tensors| tensors[0].data[0] = f32::NAN);
    assert!(refusal(&path).contains("`conv1.weight` holds NaN"));
}

#[test]
fn networks_of_other_kinds_are_refused_in_a_sentence() {
    let world = World::new(TINY);
    let refused = |change: &dyn Fn(&mut NamedTensor)| {
        refusal(&world.file(|tensors| tensors.iter_mut().for_each(change)))
    };
    let rename =
        |from: &'static str, to: &'static str| move |t: &mut NamedTensor| t.name = t.name.replace(from, to);
    for (from, to, words) in [
        ("conv1.weight", "conv1.0.weight", "several convolutions"),
        ("layer2.0.downsample.0.weight", "layer2.0.downsample.1.weight", "average-pool"),
        ("layer2.0.bn1.bias", "layer2.0.se.fc1.bias", "squeeze"),
        ("layer2.0.bn1.bias", "layer2.0.main_conv.0.bias", "selective kernels"),
    ] {
        let said = refused(&|t| {
            // The landmark and the name's second owner stay as they are.
            if t.name != "layer1.0.conv1.weight" && t.name.starts_with(from) && t.name.len() == from.len() {
                rename(from, to)(t);
            } else if t.name == to {
                t.name.push('x');
            }
        });
        assert!(said.contains(words), "{from}: {said}");
    }
    let grouped = refused(&|t| {
        if t.name == "layer3.0.conv2.weight" {
            (t.shape, t.data) = (vec![64, 2, 3, 3], vec![0.0; 64 * 2 * 9]);
        }
    });
    assert!(grouped.contains("groups"), "{grouped}");
    let grey = refused(&|t| {
        if t.name == "conv1.weight" {
            (t.shape, t.data) = (vec![16, 1, 3, 3], vec![0.0; 16 * 9]);
        }
    });
    assert!(grey.contains("RGB"), "{grey}");
}

#[test]
fn depth_and_width_can_be_given_and_are_then_checked() {
    let path = golden("import-nested.pt");
    let with = |choices: Choices| import(&Checkpoint::open(&path).unwrap(), &choices);
    assert!(with(Choices { depth: Some(10), width: Some(0.25), ..CHOICES }).is_ok());
    let deeper = with(Choices { depth: Some(18), ..CHOICES }).unwrap_err().to_string();
    assert!(deeper.contains("missing  layer1.1.conv1.weight"), "{deeper}");
    let wider = with(Choices { width: Some(0.5), ..CHOICES }).unwrap_err().to_string();
    assert!(wider.contains("shape    state_dict.module.encoder.conv1.weight is [16, 3, 3, 3]"), "{wider}");
    assert!(matches!(with(Choices { depth: Some(20), ..CHOICES }), Err(ImportError::Network(_))));
    let larger = with(Choices { stem: Some(Stem::Imagenet), ..CHOICES }).unwrap_err().to_string();
    assert!(larger.contains("where [16, 3, 7, 7] is needed"), "{larger}");
    assert!(
        with(Choices { prefix: Some("encoder".into()), ..CHOICES })
            .unwrap_err()
            .to_string()
            .contains("`encoder`")
    );
}
