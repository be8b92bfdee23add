//! The monitor: what it finds is what the exported encoder would get, it changes nothing, and its records, drawing and
//! event files hold the same numbers.

#![allow(clippy::unwrap_used)]

mod common;
mod event_file;

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use simclr_datasets::{Dataset, Split};
use simclr_eval::{Encoders, Features, extract};
use simclr_models::OnnxEncoder;
use simclr_train::checkpoint::Checkpoint;
use simclr_train::monitor::Monitor;
use simclr_train::pictures::Pictures;
use simclr_train::progress::Line;
use simclr_train::run_folder::RunFolder;
use simclr_train::{Limits, TrainRecipe, export, pretrain};
use tch::Device;

const TINY: &str = include_str!("../recipes/tiny.toml");
const MONITOR: &str = "\n[monitor]\nevery_epochs = 4\nneighbours = 30\ntemperature = 1.0\n";
static NEVER: AtomicBool = AtomicBool::new(false);

fn dataset(folder: &Path, splits: &[&str]) -> Dataset {
    for split in splits {
        common::write_pictures(&folder.join(split));
    }
    simclr_datasets::open("folder", folder).unwrap()
}

/// Goes on from the newest checkpoint, or begins, until `last`.
fn run(text: &str, dataset: &Dataset, folder: &Path, last: u64) -> (Vec<Line>, Checkpoint) {
    run_watched(text, dataset, folder, last, &mut |_| ())
}

fn run_watched(
    text: &str,
    dataset: &Dataset,
    folder: &Path,
    last: u64,
    watch: &mut dyn FnMut(&Line),
) -> (Vec<Line>, Checkpoint) {
    tch::set_num_threads(1);
    let recipe = TrainRecipe::parse(text).unwrap();
    let pictures = Pictures::load(dataset.split(Split::Train).unwrap(), &recipe.data, Device::Cpu).unwrap();
    let monitor = Monitor::new(dataset, &recipe).unwrap();
    let every = Duration::from_secs(3600);
    let limits = Limits { until: None, steps: Some(last), stop: &NEVER, checkpoint_every: every, keep: 9 };
    let start = match RunFolder::new(folder).newest() {
        Ok(found) => found.checkpoint,
        Err(_) => Checkpoint::start(text).unwrap(),
    };
    let mut lines = vec![];
    pretrain(start, &pictures, monitor.as_ref(), Device::Cpu, folder, limits, &mut |line| {
        lines.push(line.clone());
        watch(line);
    })
    .unwrap();
    (lines, RunFolder::new(folder).newest().unwrap().checkpoint)
}

fn event_files(run: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(run).unwrap().map(|item| item.unwrap().path()).collect();
    files.retain(|path| path.file_name().unwrap().to_str().unwrap().starts_with("events.out.tfevents."));
    files.sort();
    files
}

#[test]
fn looking_changes_nothing_and_the_best_is_the_best_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = dataset(&folder.path().join("pictures"), &["."]);
    let (blind, seen) = (folder.path().join("blind"), folder.path().join("seen"));
    let text = format!("{TINY}{MONITOR}");
    let (_, without) = run(TINY, &dataset, &blind, 48);
    let (lines, with) = run(&text, &dataset, &seen, 48);
    assert!(with.encoder == without.encoder && with.head == without.head && with.slots == without.slots);

    let looks: Vec<(u64, f64)> = lines
        .iter()
        .filter_map(|line| match line {
            Line::Monitor(looked) => {
                let (known, judged) = (looked.look.known, looked.look.judged);
                assert!((known, judged) == (56, 8) && looked.look.judged_on.contains("tenth of train"));
                Some((looked.step, looked.look.knn))
            }
            _ => None,
        })
        .collect();
    assert_eq!(looks.iter().map(|look| look.0).collect::<Vec<_>>(), [16, 32, 48]);
    let best = RunFolder::new(&seen).best().unwrap();
    let first_best = looks.iter().fold(looks[0], |best, &look| if look.1 > best.1 { look } else { best });
    assert_eq!((best.step, best.knn), (first_best.0, Some(first_best.1)));
    let drawing = std::fs::read_to_string(seen.join("progress.svg")).unwrap();
    assert!(drawing.contains("kNN") && drawing.contains("linear probe") && drawing.contains("simclr-tiny"));
}

#[test]
fn a_looks_time_is_not_the_next_steps() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = dataset(&folder.path().join("pictures"), &["."]);
    let text = format!("{TINY}{MONITOR}probe = false\n");
    let (started, mut look) = (Instant::now(), Duration::ZERO);
    // A look as long as three times all that was before it; the four steps after it take far less.
    let (lines, _) = run_watched(&text, &dataset, &folder.path().join("run"), 20, &mut |line| {
        if matches!(line, Line::Monitor(_)) {
            look = 3 * started.elapsed();
            std::thread::sleep(look);
        }
    });
    let last = lines.iter().rev().find_map(|line| match line {
        Line::Step(record) => Some(record),
        _ => None,
    });
    let last = last.unwrap();
    assert_eq!(last.step, 20);
    let pictures = 4.0 * 16.0;
    assert!(
        last.pictures_per_second > pictures / look.as_secs_f64(),
        "{} {look:?}",
        last.pictures_per_second
    );
}

