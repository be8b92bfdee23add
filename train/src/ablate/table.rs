//! A grid's scores as Markdown, beside the published ones.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use simclr_eval::Score;

use super::{Grid, metric, percent};

/// `scores` has one entry a cell, in the grid's order; an empty one is a dash. `diverged` are cells by name, and why.
pub(super) fn table(grid: &Grid, scores: &[Vec<Score>], diverged: &BTreeMap<&str, String>) -> String {
    let mut page = format!("# {}\n\n", grid.title);
    let epochs: Vec<u64> = grid.cells.iter().map(|cell| cell.recipe.schedule.epochs).collect();
    let (least, most) = (epochs.iter().min().unwrap_or(&0), epochs.iter().max().unwrap_or(&0));
    let length = if least == most { format!("{most}") } else { format!("{least} to {most}") };
    let dataset = grid.cells.first().map_or("", |cell| cell.recipe.data.dataset.as_str());
    let _ = writeln!(
        page,
        "Every cell is one run of {length} epochs on {dataset}; {} in percent.\n",
        metric(scores)
    );
    let runs: BTreeSet<&str> = grid.cells.iter().map(|cell| cell.name.as_str()).collect();
    if runs.len() < grid.cells.len() {
        let (runs, cells) = (runs.len(), grid.cells.len());
        let _ = writeln!(page, "{runs} runs fill the {cells} cells: cells of one recipe share a run.\n");
    }
    match &grid.columns {
        None => one_column(&mut page, grid, scores),
        Some(_) => {
            for (method, title) in [("linear", "Linear"), ("knn", "kNN")] {
                let _ = writeln!(page, "## {title}\n");
                matrix(&mut page, grid, grid.labels(), |row, column, columns| {
                    percent(&scores[row * columns + column], method)
                });
            }
            if let Some(published) = &grid.published {
                let _ = writeln!(page, "## Published\n");
                let (rows, columns) = grid.labels();
                let own = |own: &Option<Vec<String>>, grids| own.clone().unwrap_or(grids);
                let labels = (own(&published.rows, rows), own(&published.columns, columns));
                matrix(&mut page, grid, labels, |row, column, _| Some(published.values[row][column]));
            }
        }
    }
    if let Some(published) = &grid.published {
        let _ = writeln!(page, "Published: {}.", published.what);
    }
    if !diverged.is_empty() {
        page.push_str("\nDiverged, and so without a score:\n\n");
    }
    for (name, reason) in diverged {
        let _ = writeln!(page, "- {name}: {}", reason.trim_end());
    }
    page
}

fn one_column(page: &mut String, grid: &Grid, scores: &[Vec<Score>]) {
    let published = if grid.published.is_some() { " published |" } else { "" };
    let _ = writeln!(page, "| {} | linear | kNN |{published}", grid.rows.title);
    let _ = writeln!(page, "|---|---|---|{}", if published.is_empty() { "" } else { "---|" });
    for (at, row) in grid.rows.values.iter().enumerate() {
        let ours = [percent(&scores[at], "linear"), percent(&scores[at], "knn")].map(shown);
        let theirs = grid.published.as_ref().map(|p| format!(" {} |", shown(Some(p.values[at][0]))));
        let _ = writeln!(page, "| {} | {} | {} |{}", row.label, ours[0], ours[1], theirs.unwrap_or_default());
    }
    page.push('\n');
}

/// Rows and columns of those labels, with one number a cell by its row, its column and how many columns there are.
fn matrix(
    page: &mut String,
    grid: &Grid,
    (rows, columns): (Vec<String>, Vec<String>),
    value: impl Fn(usize, usize, usize) -> Option<f64>,
) {
    let across = grid.columns.as_ref().map_or("", |axis| axis.title.as_str());
    let _ = writeln!(page, "| {} \\ {across} | {} |", grid.rows.title, columns.join(" | "));
    let _ = writeln!(page, "|---|{}", "---|".repeat(columns.len()));
    for (row, label) in rows.iter().enumerate() {
        let cells: Vec<String> =
            (0..columns.len()).map(|column| shown(value(row, column, columns.len()))).collect();
        let _ = writeln!(page, "| {label} | {} |", cells.join(" | "));
    }
    page.push('\n');
}

