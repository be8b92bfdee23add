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
    /// Their rows, where they are not the grid's.
    pub rows: Option<Vec<String>>,
    /// Their columns, where they are not the grid's.
    pub columns: Option<Vec<String>>,
    /// Row by row; `nan` where there is none.
    pub values: Vec<Vec<f64>>,
}

impl Published {
    /// Refuses values that have not the shape of the labels: its own, or the grid's `rows` and `columns`.
    fn check(&self, rows: usize, columns: Option<usize>) -> Result<(), String> {
        if columns.is_none() && (self.rows.is_some() || self.columns.is_some()) {
            return Err("published.rows and published.columns need a grid with columns".into());
        }
        let columns = columns.unwrap_or(1);
        let rows = self.rows.as_ref().map_or(rows, Vec::len);
        let columns = self.columns.as_ref().map_or(columns, Vec::len);
        let fits = self.values.len() == rows && self.values.iter().all(|row| row.len() == columns);
        if fits {
            Ok(())
        } else {
            Err(format!("published.values must be {rows} rows of {columns}, as its labels are"))
        }
    }
}

/// One run of a grid.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// Its row, from 0.
    pub row: usize,
    /// Its column, from 0.
    pub column: usize,
    /// Its labels, for people and as its folder's name; of cells of one recipe, the first's: they share its run.
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
            let columns = file.columns.as_ref().map(|axis| axis.values.len());
            published.check(file.rows.values.len(), columns).map_err(wrong)?;
        }
        Ok(Self {
            title: file.title,
            rows: file.rows,
            columns: file.columns,
            published: file.published,
            cells,
        })
    }

    /// What its rows and its columns are called.
    pub(super) fn labels(&self) -> (Vec<String>, Vec<String>) {
        let labels = |axis: &Axis| axis.values.iter().map(|choice| choice.label.clone()).collect();
        (labels(&self.rows), self.columns.as_ref().map(labels).unwrap_or_default())
    }
}

fn cells(file: &File, base: &Table) -> Result<Vec<Cell>, String> {
    let nothing = [Choice { label: String::new(), set: Table::new() }];
    let columns = file.columns.as_ref().map_or(nothing.as_slice(), |axis| &axis.values);
    let (mut cells, mut names): (Vec<Cell>, Vec<String>) = (vec![], vec![]);
    for (row, down) in file.rows.values.iter().enumerate() {
        for (column, across) in columns.iter().enumerate() {
            let name = plain(&format!("{} {}", down.label, across.label));
            let mut table = over(over(base.clone(), down.set.clone()), across.set.clone());
            table.insert("name".into(), name.clone().into());
            let text = toml::to_string(&table).map_err(|error| error.to_string())?;
            let recipe = TrainRecipe::parse(&text).map_err(|error| format!("{name}: {error}"))?;
            if names.contains(&name) {
                return Err(format!(
                    "two cells are called {name}; give each row and column a label of its own"
                ));
            }
            names.push(name.clone());
            // The same recipe and seed would come to the same bit for bit.
            let is_same =
                |cell: &&Cell| cell.recipe == TrainRecipe { name: cell.name.clone(), ..recipe.clone() };
            let cell = match cells.iter().find(is_same) {
                Some(cell) => Cell { row, column, ..cell.clone() },
                None => Cell { row, column, name, recipe, text },
            };
            cells.push(cell);
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
mod tests;
