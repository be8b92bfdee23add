//! Extraction and the whole protocol with an encoder of ten lines, no runtime needed.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod common;

use std::fs;
use std::path::Path;

use simclr_datasets::{Dataset, Split, open};
use simclr_eval::{Cache, Encoders, EvalError, Options, Parts, Source, Storage, evaluate, extract};
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
        if images.is_empty() {
            return Ok(Vec::new());
        }
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
        encoders: Encoders::one(MeanColour { seen: 0, fails_at }),
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
        extract(&mut source.encoders, &source.recipe, samples, &limits, &mut |done| told.push(done)).unwrap();
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
    let text = evaluate(&mut source(300), &read(root.path()), &Options::default(), &Cache::off(), &mut ())
        .unwrap_err()
        .to_string();
    assert!(text.contains("told to fail"), "{text}");
    for i in 17..26 {
        fs::write(root.path().join(format!("green/{i:04}.bmp")), b"BM, they said").unwrap();
    }
    let judge = |broken_max| {
        let options = Options { broken_max, penalties: vec![0.1], ..Options::default() };
        evaluate(&mut source(usize::MAX), &read(root.path()), &options, &Cache::off(), &mut ())
    };
    let text = judge(0.0).unwrap_err().to_string();
    assert!(text.contains("green/0017.bmp") && text.contains("--broken-max"), "{text}");
    let outcome = judge(0.02).unwrap().outcome;
    let names: Vec<&str> = outcome.broken.iter().map(|b| b.name.as_str()).collect();
    assert!(names.len() == 9 && names.iter().all(|name| name.starts_with("green/00")), "{names:?}");
    assert_eq!(outcome.pictures.train.map(|t| (t.used, t.official)), Some((1191, 1200)));
    assert!(!outcome.broken[0].reason.contains('/'), "a reason is the same on every machine: {outcome:?}");
    assert!(
        outcome.scores.iter().filter(|s| s.metric == "top-1").all(|s| s.value > 99.0),
        "{:?}",
        outcome.scores
    );
}

#[test]
fn an_evaluation_goes_on_in_the_middle_of_a_split_and_repeats_nothing() {
    let root = tempfile::tempdir().unwrap();
    common::colours(root.path(), 400, 4);
    fs::write(root.path().join("green/0017.bmp"), b"BM, they said").unwrap();
    let kept = tempfile::tempdir().unwrap();
    let cache = Cache::at(Storage::folder(kept.path()));
    let options = Options { chunk: 100, penalties: vec![0.1, 0.01], ..Options::default() };
    let judge = |fails_at, cache: &Cache| {
        let mut source = source(fails_at);
        let result = evaluate(&mut source, &read(root.path()), &options, cache, &mut ());
        result.map(|e| (e.outcome, e.predictions, e.probe))
    };
    let undisturbed = tempfile::tempdir().unwrap();
    let whole = judge(usize::MAX, &Cache::at(Storage::folder(undisturbed.path()))).unwrap();
    // Each attempt dies within the next chunk or two; what was kept makes it come further.
    let mut attempts = 1;
    while judge(250, &cache).is_err() {
        attempts += 1;
        assert!(attempts < 10, "nothing is kept");
    }
    assert!(attempts > 4, "1200 pictures in attempts of at most 250, {attempts} attempts");
    // Nothing is left to embed, and what comes out is what an undisturbed evaluation says.
    assert!(judge(0, &cache).unwrap() == whole);
    let changed = Options { neighbours: vec![3], ..options.clone() };
    let again = evaluate(&mut source(0), &read(root.path()), &changed, &cache, &mut ()).unwrap();
    assert_ne!(again.outcome.fingerprint, whole.0.fingerprint);
    // A torn chunk is made again.
    let chunk = fs::read_dir(kept.path().join("features")).unwrap().next().unwrap().unwrap().path();
    let chunk = fs::read_dir(chunk).unwrap().next().unwrap().unwrap().path();
    fs::write(&chunk, b"torn").unwrap();
    assert!(judge(0, &cache).is_err());
    assert!(judge(usize::MAX, &cache).unwrap() == whole);
    // So are the features of a split in which a picture was replaced by another of its name.
    fs::write(root.path().join("red/0003.bmp"), common::bitmap(4, [60, 60, 150], 3)).unwrap();
    assert!(judge(0, &cache).is_err());
}

#[test]
fn colours_are_told_apart_the_same_way_each_time() {
    let root = tempfile::tempdir().unwrap();
    common::colours(root.path(), 60, 4);
    let options = Options { neighbours: vec![20], shots: vec![2], draws: 3, ..Options::default() };
    let run =
        || evaluate(&mut source(usize::MAX), &read(root.path()), &options, &Cache::off(), &mut ()).unwrap();
    let (first, second) = (run(), run());
    assert_eq!((&first.outcome, &first.predictions), (&second.outcome, &second.predictions));
    let scores = &first.outcome.scores;
    let methods: Vec<&str> = scores.iter().map(|s| s.method.as_str()).collect();
    let expected = ["knn k=20 T=0.1", "knn k=20 T=0.07", "linear", "linear", "linear", "few-shot n=2"];
    assert_eq!(methods, expected);
    let metrics: Vec<&str> = scores.iter().map(|s| s.metric.as_str()).collect();
    assert_eq!(metrics[2..5], ["top-1", "mean per class", "calibration error"]);
    assert!(scores.iter().filter(|s| s.metric == "top-1").all(|s| s.value > 99.0), "{scores:?}");
    assert!(scores.iter().all(|s| s.pictures == 36 && s.interval.is_some()), "{scores:?}");
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
