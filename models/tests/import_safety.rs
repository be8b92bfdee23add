//! Hostile and damaged checkpoints: refused in words or read as data, never run, never a panic.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{TINY, random_weights};
use simclr_models::import::{Checkpoint, Choices, ImportError, Imported, import};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn taken(path: &Path) -> Result<Imported, ImportError> {
    let choices = Choices { prefix: None, depth: None, width: None, stem: None, large_stem: None };
    import(&Checkpoint::open(path)?, &choices)
}

fn refusal(path: &Path) -> String {
    taken(path).expect_err("it should be refused").to_string()
}

#[test]
fn code_in_a_checkpoint_is_refused_by_name_and_not_run() {
    let words = refusal(&golden("import-evil.pth"));
    assert!(words.contains("`posix.system`") && words.contains("No code"), "{words}");
    for place in [PathBuf::from("."), golden("")] {
        assert!(!place.join("import-evil-was-run").exists());
    }
}

#[test]
fn a_call_whose_result_is_thrown_away_is_not_run_either() {
    let place = tempfile::tempdir().unwrap();
    let (path, trace) = (place.path().join("thrown.pth"), place.path().join("run"));
    let command = format!("touch {}", trace.display());
    let mut pickle = b"\x80\x02cposix\nsystem\nX".to_vec();
    pickle.extend((command.len() as u32).to_le_bytes());
    pickle.extend(command.as_bytes());
    pickle.extend(b"\x85R0}.");
    fs::write(&path, pickle).unwrap();
    assert_eq!(Checkpoint::open(&path).unwrap().tensor_count(), 0);
    assert!(!trace.exists());
}

#[test]
fn a_view_of_terabytes_is_refused_before_it_is_made() {
    let words = refusal(&golden("import-huge.pth"));
    assert!(words.contains("limit"), "{words}");
}

#[test]
fn damaged_files_give_errors() {
    let place = tempfile::tempdir().unwrap();
    let spoilt = place.path().join("spoilt");
    let mut files = ["import-plain.pth", "import-nested.pt", "import-legacy.pth"]
        .map(|name| fs::read(golden(name)).unwrap())
        .to_vec();
    files.push(random_weights(&TINY.describe().unwrap(), 1).to_safetensors().unwrap());
    for bytes in files {
        for part in 0..50 {
            fs::write(&spoilt, &bytes[..bytes.len() * part / 50]).unwrap();
            let words = refusal(&spoilt);
            assert!(words.contains("spoilt"), "cut at {part}/50: {words}");
        }
        // Changed bytes may go unnoticed where they are numbers, but must not stop the program.
        for at in (0..bytes.len()).step_by(bytes.len() / 100) {
            let mut changed = bytes.clone();
            changed[at] ^= 0xFF;
            fs::write(&spoilt, changed).unwrap();
            let _ = taken(&spoilt);
        }
    }
    for junk in
        [&b""[..], b"<html>", b"PK\x03\x04", b"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F{}", b"\x80\x02}q\x00."]
    {
        fs::write(&spoilt, junk).unwrap();
        refusal(&spoilt);
    }
    assert!(matches!(taken(&place.path().join("missing")), Err(ImportError::Io { .. })));
}
