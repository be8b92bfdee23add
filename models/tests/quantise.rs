//! 8-bit encoders: ONNX Runtime against the slow twin, and both against the float encoder.

mod common;

use common::{TINY, draft, random_batch, random_weights};
use simclr_models::quantise::{Agreement, QuantiseError, Quantised};
use simclr_models::{
    Artefact, Embedding, Encoder, Head, HeadLayers, ImageBatch, OnnxEncoder, ResNet, Stem, onnx, reference,
};

struct Both {
    float: Artefact,
    int8: Artefact,
    network: Quantised,
    _folder: tempfile::TempDir,
}

fn both(network: ResNet, side: usize) -> Both {
    let description = network.describe().expect("it exists");
    let weights = random_weights(&description, 5);
    let folder = tempfile::tempdir().expect("a place for files");
    let at = |name: &str| folder.path().join(name);
    let float =
        Artefact::create(&at("float"), &network, &weights, draft("float", side as u32)).expect("it is sound");
    let mut batches = (0..4).map(|seed| random_batch(8, side, 100 + seed));
    let (network, from) = Quantised::of(&float, &mut batches).expect("it is sound");
    assert_eq!((from.name.as_str(), from.pictures), ("float", 32));
    let made = (&network, from);
    let int8 = Artefact::create_quantised(&at("int8"), &float, made, draft("int8", side as u32))
        .expect("it is sound");
    Both { float, int8, network, _folder: folder }
}

fn embed(artefact: &Artefact, batch: &ImageBatch) -> Vec<Embedding> {
    OnnxEncoder::open(artefact, 1).and_then(|mut encoder| encoder.embed(batch)).expect("it is sound")
}

#[test]
fn the_runtime_computes_what_the_slow_twin_does() {
    for (network, side) in [
        (TINY, 16),
        (ResNet::plain(50, 0.25, Stem::SmallPicture), 9),
        (ResNet::plain(18, 0.25, Stem::Imagenet), 40),
    ] {
        let both = both(network, side);
        let batch = random_batch(8, side, 7);
        let fast = embed(&both.int8, &batch);
        let slow = reference::forward_quantised(&both.network, &batch);
        let slow: Vec<Embedding> = slow.into_iter().map(|row| Embedding::new(row).unwrap()).collect();
        let twins = Agreement::of(&slow, &fast);
        let float = Agreement::of(&embed(&both.float, &batch), &fast);
        println!("{network:?}: runtime to twin {twins:?}, to float {float:?}");
        // A sum between two numbers may be rounded either way, and the next fifty layers see the other one.
        assert!(twins.cosine_min > 0.999_5, "{network:?}: {twins:?}");
        assert!(1.0 - twins.cosine < (1.0 - float.cosine) / 3.0, "{network:?}: {twins:?}, {float:?}");
        assert!(float.cosine_min > 0.99, "{network:?}: {float:?}");
        // Quantising changed something, or the float encoder was compared with itself.
        assert!(float.cosine < 0.999_999, "{network:?}: {float:?}");
    }
}

#[test]
fn an_8_bit_artefact_is_read_back_as_it_was_written() {
    let both = both(TINY, 16);
    let bytes = std::fs::read(both.int8.encoder_path()).unwrap();
    let (metadata, network) = onnx::read_quantised(&bytes).unwrap();
    assert_eq!(network, both.network);
    let opened = Artefact::open(both.int8.folder()).unwrap();
    assert_eq!(opened.card().quantised, metadata.quantised);
    assert_eq!(metadata.quantised.unwrap().space_key, both.float.space_key());
    assert_ne!(opened.space_key(), both.float.space_key());
    let float_len = std::fs::metadata(both.float.encoder_path()).unwrap().len() as usize;
    assert!(bytes.len() * 3 < float_len, "{} of {float_len} bytes", bytes.len());
}

#[test]
fn the_same_pictures_give_the_same_bytes() {
    let both = both(TINY, 16);
    let mut batches = (0..4).map(|seed| random_batch(8, 16, 100 + seed));
    assert_eq!(Quantised::of(&both.float, &mut batches).unwrap().0, both.network);
}

#[test]
fn what_cannot_be_quantised_is_refused() {
    let both = both(TINY, 16);
    let mut one = std::iter::once(random_batch(2, 16, 1));
    let text = Quantised::of(&both.int8, &mut one).unwrap_err().to_string();
    assert!(text.contains("8-bit, made from `float`"), "{text}");
    let nothing = Quantised::of(&both.float, &mut std::iter::empty());
    assert!(matches!(nothing, Err(QuantiseError::NoPictures)));
    let other_side = Quantised::of(&both.float, &mut std::iter::once(random_batch(1, 8, 1)));
    assert!(other_side.unwrap_err().to_string().contains('8'));
    let head = Head { layers: 1, hidden: None, output: 8, batch_norm: false, last_shift: true };
    let head = HeadLayers { layers: 1, head };
    let description = TINY.describe_to(Some(&head)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let weights = random_weights(&description, 1);
    let with_head =
        Artefact::create_to(&folder.path().join("z"), &TINY, Some(head), &weights, draft("z", 16)).unwrap();
    let refused = Quantised::of(&with_head, &mut std::iter::once(random_batch(1, 16, 1)));
    assert!(matches!(refused, Err(QuantiseError::Output)));
}
