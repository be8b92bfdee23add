//! A whole grid on pictures of our own: made, stopped, gone on with, judged once and written as a table.

#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;
use std::process::Command;

const GRID: &str = r#"
title = "Two temperatures"
base = "tiny.toml"
common = { data = { dataset = "folder" }, schedule = { epochs = 2 } }

[rows]
title = "Temperature"
values = [{ label = "0.5" }, { label = "0.1", set = { objective = { temperature = 0.1 } } }]
"#;

fn world(folder: &Path, grid: &str) {
    common::write_pictures(&folder.join("pictures/train"));
    common::write_pictures(&folder.join("pictures/test"));
    std::fs::write(folder.join("tiny.toml"), include_str!("../recipes/tiny.toml")).unwrap();
    std::fs::write(folder.join("grid.toml"), grid).unwrap();
}

fn ablate(folder: &Path, more: &[&str]) -> (bool, String) {
    let fixed = ["ablate", "grid.toml", "--data", "pictures", "--out", "grid", "--threads", "1"];
    let output = Command::new(env!("CARGO_BIN_EXE_simclr-train"))
        .current_dir(folder)
        .args([&fixed[..], more].concat())
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn a_grid_that_was_stopped_goes_on_and_ends_in_a_table() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    world(folder, GRID);

    let (succeeded, said) = ablate(folder, &["--limit-steps", "3"]);
    assert!(succeeded && said.contains("paused"), "{said}");
    let (succeeded, said) = ablate(folder, &[]);
    assert!(succeeded && said.contains("grid/report.md") && said.contains(r#"{"run":"0.1"}"#), "{said}");

    let page = std::fs::read_to_string(folder.join("grid/report.md")).unwrap();
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| 0.")).collect();
    assert!(rows.len() == 2 && !page.contains('–'), "{page}");
    let scores = std::fs::read_to_string(folder.join("grid/cells/0.5/scores.json")).unwrap();
    let linear: Vec<f64> = serde_json::from_str::<Vec<serde_json::Value>>(&scores)
        .unwrap()
        .iter()
        .filter(|score| score["method"] == "linear")
        .map(|score| score["value"].as_f64().unwrap())
        .collect();
    assert!(rows[0].starts_with(&format!("| 0.5 | {:.1} |", linear[0])), "{rows:?} {linear:?}");
    assert!(std::fs::read_to_string(folder.join("grid/heat-map.svg")).unwrap().contains("<svg"));

    // A judged cell is not run again, even when its checkpoint is gone.
    std::fs::remove_dir_all(folder.join("grid/cells/0.5/checkpoints")).unwrap();
    let (succeeded, said) = ablate(folder, &[]);
    assert!(succeeded && !said.contains("\"step\""), "{said}");

    // Another grid in the same folder is refused where it would mix runs: of scored cells by the recipe kept beside the
    // scores, or in the card of cells scored before it was kept, and of others by their runs.
    std::fs::write(folder.join("grid.toml"), GRID.replace("epochs = 2", "epochs = 3")).unwrap();
    let (succeeded, said) = ablate(folder, &[]);
    assert!(!succeeded && said.contains("cells/0.5") && said.contains("choose another --out"), "{said}");
    for cell in ["0.5", "0.1"] {
        std::fs::remove_file(folder.join("grid/cells").join(cell).join("recipe.toml")).unwrap();
    }
    let (succeeded, said) = ablate(folder, &[]);
    assert!(!succeeded && said.contains("cells/0.5") && said.contains("another recipe"), "{said}");
    std::fs::remove_file(folder.join("grid/cells/0.1/scores.json")).unwrap();
    let (succeeded, said) = ablate(folder, &[]);
    assert!(!succeeded && said.contains("another recipe"), "{said}");
}

#[test]
fn a_cell_that_diverges_is_a_dash_and_the_others_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let wild = GRID.replace(
        "label = \"0.5\" }",
        "label = \"Wild\", set = { schedule = { rate_per_256 = 1e30, epochs = 12 } } }",
    );
    assert_ne!(wild, GRID);
    world(folder, &wild);
    let (succeeded, said) = ablate(folder, &[]);
    assert!(succeeded, "{said}");
    let page = std::fs::read_to_string(folder.join("grid/report.md")).unwrap();
    assert!(page.contains("| Wild | – | – |") && page.contains("- wild: the loss became"), "{page}");
    assert_eq!(page.matches('–').count(), 2, "the other cell has scores: {page}");
    assert!(std::fs::read_to_string(folder.join("grid/heat-map.svg")).unwrap().contains(">–<"));
    let (succeeded, said) = ablate(folder, &[]);
    assert!(succeeded && !said.contains("\"step\""), "neither is run again: {said}");
}
