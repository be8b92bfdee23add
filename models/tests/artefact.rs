//! Artefacts on disk: made whole, checked when opened, read back bit for bit.

mod common;

use std::fs;
use std::path::Path;

use common::{TINY, draft, random_batch, random_weights};
use simclr_models::{
    Artefact, ArtefactError, CardScore, EncodeError, Encoder, Head, HeadLayers, OnnxEncoder, Provider,
    ResNet, Stem, Weights, onnx, reference,
};

fn make(folder: &Path) -> (Artefact, Weights) {
    let weights = random_weights(&TINY.describe().expect("it exists"), 1);
    (Artefact::create(folder, &TINY, &weights, draft("tiny", 16)).expect("an empty folder"), weights)
}

fn edit_card(folder: &Path, from: &str, to: &str) {
    let path = folder.join("card.toml");
    let text = fs::read_to_string(&path).expect("it was made");
    assert!(text.contains(from), "no `{from}` in:\n{text}");
    fs::write(path, text.replacen(from, to, 1)).expect("it can be written");
}

fn refusal(folder: &Path) -> String {
    Artefact::open(folder).expect_err("the folder was spoilt").to_string()
}

#[test]
fn opened_again_it_is_the_same() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("deep/tiny");
    let (made, weights) = make(&folder);
    let opened = Artefact::open(&folder).unwrap();
    assert_eq!(opened.card(), made.card());
    assert_eq!((opened.name(), opened.embedding_len(), opened.recipe().side), ("tiny", 128, 16));
    assert_eq!(opened.card().checksum.len(), 64);
    assert!(opened.card().checksum.starts_with(opened.space_key()) && opened.space_key().len() == 16);

    let (metadata, read) = onnx::read_weights(&fs::read(opened.encoder_path()).unwrap()).unwrap();
    assert_eq!(read, weights);
    assert_eq!((metadata.network, &metadata.recipe), (TINY, opened.recipe()));
    assert_eq!(fs::read_dir(place.path().join("deep")).unwrap().count(), 1, "nothing temporary is left");
}

#[test]
fn embeddings_may_be_layers_of_the_projection_head() {
    let place = tempfile::tempdir().unwrap();
    let head = Head { layers: 3, hidden: Some(24), output: 8, batch_norm: true, last_shift: false };
    for (layers, length) in [(1, 24), (2, 24), (3, 8)] {
        let head = HeadLayers { layers, head };
        let weights = random_weights(&TINY.describe_to(Some(&head)).unwrap(), 5);
        let folder = place.path().join(layers.to_string());
        Artefact::create_to(&folder, &TINY, Some(head), &weights, draft("tiny", 16)).unwrap();
        let opened = Artefact::open(&folder).unwrap();
        assert_eq!((opened.card().output, opened.embedding_len()), (Some(head), length));
        let (metadata, read) = onnx::read_weights(&fs::read(opened.encoder_path()).unwrap()).unwrap();
        assert_eq!((metadata.output, &read), (Some(head), &weights));
        let batch = random_batch(2, 16, 3);
        let slow = reference::forward(&metadata.describe().unwrap(), &weights, &batch);
        let fast = OnnxEncoder::open(&opened, 1).unwrap().embed(&batch).unwrap();
        for (slow, fast) in slow.iter().zip(&fast) {
            let apart = slow.iter().zip(fast.as_slice()).map(|(s, f)| (s - f).abs()).fold(0.0, f32::max);
            assert!(apart < 1e-4 && slow.len() == length, "{apart}");
        }
        assert!(Artefact::create_to(&folder.join("x"), &TINY, None, &weights, draft("x", 16)).is_err());
    }
    let (plain, _) = make(&place.path().join("plain"));
    assert!(!fs::read_to_string(plain.folder().join("card.toml")).unwrap().contains("[output"));
    edit_card(&place.path().join("1"), "layers = 1", "layers = 2");
    assert!(refusal(&place.path().join("1")).contains("output"));
}

#[test]
fn the_same_encoder_has_the_same_key_and_another_recipe_another() {
    let place = tempfile::tempdir().unwrap();
    let (one, weights) = make(&place.path().join("one"));
    let (two, _) = make(&place.path().join("two"));
    assert_eq!(one.space_key(), two.space_key());
    let mut other = draft("three", 16);
    other.recipe.mean[0] += 0.001;
    let three = Artefact::create(&place.path().join("three"), &TINY, &weights, other).unwrap();
    assert_ne!(one.space_key(), three.space_key());
}

#[test]
fn what_was_changed_is_noticed() {
    let place = tempfile::tempdir().unwrap();
    let spoilt = |name: &str, spoil: &dyn Fn(&Path)| {
        let folder = place.path().join(name);
        make(&folder);
        spoil(&folder);
        refusal(&folder)
    };
    let flip = |folder: &Path| {
        let path = folder.join("encoder.onnx");
        let mut bytes = fs::read(&path).expect("it was made");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(path, bytes).expect("it can be written");
    };
    assert!(spoilt("flipped", &flip).contains("SHA-256"));
    assert!(
        spoilt("mean", &|f| edit_card(f, "resize = 16", "resize = 17"))
            .contains("recipe is not the encoder's")
    );
    assert!(spoilt("depth", &|f| edit_card(f, "depth = 10", "depth = 18")).contains("network"));
    assert!(
        spoilt("cut", &|f| edit_card(
            f,
            "embedding_len = 128",
            "embedding_len = 128\nshortened_to = [64, 128]"
        ))
        .contains("128 is no length below that of the embeddings")
    );
    assert!(
        spoilt("len", &|f| edit_card(f, "embedding_len = 128", "embedding_len = 64"))
            .contains("embedding_len")
    );
    assert!(spoilt("key", &|f| edit_card(f, "space_key = \"", "space_key = \"f")).contains("space_key"));
    assert!(spoilt("typo", &|f| edit_card(f, "licence", "license")).contains("unknown field `license`"));
    assert!(spoilt("gone", &|f| fs::remove_file(f.join("encoder.onnx")).unwrap()).contains("encoder.onnx"));
}

