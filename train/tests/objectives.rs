//! Whole tiny runs of every objective: the loss begins where theory says and falls, and a run in pieces, with every
//! optimiser, gives the weights of a run in one go, bit for bit.

#![allow(clippy::unwrap_used)]

mod common;

#[path = "common/runs.rs"]
mod runs;

use runs::TINY;
use simclr_train::TrainRecipe;
use simclr_train::checkpoint::Checkpoint;
use simclr_train::progress::Record;

/// Steps of a whole run: 12 epochs of 64 pictures by 16.
const STEPS: u64 = 48;

/// Views that differ by a mild crop alone: what can be learned shows within a few steps.
const CALM: &[(&str, &str)] = &[
    ("flip = 0.5", "flip = 0.0"),
    ("jitter = 0.8", "jitter = 0.0"),
    ("grey = 0.2", "grey = 0.0"),
    ("blur = 0.5", "blur = 0.0"),
    ("[0.08, 1.0]", "[0.5, 1.0]"),
];

/// The tiny recipe with another objective, and further replacements.
fn recipe(objective: &str, changes: &[(&str, &str)]) -> String {
    let mut text = TINY.replace("kind = \"nt-xent\"\ntemperature = 0.5", objective);
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    assert!(TrainRecipe::parse(&text).is_ok(), "{:?}", TrainRecipe::parse(&text));
    text
}

/// Runs up to each of `steps` in turn, from the checkpoint that the last left.
fn run(recipe: &str, steps: &[u64]) -> (Vec<Record>, Checkpoint) {
    let folder = tempfile::tempdir().unwrap();
    common::write_pictures(&folder.path().join("pictures"));
    runs::run(recipe, folder.path(), steps).unwrap()
}

/// The first step's loss is within `first`, and at the end it is lower by `fall` or more.
fn begins_and_falls(recipe: &str, first: std::ops::RangeInclusive<f64>, fall: f64) -> Checkpoint {
    let (records, checkpoint) = run(recipe, &[1, STEPS]);
    let (begin, end) = (records[0].loss, records.last().unwrap().loss);
    eprintln!("{begin} to {end}");
    assert!(first.contains(&begin), "begins at {begin}, not within {first:?}: {recipe}");
    assert!(end < begin - fall, "{begin} then {end}: {recipe}");
    checkpoint
}

/// A share more or less.
fn near(x: f64, share: f64) -> std::ops::RangeInclusive<f64> {
    x * (1.0 - share)..=x * (1.0 + share)
}

#[test]
fn nt_xent_begins_at_the_logarithm_of_the_other_views() {
    let nt_xent = |more: &str| format!("kind = \"nt-xent\"\ntemperature = 0.5\n{more}");
    let log = 31f64.ln();
    begins_and_falls(&recipe(&nt_xent("factor = 2.0"), CALM), near(2.0 * log, 0.05), 1.0);
    // Fewer negatives make the softmax easier; how many are farther than the positive is not known beforehand.
    begins_and_falls(&recipe(&nt_xent("semi_hard = true"), CALM), 0.0..=log, 0.5);
    // The queue is empty in the first step; then losses begin to grow with its length.
    let checkpoint = begins_and_falls(&recipe(&nt_xent("queue = 40"), &[]), near(log, 0.05), -1.0);
    assert_eq!(checkpoint.memory.len(), 40 * 32);
    let lengths = checkpoint.memory.chunks(32).map(|row| row.iter().map(|x| x * x).sum::<f32>());
    assert!(lengths.into_iter().all(|square| (square - 1.0).abs() < 1e-5));
}

#[test]
fn every_head_learns() {
    let nt_xent = "kind = \"nt-xent\"\ntemperature = 0.5";
    for (layers, batch_norm, output) in [(0, false, 32), (1, false, 2048), (3, true, 64)] {
        let head =
            format!("layers = {layers}\noutput = {output}\nbatch_norm = {batch_norm}\nlast_shift = false");
        let changes = [&[("layers = 2\noutput = 32\nbatch_norm = false", head.as_str())], CALM].concat();
        let recipe = recipe(nt_xent, &changes);
        // A batch-norm at the end spreads projections, so that the first loss is below the logarithm.
        let checkpoint = begins_and_falls(&recipe, 2.5..=3.6, 0.4);
        let shapes: Vec<_> = checkpoint.head.tensors().iter().map(|t| t.shape.clone()).collect();
        match layers {
            0 => assert!(shapes.is_empty()),
            1 => assert_eq!(shapes, [vec![2048, 128], vec![2048]]),
            _ => {
                let shift = checkpoint.head.tensors().iter().find(|t| t.name == "head.2.bn.bias").unwrap();
                assert!(shift.data.iter().all(|&x| x == 0.0), "the last shift is not learned");
            }
        }
    }
}

