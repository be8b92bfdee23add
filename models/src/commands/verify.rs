//! `simclr-models verify`: is an artefact what it says, and does it compute what its description means?

use std::path::{Path, PathBuf};

use anyhow::ensure;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::json;
use simclr_models::{Artefact, Encoder, ImageBatch, OnnxEncoder, onnx, reference};

use crate::Report;

/// How far ONNX Runtime may be from the referee, relative to the number or to 1.
const TOLERANCE: f32 = 1e-4;
/// The same for 8-bit encoders, where a sum that lies between two numbers may be rounded either way and moves what follows.
const TOLERANCE_INT8: f32 = 5e-2;

pub(crate) fn run(artefacts: &[PathBuf]) -> Report {
    let mut report = Report { text: String::new(), json: json!([]), passed: true };
    for artefact in artefacts {
        let checks = checks(&super::locate(artefact));
        let passed = checks.iter().all(|check| check.outcome.is_ok());
        report.passed &= passed;
        report.text.push_str(&format!("{}\n", artefact.display()));
        for Check { name, outcome } in &checks {
            report.text.push_str(&match outcome {
                Ok(detail) => format!("  ok      {name}: {detail}\n"),
                Err(error) => format!("  FAILED  {name}: {error:#}\n"),
            });
        }
        let entries: Vec<_> = checks.iter().map(Check::json).collect();
        if let Some(all) = report.json.as_array_mut() {
            all.push(json!({ "artefact": artefact, "passed": passed, "checks": entries }));
        }
    }
    report
}

struct Check {
    name: &'static str,
    outcome: anyhow::Result<String>,
}

impl Check {
    fn json(&self) -> serde_json::Value {
        match &self.outcome {
            Ok(detail) => json!({ "check": self.name, "passed": true, "detail": detail }),
            Err(error) => json!({ "check": self.name, "passed": false, "detail": format!("{error:#}") }),
        }
    }
}

/// Files first; without them there is nothing else to check.
fn checks(folder: &Path) -> Vec<Check> {
    let opened = Artefact::open(folder);
    let files = |outcome| Check { name: "files", outcome };
    match opened {
        Err(error) => vec![files(Err(error.into()))],
        Ok(artefact) => vec![
            files(Ok(format!("SHA-256 {}…, card and metadata agree", artefact.space_key()))),
            Check { name: "weights", outcome: weights(&artefact) },
            Check { name: "embeddings", outcome: embeddings(&artefact) },
        ],
    }
}

fn weights(artefact: &Artefact) -> anyhow::Result<String> {
    if artefact.card().quantised.is_some() {
        onnx::read_quantised(&std::fs::read(artefact.encoder_path())?)?;
        return Ok("8-bit tensors have the description's names and shapes".to_owned());
    }
    let (_, weights) = onnx::read_weights(&std::fs::read(artefact.encoder_path())?)?;
    Ok(format!("{} tensors have the description's names and shapes and are finite", weights.tensors().len()))
}

fn embeddings(artefact: &Artefact) -> anyhow::Result<String> {
    let bytes = std::fs::read(artefact.encoder_path())?;
    let batch = noise(artefact.recipe().side as usize);
    let (slow, tolerance) = if artefact.card().quantised.is_some() {
        (reference::forward_quantised(&onnx::read_quantised(&bytes)?.1, &batch), TOLERANCE_INT8)
    } else {
        let (metadata, weights) = onnx::read_weights(&bytes)?;
        (reference::forward(&metadata.describe()?, &weights, &batch), TOLERANCE)
    };
    let fast = OnnxEncoder::open(artefact, 1)?.embed(&batch)?;
    let mut worst = 0.0_f32;
    for (slow, fast) in slow.iter().zip(&fast) {
        ensure!(slow.len() == fast.as_slice().len(), "ONNX Runtime's embeddings have another length");
        let apart = slow.iter().zip(fast.as_slice()).map(|(s, f)| (s - f).abs() / s.abs().max(1.0));
        worst = apart.fold(worst, f32::max);
    }
    ensure!(
        worst <= tolerance,
        "ONNX Runtime and the slow reference are {worst:e} apart, more than {tolerance:e}"
    );
    Ok(format!(
        "ONNX Runtime and the slow reference are {worst:.1e} apart on {} random pictures",
        batch.len()
    ))
}

/// Two pictures of the same noise every time.
fn noise(side: usize) -> ImageBatch {
    let mut random = ChaCha8Rng::seed_from_u64(0);
    let mut picture = || (0..3 * side * side).map(|_| random.random::<f32>() * 2.0 - 1.0).collect();
    ImageBatch::from_prepared(side, [picture(), picture()])
}