#[test]
fn a_file_that_changed_since_it_was_opened_does_not_run() {
    let place = tempfile::tempdir().unwrap();
    let (opened, _) = make(&place.path().join("one"));
    OnnxEncoder::open(&opened, 1).unwrap();
    let other = Weights::initial(&TINY.describe().unwrap(), 99);
    let other = Artefact::create(&place.path().join("other"), &TINY, &other, draft("other", 16)).unwrap();
    fs::copy(other.encoder_path(), opened.encoder_path()).unwrap();
    let error = OnnxEncoder::open(&opened, 1).err().unwrap().to_string();
    assert!(error.contains("SHA-256") && error.contains("encoder.onnx"), "{error}");
}

#[test]
fn making_refuses_what_cannot_be() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("a");
    let (_, weights) = make(&folder);
    let create = |folder: &Path, network: &ResNet, name: &str| {
        Artefact::create(folder, network, &weights, draft(name, 16))
    };
    assert!(matches!(create(&folder, &TINY, "tiny"), Err(ArtefactError::Exists(_))));
    for name in ["", "../up", "a/b", ".hidden", "a b", "é"] {
        assert!(
            matches!(create(&place.path().join("b"), &TINY, name), Err(ArtefactError::Name(_))),
            "{name}"
        );
    }
    let other = ResNet::plain(18, 0.25, Stem::SmallPicture);
    let error = create(&place.path().join("b"), &other, "b").unwrap_err().to_string();
    assert!(error.contains("is missing"), "{error}");
    assert!(!place.path().join("b").exists());
}

#[test]
fn newer_scores_replace_older_ones() {
    let place = tempfile::tempdir().unwrap();
    let (mut artefact, _) = make(&place.path().join("a"));
    let score = |method: &str, value| CardScore {
        data: "set".into(),
        split: "test".into(),
        metric: "top-1".into(),
        method: method.into(),
        value,
        command: "measure".into(),
    };
    artefact.add_scores(vec![score("knn", 0.5), score("linear", 0.6)]).unwrap();
    artefact.add_scores(vec![score("knn", 0.7)]).unwrap();
    let opened = Artefact::open(artefact.folder()).unwrap();
    assert_eq!(opened.card().scores, [score("linear", 0.6), score("knn", 0.7)]);
}

#[test]
fn listed_by_name_and_other_folders_passed_over() {
    let place = tempfile::tempdir().unwrap();
    let weights = random_weights(&TINY.describe().unwrap(), 1);
    for name in ["b", "a"] {
        Artefact::create(&place.path().join(name), &TINY, &weights, draft(name, 16)).unwrap();
    }
    fs::create_dir(place.path().join("notes")).unwrap();
    let names: Vec<_> = Artefact::list(place.path()).unwrap().iter().map(|a| a.name().to_owned()).collect();
    assert_eq!(names, ["a", "b"]);
    assert!(matches!(Artefact::list(&place.path().join("missing")), Err(ArtefactError::Io { .. })));
}

#[test]
fn files_of_others_are_refused() {
    let weights = random_weights(&TINY.describe().unwrap(), 1);
    let bytes = onnx::write(&TINY, None, &weights, &draft("a", 16).recipe).unwrap();
    assert!(onnx::read_weights(&bytes).is_ok());
    assert!(onnx::read_weights(&bytes[..bytes.len() - 400]).is_err(), "cut off");
    assert!(onnx::read_metadata(b"").unwrap_err().to_string().contains("`simclr.network` is missing"));
    assert!(onnx::read_metadata(b"<html>").is_err());
}

#[test]
fn the_encoder_says_what_it_cannot_take() {
    let place = tempfile::tempdir().unwrap();
    let (artefact, _) = make(&place.path().join("a"));
    let mut encoder = OnnxEncoder::open(&artefact, 1).unwrap();
    assert_eq!(encoder.embedding_len(), 128);
    assert!(matches!(
        encoder.embed(&random_batch(1, 8, 1)),
        Err(EncodeError::Side { found: 8, expected: 16 })
    ));
    assert!(encoder.embed(&random_batch(0, 16, 1)).unwrap().is_empty());
    let three = encoder.embed(&random_batch(3, 16, 1)).unwrap();
    let one = encoder.embed(&random_batch(1, 16, 1)).unwrap();
    assert_eq!(three.len(), 3);
    let apart =
        three[0].as_slice().iter().zip(one[0].as_slice()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(apart < 1e-5, "a picture's embedding depends on its neighbours in the batch: {apart}");
}

#[test]
fn a_provider_that_is_not_there_is_an_error_and_never_the_cpu() {
    let place = tempfile::tempdir().unwrap();
    let (artefact, _) = make(&place.path().join("a"));
    assert!(OnnxEncoder::open_on(&artefact, 1, Provider::Cpu).is_ok());
    for provider in Provider::ALL.into_iter().filter(|provider| *provider != Provider::Cpu) {
        // Without the feature the program lacks it, with it the library that tests load does.
        let error =
            OnnxEncoder::open_on(&artefact, 1, provider).err().expect("tests load a library for the CPU");
        let told =
            matches!(&error, EncodeError::Library(words) if words.to_lowercase().contains(provider.name()));
        assert!(told, "{provider:?}: {error}");
    }
}
