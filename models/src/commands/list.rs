//! `simclr-models list`: the artefacts of a folder, one line each.

use std::path::Path;

use serde_json::json;
use simclr_models::{Artefact, Card, CardScore};

use crate::Report;

pub(crate) fn run(folder: &Path) -> anyhow::Result<Report> {
    let artefacts = Artefact::list(folder)?;
    let entries = artefacts.iter().map(|a| json!({ "folder": a.folder(), "card": a.card() })).collect();
    let text = if artefacts.is_empty() {
        format!("no artefact in {}\n", folder.display())
    } else {
        artefacts.iter().map(|a| lines(a.card())).collect()
    };
    Ok(Report { text, json: serde_json::Value::Array(entries), passed: true })
}

fn lines(card: &Card) -> String {
    let Card { name, network, recipe, embedding_len, training, scores, .. } = card;
    let mut text = format!(
        "{name}\n    {network}, {}×{} pictures, embeddings of {embedding_len}\n    {} on {}, {} epochs\n",
        recipe.side, recipe.side, training.method, training.data, training.epochs,
    );
    for score in scores {
        text.push_str(&format!("    {}\n", score_words(score)));
    }
    text
}

pub(super) fn score_words(score: &CardScore) -> String {
    let CardScore { data, split, metric, method, value, .. } = score;
    format!("{data} {split} {metric}, {method}: {value}")
}
