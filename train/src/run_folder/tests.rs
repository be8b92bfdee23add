//! Checkpoints kept, found again, damaged, and refused by the disk.

use super::*;

const TINY: &str = include_str!("../../recipes/tiny.toml");

fn at(step: u64) -> Checkpoint {
    Checkpoint { step, ..Checkpoint::start(TINY).unwrap() }
}

/// Lets a file of checkpoints find the disk full when it is written.
fn full(run: &RunFolder, name: &str) {
    let half = run.checkpoints().join(format!("{name}.writing"));
    std::os::unix::fs::symlink("/dev/full", half).unwrap();
}

fn names(folder: &Path) -> Vec<String> {
    let name = |path: PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    let mut names: Vec<String> = listed(folder).unwrap().into_iter().map(name).collect();
    names.sort();
    names
}

#[test]
fn the_last_few_and_the_best_are_kept_and_the_newest_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let run = RunFolder::new(&folder.path().join("run"));
    assert!(!run.holds_a_run().unwrap());
    run.prepare(0).unwrap();
    for step in [0, 5, 10, 15] {
        run.keep(&at(step), 2, step == 5).unwrap();
    }
    let expected = ["best.safetensors", "step-0000000010.safetensors", "step-0000000015.safetensors"];
    assert_eq!(names(&run.checkpoints()), expected);
    let found = run.newest().unwrap();
    assert!(found.checkpoint == at(15) && found.passed_over.is_empty() && run.holds_a_run().unwrap());
    assert_eq!(run.best().unwrap(), at(5));
}

#[test]
fn an_unreadable_checkpoint_is_passed_over_named_and_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    let run = RunFolder::new(folder.path());
    for step in [5, 10, 15] {
        run.keep(&at(step), 3, step == 5).unwrap();
    }
    let newest = run.step_file(15);
    let bytes = fs::read(&newest).unwrap();
    fs::write(&newest, &bytes[..bytes.len() - 1]).unwrap();
    fs::write(run.step_file(10), "").unwrap();
    fs::write(folder.path().join("metrics.jsonl.writing"), "half").unwrap();
    fs::write(run.checkpoints().join("step-0000000020.safetensors.writing"), "half").unwrap();

    let found = run.newest().unwrap();
    let said = lines(&found.passed_over);
    assert!(found.checkpoint.step == 5 && said.contains("0015") && said.contains("0010"), "{said}");
    run.prepare(5).unwrap();
    let expected = [
        "best.safetensors",
        "step-0000000005.safetensors",
        "step-0000000010.safetensors.damaged",
        "step-0000000015.safetensors.damaged",
    ];
    assert_eq!(names(&run.checkpoints()), expected);
    assert_eq!(names(folder.path()), ["checkpoints"]);

    fs::remove_file(run.step_file(5)).unwrap();
    assert_eq!(run.newest().unwrap().checkpoint.step, 5, "the best one is better than none");
    fs::write(run.checkpoints().join(BEST), "x").unwrap();
    let error = run.newest().unwrap_err().to_string();
    assert!(error.contains("best.safetensors"), "{error}");
}

#[test]
fn a_run_is_one_processs_at_a_time_and_goes_on_where_the_last_one_was() {
    let folder = tempfile::tempdir().unwrap();
    let run = RunFolder::new(&folder.path().join("run"));
    let lock = run.lock().unwrap();
    let error = run.lock().unwrap_err().to_string();
    assert!(error.contains(&format!("process {} trains", std::process::id())), "{error}");
    drop(lock);
    let _lock = run.lock().unwrap();

    run.keep(&at(5), 3, false).unwrap();
    run.keep(&at(10), 3, false).unwrap();
    let error = run.prepare(5).unwrap_err().to_string();
    assert!(error.contains("step 5 to step 10"), "{error}");
    let expected = ["step-0000000005.safetensors", "step-0000000010.safetensors"];
    assert_eq!(names(&run.checkpoints()), expected, "nothing is set aside");
}

#[test]
fn a_run_of_an_earlier_version_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let run = RunFolder::new(folder.path());
    fs::write(run.file(OLD), at(7).to_bytes().unwrap()).unwrap();
    assert!(run.holds_a_run().unwrap());
    assert_eq!(run.newest().unwrap().checkpoint, at(7));
    run.keep(&at(9), 2, false).unwrap();
    assert_eq!(run.newest().unwrap().checkpoint, at(9));
    fs::write(run.file(OLD), at(12).to_bytes().unwrap()).unwrap();
    assert_eq!(run.newest().unwrap().checkpoint, at(12), "one carried in from elsewhere");
}

#[test]
fn a_full_disk_leaves_the_former_checkpoint_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let run = RunFolder::new(folder.path());
    run.keep(&at(5), 2, false).unwrap();
    for (name, is_best) in [("step-0000000010.safetensors", false), ("best.safetensors", true)] {
        full(&run, name);
        let error = run.keep(&at(10), 1, is_best).unwrap_err().to_string();
        assert!(error.contains("step 10") && error.contains("No space left"), "{error}");
        assert_eq!(names(&run.checkpoints()), ["step-0000000005.safetensors"]);
        assert_eq!(run.newest().unwrap().checkpoint, at(5));
    }
}

#[test]
fn whatever_a_kill_leaves_of_a_best_checkpoint_it_is_not_lost() {
    let folder = tempfile::tempdir().unwrap();
    let run = RunFolder::new(folder.path());
    run.keep(&at(5), 2, true).unwrap();
    // As if the process had ended after the first of two files.
    full(&run, "step-0000000010.safetensors");
    run.keep(&at(10), 2, true).unwrap_err();
    assert_eq!((run.newest().unwrap().checkpoint.step, run.best().unwrap().step), (10, 10));
    run.prepare(10).unwrap();
    assert_eq!(names(&run.checkpoints()), ["best.safetensors", "step-0000000005.safetensors"]);
}

#[test]
fn an_empty_folder_is_named() {
    let error = RunFolder::new(Path::new("no/such/run")).newest().unwrap_err().to_string();
    assert!(error.contains("no/such/run"), "{error}");
}
