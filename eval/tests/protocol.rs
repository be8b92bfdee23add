//! Extraction and the whole protocol with an encoder of ten lines, no runtime needed.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod common;

use std::fs;
use std::path::Path;

use simclr_datasets::{Dataset, Split, open};
use simclr_eval::{EvalError, Options, Parts, Source, evaluate, extract};
use simclr_models::{Embedding, EncodeError, Encoder, Filter, ImageBatch, Limits, Recipe};

/// The mean of each channel; fails at the picture it is told to.
struct MeanColour {
    seen: usize,
    fails_at: usize,
}

impl Encoder for MeanColour {
    fn embedding_len(&self) -> usize {
        3
    }

    fn embed(&mut self, images: &ImageBatch) -> Result<Vec<Embedding>, EncodeError> {
        self.seen += images.len();
        if self.seen > self.fails_at {
            return Err(EncodeError::Runtime("told to fail".to_owned()));
        }
        let plane = images.side() * images.side();
        let means = |picture: &[f32]| {
            picture.chunks_exact(plane).map(|c| c.iter().sum::<f32>() / plane as f32).collect()
        };
        Ok(images.as_slice().chunks_exact(3 * plane).map(|p| Embedding::new(means(p)).unwrap()).collect())
    }
}

fn source(fails_at: usize) -> Source {
    Source {
        name: "mean-colour".to_owned(),
        space_key: "mean-colour".to_owned(),
        recipe: Recipe { side: 4, resize: 4, filter: Filter::Bilinear, mean: [0.0; 3], deviation: [1.0; 3] },
        encoder: Box::new(MeanColour { seen: 0, fails_at }),
        is_centred: false,
        artefact: None,
    }
}

fn read(root: &Path) -> Dataset {
    open("folder", root).unwrap()
}

#[test]
fn features_keep_the_samples_order_over_many_batches() {
    let root = tempfile::tempdir().unwrap();
    common::colours(root.path(), 400, 4);
    let dataset = read(root.path());
    let samples = dataset.split(Split::Train).unwrap();
    let mut told = Vec::new();
    let mut source = source(usize::MAX);
    let limits = Limits::default();
    let features =
        extract(&mut *source.encoder, &source.recipe, samples, &limits, &mut |done| told.push(done)).unwrap();
    assert_eq!((features.len(), features.embeddings.len()), (1200, 3600));
    assert!(told.is_sorted() && told.last() == Some(&1200) && told.len() > 3, "{told:?}");
    for (i, sample) in samples.iter().enumerate() {
        assert_eq!(Some(features.labels.classes().unwrap()[i]), sample.label.class());
        let rgb = sample.load(&limits).unwrap();
        let red = rgb.rgb().iter().step_by(3).map(|&x| f32::from(x) / 255.0).sum::<f32>() / 16.0;
        assert!((features.row(i)[0] - red).abs() < 1e-5, "{}: {} {red}", sample.name(), features.row(i)[0]);
    }
}

#[test]
fn a_broken_picture_is_named_and_a_failing_encoder_ends_the_run() {
    let root = tempfile::tempdir().unwrap();
    common::colours(root.path(), 400, 4);
    let text =
        evaluate(&mut source(300), &read(root.path()), &Options::default(), &mut ()).unwrap_err().to_string();
    assert!(text.contains("told to fail"), "{text}");
    fs::write(root.path().join("green/0017.bmp"), b"BM, they said").unwrap();
    let options = Options::default();
    let text =
        evaluate(&mut source(usize::MAX), &read(root.path()), &options, &mut ()).unwrap_err().to_string();
    assert!(text.contains("green/0017.bmp"), "{text}");
}

#[test]
fn colours_are_told_apart_the_same_way_each_time() {
    let root = tempfile::tempdir().unwrap();
    common::colours(root.path(), 60, 4);
    let options = Options { neighbours: 20, ..Options::default() };
    let run = || evaluate(&mut source(usize::MAX), &read(root.path()), &options, &mut ()).unwrap();
    let (first, second) = (run(), run());
    assert_eq!((&first.outcome, &first.predictions), (&second.outcome, &second.predictions));
    let scores = &first.outcome.scores;
    let methods: Vec<&str> = scores.iter().map(|s| s.method.as_str()).collect();
    assert_eq!(methods, ["knn k=20 T=0.1", "knn k=20 plain", "linear"]);
    assert!(scores.iter().all(|s| s.value > 99.0 && s.pictures == 36), "{scores:?}");
    assert_eq!(scores[0].split, "20 % of train (seed 0)");
    let (probe, record) = (first.probe.unwrap(), first.outcome.probe.unwrap());
    assert_eq!(probe, second.probe.unwrap());
    assert_eq!(
        (probe.classes.join(" "), probe.rows, probe.score),
        ("blue green red".to_owned(), 144, Some(100.0))
    );
    assert!((record.sklearn_c * record.penalty * 144.0 - 1.0).abs() < 1e-9 && record.gradient < 1e-5);
    assert!(probe.predict(&[0.8, 0.3, 0.3]).unwrap()[2] > 0.9);
}

#[test]
fn a_dataset_keeps_its_own_splits() {
    let root = tempfile::tempdir().unwrap();
    for (split, each) in [("train", 20), ("val", 4), ("test", 6)] {
        common::colours(&root.path().join(split), each, 4);
    }
    let parts = Parts::of(&read(root.path()), 0).unwrap();
    assert_eq!(
        (parts.known.len(), parts.train.len(), parts.validation.len(), parts.test.len()),
        (72, 60, 12, 18)
    );
    assert!(parts.validation.iter().all(|&i| parts.known[i].name().starts_with("val/")));
    assert_eq!(parts.test_name, "test");

    fs::remove_dir_all(root.path().join("test")).unwrap();
    let parts = Parts::of(&read(root.path()), 0).unwrap();
    assert_eq!(
        (parts.known.len(), parts.train.len(), parts.validation.len(), parts.test.len()),
        (60, 54, 6, 12)
    );
    assert_eq!(parts.test_name, "validation");

    let single = tempfile::tempdir().unwrap();
    common::colours(single.path(), 1, 4);
    assert!(matches!(Parts::of(&read(single.path()), 0), Err(EvalError::TooFew(_))));
}
