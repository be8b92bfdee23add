//! An ablation as a file: a base recipe, and what each row and column of a table changes in it.

use std::path::Path;

use serde::Deserialize;
use toml::Table;

use crate::recipe::over;
use crate::{TrainError, TrainRecipe};

/// A table of runs to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct Grid {
    /// What the table shows.
    pub title: String,
    /// What changes from row to row.
    pub rows: Axis,
    /// What changes from column to column; a grid without has one column.
    pub columns: Option<Axis>,
    /// The paper's numbers, where it has such a table.
    pub published: Option<Published>,
    /// The runs, row by row.
    pub cells: Vec<Cell>,
}

/// The rows or the columns of a grid.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Axis {
    /// What it varies.
    pub title: String,
    /// Its values, in the table's order.
    pub values: Vec<Choice>,
}

/// One row or column.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// What the table calls it.
    pub label: String,
    /// Fields of the recipe that it sets.
    #[serde(default)]
    pub set: Table,
}

/// Numbers that somebody else found.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Published {
    /// What they are: data, network, metric, source.
    pub what: String,
    /// Row by row; `nan` where there is none.
    pub values: Vec<Vec<f64>>,
}

/// One run of a grid.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// Its row, from 0.
    pub row: usize,
    /// Its column, from 0.
    pub column: usize,
    /// Its labels, for people and as its folder's name.
    pub name: String,
    /// Its recipe.
    pub recipe: TrainRecipe,
    /// The same as text.
    pub text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    title: String,
    base: String,
    #[serde(default)]
    common: Table,
    rows: Axis,
    columns: Option<Axis>,
    published: Option<Published>,
}

impl Grid {
    /// Reads a grid; `base` is a path from the grid's own folder.
    ///
    /// # Errors
    /// When a file cannot be read, or a cell's recipe is not valid: then with the cell's name.
    pub fn load(path: &Path) -> Result<Self, TrainError> {
        let text = std::fs::read_to_string(path).map_err(TrainError::io(path))?;
        let wrong = |reason: String| TrainError::Grid { path: path.to_owned(), reason };
        let file: File = toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        let base = path.parent().unwrap_or(Path::new(".")).join(&file.base);
        let text = std::fs::read_to_string(&base).map_err(TrainError::io(&base))?;
        let base: Table = toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        let base = over(base, file.common.clone());
        let cells = cells(&file, &base).map_err(wrong)?;
        if let Some(published) = &file.published {
            let columns = file.columns.as_ref().map_or(1, |axis| axis.values.len());
            let fits = published.values.len() == file.rows.values.len()
                && published.values.iter().all(|row| row.len() == columns);
            if !fits {
                let shape = format!("{} rows of {columns}", file.rows.values.len());
                return Err(wrong(format!("published.values must be {shape}, as the grid is")));
            }
        }
        Ok(Self {
            title: file.title,
            rows: file.rows,
            columns: file.columns,
            published: file.published,
            cells,
        })
    }
}

fn cells(file: &File, base: &Table) -> Result<Vec<Cell>, String> {
    let nothing = [Choice { label: String::new(), set: Table::new() }];
    let columns = file.columns.as_ref().map_or(nothing.as_slice(), |axis| &axis.values);
    let mut cells: Vec<Cell> = vec![];
    for (row, down) in file.rows.values.iter().enumerate() {
        for (column, across) in columns.iter().enumerate() {
            let name = plain(&format!("{} {}", down.label, across.label));
            let mut table = over(over(base.clone(), down.set.clone()), across.set.clone());
            table.insert("name".into(), name.clone().into());
            let text = toml::to_string(&table).map_err(|error| error.to_string())?;
            let recipe = TrainRecipe::parse(&text).map_err(|error| format!("{name}: {error}"))?;
            if cells.iter().any(|cell| cell.name == name) {
                return Err(format!(
                    "two cells are called {name}; give each row and column a label of its own"
                ));
            }
            cells.push(Cell { row, column, name, recipe, text });
        }
    }
    Ok(cells)
}

/// Lower case, digits and single hyphens.
fn plain(label: &str) -> String {
    let kept = label
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '.' { c.to_ascii_lowercase() } else { ' ' });
    kept.collect::<String>().split_whitespace().collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRID: &str = r#"
title = "Colour"
base = "tiny.toml"
common = { schedule = { epochs = 2 } }
published = { what = "made up", values = [[1.0, 2.0], [3.0, nan]] }

[rows]
title = "Jitter"
values = [{ label = "Off", set = { views = { jitter = 0.0 } } }, { label = "On", set = {} }]

[columns]
title = "Loss"
values = [{ label = "τ 0.5" }, { label = "τ 0.1", set = { objective = { temperature = 0.1 } } }]
"#;

    fn load(text: &str) -> Result<Grid, TrainError> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("tiny.toml"), include_str!("../../recipes/tiny.toml")).unwrap();
        let path = folder.path().join("grid.toml");
        std::fs::write(&path, text).unwrap();
        Grid::load(&path)
    }

    #[test]
    fn a_cell_is_the_base_with_what_its_row_and_column_set() {
        let grid = load(GRID).unwrap();
        let names: Vec<&str> = grid.cells.iter().map(|cell| cell.name.as_str()).collect();
        assert_eq!(names, ["off-0.5", "off-0.1", "on-0.5", "on-0.1"]);
        let base = TrainRecipe::parse(include_str!("../../recipes/tiny.toml")).unwrap();
        let mut expected = base.clone();
        expected.name = "off-0.5".into();
        expected.schedule.epochs = 2;
        expected.views.jitter = 0.0;
        assert_eq!(grid.cells[0].recipe, expected);
        assert_eq!(grid.cells[3].recipe.views, base.views);
        assert_ne!(grid.cells[3].recipe.objective, base.objective);
        assert_eq!(TrainRecipe::parse(&grid.cells[3].text).unwrap(), grid.cells[3].recipe);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (from, to, named) in [
            ("tiny.toml", "none.toml", "none.toml"),
            ("jitter = 0.0", "jitter = 2.0", "off-0.5: recipe: views.jitter"),
            ("label = \"On\"", "label = \"off\"", "two cells"),
            ("label = \"Off\"", "label = \".5\"", ".5-0.5: recipe: name must be"),
            ("[3.0, nan]", "[3.0]", "2 rows of 2"),
            ("common =", "uncommon =", "uncommon"),
        ] {
            assert!(GRID.contains(from), "{from}");
            let error = load(&GRID.replace(from, to)).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
    }

    #[test]
    fn every_shipped_grid_is_valid() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("ablations");
        let mut found = 0;
        for file in std::fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            assert!(text.starts_with("# simclr-train ablate "), "{} begins with its command", path.display());
            Grid::load(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            found += 1;
        }
        assert!(found >= 5);
    }
}
