//! One file per command: arguments in, a [`Report`](crate::Report) out. They print nothing themselves but progress.

pub(crate) mod describe;
pub(crate) mod embed;
pub(crate) mod import;
pub(crate) mod list;
pub(crate) mod quantize;
pub(crate) mod verify;

use std::path::{Path, PathBuf};

use anyhow::Context;
use simclr_models::{Artefact, Recipe};

/// Opens an artefact given by folder or by name.
pub(crate) fn open(artefact: &Path) -> anyhow::Result<Artefact> {
    let folder = locate(artefact);
    Artefact::open(&folder).with_context(|| {
        format!("{} is not a sound artefact (`simclr-models list` shows those there are)", artefact.display())
    })
}

fn locate(artefact: &Path) -> PathBuf {
    let by_name = Path::new(crate::ARTEFACTS).join(artefact);
    if !artefact.exists() && by_name.exists() { by_name } else { artefact.to_path_buf() }
}

fn recipe_words(recipe: &Recipe) -> String {
    let Recipe { side, resize, filter, mean, deviation } = recipe;
    format!(
        "shorter side to {resize} ({filter:?}), middle {side}×{side}, mean {mean:?}, deviation {deviation:?}"
    )
}

/// 23508032 as 23,508,032.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut words = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            words.push(',');
        }
        words.push(digit);
    }
    words
}

#[cfg(test)]
mod tests {
    #[test]
    fn digits_are_grouped_from_the_right() {
        let words = [0, 999, 1000, 23_508_032].map(super::grouped);
        assert_eq!(words, ["0", "999", "1,000", "23,508,032"]);
    }
}
