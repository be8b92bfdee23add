//! Official text lists: a file in, its lines with their numbers out; every complaint names file, line and expectation.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::DatasetError;

/// The longest official list has 8 MB; beyond this a file is none.
const BYTES_MAX: u64 = 256 << 20;

/// A list file; lines are trimmed, empty ones left out.
#[derive(Debug)]
pub(crate) struct List {
    pub(crate) path: PathBuf,
    lines: Vec<(usize, String)>,
}

impl List {
    /// Reads the first of `places` that exists; none, where none does.
    pub(crate) fn find(places: &[PathBuf]) -> Result<Option<Self>, DatasetError> {
        places.iter().find(|path| path.is_file()).map(|path| Self::read(path)).transpose()
    }

    /// Reads a list that must be there.
    pub(crate) fn read(path: &Path) -> Result<Self, DatasetError> {
        let length = std::fs::metadata(path).map_err(DatasetError::io(path))?.len();
        if length > BYTES_MAX {
            let problem = format!("the file has {length} bytes");
            return Err(DatasetError::layout(path, problem, "a text list", "unpack the archive again"));
        }
        let bytes = std::fs::read(path).map_err(DatasetError::io(path))?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let line = 1 + error.as_bytes()[..error.utf8_error().valid_up_to()]
                .iter()
                .filter(|&&b| b == b'\n')
                .count();
            DatasetError::line(
                path,
                line,
                "bytes that are no UTF-8",
                "a text list",
                "unpack the archive again",
            )
        })?;
        let lines = text.lines().zip(1..).map(|(line, number)| (number, line.trim().to_owned()));
        Ok(Self { path: path.to_path_buf(), lines: lines.filter(|(_, line)| !line.is_empty()).collect() })
    }

    /// How many lines are not empty.
    pub(crate) fn len(&self) -> usize {
        self.lines.len()
    }

    /// Lines with their numbers, which begin at 1.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.lines.iter().map(|(number, line)| (*number, line.as_str()))
    }

    /// Lines after the header.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (usize, &str)> {
        self.lines().skip(1)
    }

    /// The lines alone.
    pub(crate) fn texts(&self) -> Vec<String> {
        self.lines.iter().map(|(_, line)| line.clone()).collect()
    }

    /// What is wrong in a line.
    pub(crate) fn wrong(&self, line: usize, problem: impl Into<String>, expected: &str) -> DatasetError {
        let advice = "unpack the official archive again, and do not mix its lists with another's";
        DatasetError::line(&self.path, line, problem, expected, advice)
    }

    /// The file ends too early for what it should be.
    pub(crate) fn too_short(&self, problem: impl Into<String>, expected: &str) -> DatasetError {
        self.wrong(self.lines.last().map_or(0, |(number, _)| *number) + 1, problem, expected)
    }
}

/// Places of names, to look labels up by.
pub(crate) fn places(names: &[String]) -> HashMap<&str, usize> {
    names.iter().enumerate().map(|(place, name)| (name.as_str(), place)).collect()
}

/// Finds names that come twice, in one list or in two.
#[derive(Debug, Default)]
pub(crate) struct Once {
    seen: HashMap<String, (PathBuf, usize)>,
}

impl Once {
    /// Refuses a name that came before.
    pub(crate) fn check(&mut self, list: &List, line: usize, name: &str) -> Result<(), DatasetError> {
        match self.seen.insert(name.to_owned(), (list.path.clone(), line)) {
            None => Ok(()),
            Some((path, before)) => {
                let problem = format!("`{name}` is already in line {before} of {}", path.display());
                Err(list.wrong(line, problem, "every picture in one place of one split's list"))
            }
        }
    }
}

/// Refuses two lists whose lengths are the official ones of each other.
pub(crate) fn not_swapped(train: &List, test: &List, official: (usize, usize)) -> Result<(), DatasetError> {
    let lengths = (train.len(), test.len());
    if lengths.0 != lengths.1 && lengths == (official.1, official.0) {
        let problem = format!(
            "the list ends after {} pictures, as many as the official {} has: the two files are swapped",
            lengths.0,
            test.path.display()
        );
        return Err(train.too_short(problem, &format!("{} pictures here, {} there", official.0, official.1)));
    }
    Ok(())
}