/// The definition, loop by loop: percent of `judged` whose class has most votes, exp(cosine / temperature) each.
fn brute_knn(known: &Features, judged: &Features, k: usize, temperature: f64) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum::<f64>();
    let mut hits = 0.0;
    for j in 0..judged.len() {
        let row = judged.row(j);
        let cosine =
            |i: usize| dot(row, known.row(i)) / (dot(row, row) * dot(known.row(i), known.row(i))).sqrt();
        let mut all: Vec<(f64, usize)> =
            (0..known.len()).map(|i| (cosine(i), known.labels.classes().unwrap()[i])).collect();
        all.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut votes = [0.0; 4];
        all.iter().take(k).for_each(|(cosine, label)| votes[*label] += (cosine / temperature).exp());
        let most = votes.iter().fold(0.0_f64, |most, &vote| most.max(vote));
        hits += f64::from(votes[judged.labels.classes().unwrap()[j]] == most);
    }
    100.0 * hits / judged.len() as f64
}

#[test]
fn a_look_finds_what_the_exported_encoder_gets_on_validation() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = dataset(&folder.path().join("pictures"), &["train", "validation", "test"]);
    // The test split is never opened, or this would be named.
    std::fs::write(folder.path().join("pictures/test/class-1/3.bmp"), "not a picture").unwrap();
    let recipe = TrainRecipe::parse(&format!("{TINY}{MONITOR}")).unwrap();
    let checkpoint = Checkpoint::start(TINY).unwrap();
    let look =
        Monitor::new(&dataset, &recipe).unwrap().unwrap().look(&checkpoint.encoder, Device::Cpu).unwrap();
    assert_eq!((look.known, look.judged, look.judged_on.as_str()), (64, 64, "the validation split"));

    let artefact = export::export(
        &checkpoint,
        &folder.path().join("artefact"),
        export::Output::Embedding,
        Default::default(),
    )
    .unwrap();
    let mut encoders = Encoders::one(OnnxEncoder::open(&artefact, 1).unwrap());
    let mut embed = |split| {
        let samples = dataset.split(split).unwrap();
        extract(&mut encoders, artefact.recipe(), samples, &Default::default(), &mut |_| {})
    };
    let (known, judged) = (embed(Split::Train).unwrap(), embed(Split::Validation).unwrap());
    let expected = brute_knn(&known, &judged, 30, 1.0);
    assert!(expected > 26.0 && expected < 99.0, "{expected} says nothing");
    assert!((look.knn - expected).abs() <= 100.0 / 64.0, "{} {expected}", look.knn);
    assert!(look.linear.unwrap() > expected, "a probe fitted on the judged pictures' twins");
}

#[test]
fn labels_read_by_the_objective_are_held_out_of_training_too() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = dataset(folder.path(), &["."]);
    let mut recipe = TrainRecipe::parse(&format!("{TINY}{MONITOR}")).unwrap();
    assert!(Monitor::new(&dataset, &recipe).unwrap().unwrap().held_out().is_empty());
    recipe.objective = simclr_train::recipe::Objective::Supervised { classes: 4 };
    let monitor = Monitor::new(&dataset, &recipe).unwrap().unwrap();
    let train = dataset.split(Split::Train).unwrap();
    let mut pictures = Pictures::load(train, &recipe.data, Device::Cpu).unwrap();
    pictures.leave_out(monitor.held_out());
    assert_eq!((monitor.held_out().len(), pictures.len()), (8, 56));
    let held_out = |place: &i64| monitor.held_out().contains(&usize::try_from(*place).unwrap());
    assert!(!pictures.order(1, 0).iter().any(held_out));
    recipe.monitor = None;
    assert!(Monitor::new(&dataset, &recipe).unwrap().is_none());
}

#[test]
fn event_files_hold_the_lines_numbers_and_say_where_a_resumed_run_begins() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = dataset(&folder.path().join("pictures"), &["."]);
    let text = format!("{TINY}{MONITOR}probe = false\n");
    let folder = folder.path().join("run");
    let (mut lines, _) = run(&text, &dataset, &folder, 18);
    lines.extend(run(&text, &dataset, &folder, 32).0);
    let files = event_files(&folder);
    assert_eq!(files.len(), 2);
    let events: Vec<Vec<event_file::Event>> =
        files.iter().map(|path| event_file::read(&std::fs::read(path).unwrap())).collect();
    for (events, begins_after) in events.iter().zip([0, 18]) {
        assert_eq!(events[0].file_version.as_deref(), Some("brain.Event:2"));
        assert_eq!((events[1].is_session_start, events[1].step), (true, begins_after + 1));
        assert!(events[2..].iter().all(|event| event.step > begins_after && event.wall_time > 1.7e9));
    }
    let found: Vec<(u64, String, f32)> = events
        .into_iter()
        .flatten()
        .flat_map(|event| event.scalars.into_iter().map(move |(tag, value)| (event.step, tag, value)))
        .collect();
    let mut expected = vec![];
    for line in &lines {
        let (step, values) = match line {
            Line::Step(r) => (
                r.step,
                vec![
                    ("train/loss", r.loss),
                    ("train/learning_rate", r.rate),
                    ("train/pictures_per_second", r.pictures_per_second),
                    ("train/waiting", r.waiting),
                ],
            ),
            Line::Monitor(looked) => (looked.step, vec![("monitor/knn", looked.look.knn)]),
            Line::Broken(_) => continue,
        };
        expected.extend(values.into_iter().map(|(tag, value)| (step, tag.to_owned(), value as f32)));
    }
    assert_eq!(found, expected);
}