#[test]
fn table_2s_other_losses_begin_where_equal_rows_put_them_and_fall() {
    // Cosines of first weights are alike, c: log(1 + e^(−c)) + log(1 + e^c) is 2·log 2 to 1.63 for c from 0 to 1.
    let logistic = "kind = \"nt-logistic\"\ntemperature = 1.0";
    begins_and_falls(&recipe(logistic, CALM), 1.38..=1.64, 0.3);
    begins_and_falls(&recipe(&format!("{logistic}\nsemi_hard = true"), CALM), 1.0..=1.64, 0.3);
    let margin = "kind = \"margin-triplet\"\nmargin = 0.8";
    begins_and_falls(&recipe(margin, CALM), near(0.8, 0.1), 0.3);
    begins_and_falls(&recipe(&format!("{margin}\nsemi_hard = true"), CALM), 0.5..=0.8, 0.05);
}

#[test]
fn classifiers_begin_at_chance() {
    let chance = near(4f64.ln(), 1e-6);
    let supervised = recipe("kind = \"supervised\"\nclasses = 4", CALM);
    let checkpoint = begins_and_falls(&supervised, chance.clone(), 0.6);
    assert_eq!(checkpoint.head.tensors()[0].shape, [4, 128]);
    // Mirrored stripes are turned stripes: without mirrors, 90° can be told from 0°, and 180° mostly not.
    let changes = [CALM, &[("rate_per_256 = 0.5", "rate_per_256 = 4.0")]].concat();
    begins_and_falls(&recipe("kind = \"rotation\"", &changes), chance, 0.4);
}

#[test]
fn runs_in_pieces_repeat_whole_ones_bit_for_bit() {
    let sgd = "kind = \"sgd\"\nmomentum = 0.9\nweight_decay = 1e-4";
    let lars = "kind = \"lars\"\nmomentum = 0.9\nweight_decay = 1e-6\ntrust_coefficient = 0.001";
    let adam = "kind = \"adam\"\nbetas = [0.9, 0.999]\nepsilon = 1e-8\nweight_decay = 1e-4\ndecoupled = true";
    let gentle = ("rate_per_256 = 0.5", "rate_per_256 = 0.02");
    let micro = ("batch = 16", "batch = 16\nmicro_batch = 4");
    let queue = "kind = \"nt-xent\"\ntemperature = 0.5\nqueue = 40";
    let unlike = "kind = \"nt-xent\"\ntemperature = 10.0\nnormalise = false\nsemi_hard = true";
    for (objective, changes) in [
        (queue, vec![(sgd, lars)]),
        (queue, vec![(sgd, adam), gentle, micro]),
        (unlike, vec![gentle]),
        ("kind = \"nt-logistic\"\ntemperature = 0.5\nsemi_hard = true", vec![(sgd, adam), gentle]),
        ("kind = \"margin-triplet\"\nmargin = 0.4\nsemi_hard = true", vec![(sgd, lars), micro]),
        ("kind = \"supervised\"\nclasses = 4", vec![(sgd, lars), micro]),
        ("kind = \"rotation\"", vec![(sgd, adam), gentle]),
    ] {
        let changes = [changes, vec![("side = 32\ncrop_area", "side = 16\ncrop_area")]].concat();
        let recipe = recipe(objective, &changes);
        let (_, whole) = run(&recipe, &[9]);
        let (_, pieces) = run(&recipe, &[1, 2, 5, 9]);
        assert!(whole.encoder == pieces.encoder && whole.head == pieces.head, "{recipe}");
        assert!(whole.slots == pieces.slots && whole.memory == pieces.memory, "{recipe}");
        assert_ne!(whole.encoder, Checkpoint::start(&recipe).unwrap().encoder, "{recipe}");
    }
}

#[test]
fn another_number_of_classes_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    common::write_pictures(&folder.path().join("pictures"));
    let recipe = recipe("kind = \"supervised\"\nclasses = 5", &[]);
    let error = runs::run(&recipe, folder.path(), &[1]).unwrap_err();
    assert!(error.to_string().contains("have 4 classes"), "{error}");
}