fn shown(value: Option<f64>) -> String {
    value.filter(|value| value.is_finite()).map_or_else(|| "–".to_owned(), |value| format!("{value:.1}"))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::TrainRecipe;
    use crate::ablate::{Axis, Cell, Choice, Published};

    pub(crate) fn score(method: &str, value: f64) -> Score {
        Score {
            encoder: "e".into(),
            data: "d".into(),
            split: "test".into(),
            method: method.into(),
            metric: "top-1".into(),
            value,
            interval: None,
            pictures: 10,
        }
    }

    pub(crate) fn grid(rows: &[&str], columns: &[&str]) -> Grid {
        let text = include_str!("../../recipes/tiny.toml").to_owned();
        let axis = |title: &str, labels: &[&str]| Axis {
            title: title.into(),
            values: labels.iter().map(|l| Choice { label: (*l).into(), set: toml::Table::new() }).collect(),
        };
        let cell = |at: usize| Cell {
            row: at / columns.len().max(1),
            column: at % columns.len().max(1),
            name: at.to_string(),
            recipe: TrainRecipe::parse(&text).unwrap(),
            text: text.clone(),
        };
        Grid {
            title: "Heads".into(),
            rows: axis("Head", rows),
            columns: (!columns.is_empty()).then(|| axis("Output", columns)),
            published: None,
            cells: (0..rows.len() * columns.len().max(1)).map(cell).collect(),
        }
    }

    #[test]
    fn one_column_shows_both_methods_and_the_published_number() {
        let mut grid = grid(&["none", "linear"], &[]);
        grid.published = Some(Published {
            what: "figure 8".into(),
            rows: None,
            columns: None,
            values: vec![vec![50.0], vec![f64::NAN]],
        });
        let scores = vec![vec![score("knn k=200 T=0.1", 61.23), score("linear", 66.0)], vec![]];
        let expected = "# Heads\n\nEvery cell is one run of 12 epochs on cifar10; top-1 in percent.\n\n\
            | Head | linear | kNN | published |\n|---|---|---|---|\n\
            | none | 66.0 | 61.2 | 50.0 |\n| linear | – | – | – |\n\nPublished: figure 8.\n";
        assert_eq!(table(&grid, &scores, &BTreeMap::new()), expected);
        let diverged = BTreeMap::from([("linear", "the loss became NaN\n".to_owned())]);
        let named =
            format!("{expected}\nDiverged, and so without a score:\n\n- linear: the loss became NaN\n");
        assert_eq!(table(&grid, &scores, &diverged), named);
    }

    #[test]
    fn two_axes_give_a_matrix_a_method() {
        let grid = grid(&["a", "b"], &["x", "y"]);
        let scores: Vec<Vec<Score>> = (0..4)
            .map(|at| vec![score("knn", f64::from(at)), score("linear", 10.0 + f64::from(at))])
            .collect();
        let page = table(&grid, &scores, &BTreeMap::new());
        assert!(
            page.contains(
                "| Head \\ Output | x | y |\n|---|---|---|\n| a | 10.0 | 11.0 |\n| b | 12.0 | 13.0 |"
            )
        );
        assert!(page.contains("| b | 2.0 | 3.0 |") && !page.contains("share a run"), "{page}");
    }

    #[test]
    fn shared_runs_and_published_labels_are_told() {
        let mut grid = grid(&["a", "b"], &["x", "y"]);
        grid.cells[2].name = grid.cells[1].name.clone();
        let columns = Some(["100", "200", "400"].map(str::to_owned).to_vec());
        let values = vec![vec![1.0, 2.0, 3.0], vec![4.0, 5.0, f64::NAN]];
        grid.published = Some(Published { what: "table B.1".into(), rows: None, columns, values });
        let page = table(&grid, &[vec![], vec![], vec![], vec![]], &BTreeMap::new());
        assert!(page.contains("\n3 runs fill the 4 cells: cells of one recipe share a run.\n"), "{page}");
        let published = "## Published\n\n| Head \\ Output | 100 | 200 | 400 |\n|---|---|---|---|\n\
            | a | 1.0 | 2.0 | 3.0 |\n| b | 4.0 | 5.0 | – |\n";
        assert!(page.contains(published), "{page}");
    }
}
