//! `simclr-models describe`: a network's steps as a table that can be compared with the paper, and its counts.

use std::fmt::Write;

use serde_json::{Value as Json, json};
use simclr_models::{Artefact, Card, Description, HeadLayers, Op, Padding, Param, ResNet, Step};

use super::{grouped, list::score_words, recipe_words};
use crate::Report;

pub(crate) fn network(network: &ResNet, side: u32) -> anyhow::Result<Report> {
    described(network, None, side)
}

fn described(network: &ResNet, head: Option<&HeadLayers>, side: u32) -> anyhow::Result<Report> {
    let description = network.describe_to(head)?;
    let rows = rows(&description, side as usize);
    let text = format!("{network}\n\n{}", table(&description, &rows, side));
    let mut json = counts(&description, &rows);
    json["network"] = json!(network);
    json["side"] = json!(side);
    Ok(Report { text, json, passed: true })
}

pub(crate) fn artefact(artefact: &Artefact) -> anyhow::Result<Report> {
    let card = artefact.card();
    let of_network = described(&card.network, card.output.as_ref(), card.recipe.side)?;
    let mut json = of_network.json;
    json["card"] = json!(card);
    Ok(Report { text: card_words(card) + &of_network.text, json, passed: true })
}

fn card_words(card: &Card) -> String {
    let Card { name, licence, checksum, recipe, training, scores, .. } = card;
    let mut text = format!("{name}\nlicence   {licence}\nsha256    {checksum}\n");
    let _ = writeln!(text, "recipe    {}", recipe_words(recipe));
    let _ = writeln!(
        text,
        "training  {} on {}, {} epochs, {}",
        training.method, training.data, training.epochs, training.program
    );
    if !training.earlier.is_empty() {
        let epochs: Vec<String> = training.earlier.iter().map(|run| run.epochs.to_string()).collect();
        let _ = writeln!(text, "earlier   {} epochs of the runs it began with", epochs.join(" and "));
    }
    if let Some(HeadLayers { layers, head }) = card.output {
        let _ = writeln!(text, "output    layer {layers} of the projection head's {}, not h", head.layers);
    }
    for score in scores {
        let _ = writeln!(text, "score     {} ({})", score_words(score), score.command);
    }
    text + "\n"
}

/// One step with what follows from the picture's side.
struct Row {
    operation: &'static str,
    name: String,
    detail: String,
    inputs: Vec<usize>,
    channels: usize,
    side: usize,
    learned: usize,
    multiplications: usize,
}

impl Row {
    /// A row for a step that keeps its input's shape.
    fn unchanged(step: &Step, channels: usize, side: usize) -> Self {
        Self {
            operation: "",
            name: String::new(),
            detail: String::new(),
            inputs: step.inputs.clone(),
            channels,
            side,
            learned: step.op.params().iter().filter(|p| p.kind.is_learned()).map(Param::len).sum(),
            multiplications: 0,
        }
    }
}

fn rows(description: &Description, side: usize) -> Vec<Row> {
    let mut rows: Vec<Row> = vec![];
    for step in description.steps() {
        let (channels, side) =
            step.inputs.first().map_or((3, side), |&at| (rows[at].channels, rows[at].side));
        rows.push(row(step, channels, side));
    }
    rows
}

/// The row of a step whose first input has these channels and this side.
fn row(step: &Step, channels: usize, side: usize) -> Row {
    let mut row = Row::unchanged(step, channels, side);
    match &step.op {
        Op::Input => row.operation = "input",
        Op::Conv { name, input, output, kernel, stride, padding } => {
            (row.operation, row.name, row.channels) = ("conv", name.clone(), *output);
            row.side = windows(side, *kernel, *stride, *padding);
            row.detail = format!("{kernel}×{kernel}, stride {stride}");
            row.multiplications = row.side * row.side * output * input * kernel * kernel;
        }
        Op::BatchNorm { name, starts_at_zero, .. } => {
            (row.operation, row.name) = ("batch-norm", name.clone());
            row.detail = if *starts_at_zero { "scale starts at 0".into() } else { String::new() };
        }
        Op::Linear { name, input, output, .. } => {
            (row.operation, row.name, row.channels) = ("linear", name.clone(), *output);
            row.multiplications = input * output;
        }
        Op::Relu => row.operation = "relu",
        Op::Add => row.operation = "add",
        Op::MaxPool { kernel, stride, padding } => {
            row.operation = "max-pool";
            row.side = windows(side, *kernel, *stride, *padding);
            row.detail =
                format!("{kernel}×{kernel}, stride {stride}, padded {}+{}", padding.before, padding.after);
        }
        Op::MeanPool { kernel, stride, padding, .. } => {
            row.operation = "mean-pool";
            row.side = windows(side, *kernel, *stride, *padding);
            row.detail =
                format!("{kernel}×{kernel}, stride {stride}, padded {}+{}", padding.before, padding.after);
        }
        Op::MeanOfHalves => {
            (row.operation, row.channels, row.side) = ("mean of halves", channels / 2, 1);
        }
        Op::MixHalves => (row.operation, row.channels) = ("mix halves", channels / 2),
        Op::MeanOverPixels => (row.operation, row.side) = ("mean over pixels", 1),
    }
    row
}

/// How many windows fit along a side.
fn windows(side: usize, kernel: usize, stride: usize, padding: Padding) -> usize {
    (side + padding.before + padding.after).saturating_sub(kernel) / stride + 1
}

fn table(description: &Description, rows: &[Row], side: u32) -> String {
    let mut text = format!(
        "step  {:<16}  {:<22}  {:<26}  {:>9}  {:<13}  {:>10}\n",
        "operation", "name", "", "inputs", "output", "learned"
    );
    for (at, row) in rows.iter().enumerate() {
        let inputs = row.inputs.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let output = format!("{}×{}×{}", row.channels, row.side, row.side);
        let learned = if row.learned == 0 { String::new() } else { grouped(row.learned) };
        let line = format!(
            "{at:>4}  {:<16}  {:<22}  {:<26}  {inputs:>9}  {output:<13}  {learned:>10}",
            row.operation, row.name, row.detail
        );
        let _ = writeln!(text, "{}", line.trim_end());
    }
    let _ = writeln!(
        text,
        "\n{} steps, {} tensors, {} learned numbers, embeddings of {}\n{} multiplications for a {side}×{side} picture",
        rows.len(),
        description.params().len(),
        grouped(description.learned_len()),
        grouped(description.output_len()),
        grouped(multiplications(rows)),
    );
    text
}

fn multiplications(rows: &[Row]) -> usize {
    rows.iter().map(|row| row.multiplications).sum()
}

fn counts(description: &Description, rows: &[Row]) -> Json {
    let steps = rows.iter().map(|row| {
        json!({ "operation": row.operation, "name": row.name, "inputs": row.inputs, "learned": row.learned,
                "output": [row.channels, row.side, row.side] })
    });
    json!({
        "steps": steps.collect::<Vec<_>>(),
        "tensors": description.params().len(),
        "learned": description.learned_len(),
        "embedding_len": description.output_len(),
        "multiplications": multiplications(rows),
    })
}
