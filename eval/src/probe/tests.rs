//! The probe against slow twins: finite differences, a long plain descent, and files that lie.

use std::path::Path;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::lbfgs::Objective;
use super::loss::Targets;
use super::moments::Moments;
use super::objective::Regression;
use super::*;
use crate::{Features, Labels};

/// Correlated features of three classes that overlap; the first feature is large, the last nearly constant.
fn clouds(rows: usize, len: usize, classes: usize) -> Features {
    let mut random = ChaCha8Rng::seed_from_u64(3);
    let (mut embeddings, mut labels) = (Vec::new(), Vec::new());
    for row in 0..rows {
        let label = row % classes;
        let common: f32 = random.random_range(-1.0..1.0);
        for feature in 0..len {
            let own: f32 = random.random_range(-1.0..1.0);
            let centre = if feature % classes == label { 0.5 } else { 0.0 };
            let unit = if feature == 0 {
                3.0
            } else if feature + 1 == len {
                0.05
            } else {
                1.0
            };
            embeddings.push(2.0 + unit * (centre + common + 0.7 * own));
        }
        labels.push(label);
    }
    Features { embedding_len: len, embeddings, labels: Labels::Classes(labels) }
}

/// Mean cross-entropy and λ/2·‖W‖² as the definition has it, on the features as they are.
fn definition(features: &Features, classes: usize, penalty: f64, weight: &[f64], bias: &[f64]) -> f64 {
    let len = features.embedding_len;
    let mut loss = 0.0;
    for (row, &label) in features.labels.classes().unwrap().iter().enumerate() {
        let scores: Vec<f64> = (0..classes)
            .map(|c| {
                bias[c] + (0..len).map(|j| weight[c * len + j] * f64::from(features.row(row)[j])).sum::<f64>()
            })
            .collect();
        loss += scores.iter().map(|s| s.exp()).sum::<f64>().ln() - scores[label];
    }
    loss / features.len() as f64 + 0.5 * penalty * weight.iter().map(|w| w * w).sum::<f64>()
}

#[test]
fn gradient_agrees_with_finite_differences() {
    let (features, classes) = (clouds(600, 5, 3), 3);
    let moments = Moments::of(&features);
    let objective =
        Regression::new(&features, Targets::from(&features.labels), classes, &moments, (0.01, None)).unwrap();
    let mut random = ChaCha8Rng::seed_from_u64(5);
    let point: Vec<f64> = (0..classes * 6).map(|_| random.random_range(-0.5..0.5)).collect();
    let mut gradient = vec![0.0; point.len()];
    objective.evaluate(&point, &mut gradient);
    for i in 0..point.len() {
        let at = |by: f64| {
            let mut moved = point.clone();
            moved[i] += by;
            objective.evaluate(&moved, &mut vec![0.0; point.len()])
        };
        let slope = (at(1e-5) - at(-1e-5)) / 2e-5;
        assert!((slope - gradient[i]).abs() < 1e-8, "{i}: {slope} {}", gradient[i]);
    }
}

#[test]
fn the_fit_is_where_a_long_plain_descent_ends() {
    let (features, classes, penalty) = (clouds(45, 4, 3), 3, 0.02);
    let fitted = fit(&features, classes, penalty).unwrap();
    let at = |w: &[f64], b: &[f64]| definition(&features, classes, penalty, w, b);
    assert!((at(&fitted.weight, &fitted.bias) - fitted.objective).abs() < 1e-12);

    let (mut weight, mut bias) = (vec![0.0; classes * 4], vec![0.0; classes]);
    // Plain descent on the features as they are; the step is below 2 / the largest curvature.
    for _ in 0..60_000 {
        let (mut by_weight, mut by_bias) =
            (weight.iter().map(|w| penalty * w).collect::<Vec<_>>(), vec![0.0; classes]);
        for (row, &label) in features.labels.classes().unwrap().iter().enumerate() {
            let x: Vec<f64> = features.row(row).iter().map(|&x| f64::from(x)).collect();
            let raised: Vec<f64> = (0..classes)
                .map(|c| (bias[c] + (0..4).map(|j| weight[c * 4 + j] * x[j]).sum::<f64>()).exp())
                .collect();
            let all: f64 = raised.iter().sum();
            for c in 0..classes {
                let off = (raised[c] / all - if c == label { 1.0 } else { 0.0 }) / features.len() as f64;
                by_bias[c] += off;
                (0..4).for_each(|j| by_weight[c * 4 + j] += off * x[j]);
            }
        }
        weight.iter_mut().zip(&by_weight).for_each(|(w, g)| *w -= 0.05 * g);
        bias.iter_mut().zip(&by_bias).for_each(|(b, g)| *b -= 0.05 * g);
    }
    assert!(
        (at(&weight, &bias) - fitted.objective).abs() < 1e-9,
        "{} {}",
        at(&weight, &bias),
        fitted.objective
    );
    for (a, b) in fitted.weight.iter().zip(&weight) {
        assert!((a - b).abs() < 1e-3, "{:?} {weight:?}", fitted.weight);
    }
    assert!(fitted.gradient < 1e-5, "{}", fitted.gradient);
}

#[test]
fn more_penalty_means_smaller_weights_and_separable_data_converges() {
    let mut features = clouds(300, 4, 3);
    for (row, label) in features.labels.classes().unwrap().to_vec().into_iter().enumerate() {
        features.embeddings[row * 4 + 1] = 10.0 * label as f32;
    }
    let size = |penalty| fit(&features, 3, penalty).unwrap().weight.iter().map(|w| w * w).sum::<f64>();
    assert!(size(1e-6) > size(1e-3) && size(1e-3) > size(1.0) && size(1e4) < 1e-6);
}

#[test]
fn the_sweep_chooses_on_validation_and_fits_on_both() {
    let features = clouds(1200, 12, 3);
    let (train, validation): (Vec<usize>, Vec<usize>) = (0..1200).partition(|i| i % 7 != 0);
    let mut told = Vec::new();
    let fitted = sweep(&features, (&train, &validation), 3, &penalties(), &mut |n| {
        told.push(n);
    })
    .unwrap();
    assert_eq!((told.len(), fitted.trials.len(), fitted.rows), (46, 45, 1200));
    let most = fitted.trials.iter().map(|t| t.validation).fold(0.0, f64::max);
    let equals = fitted.trials.iter().filter(|t| t.validation == most);
    let first = equals.min_by(|a, b| a.loss.total_cmp(&b.loss)).unwrap();
    assert_eq!(Some(first.relative), fitted.relative);
    assert!((first.penalty * train.len() as f64 / (fitted.penalty * 1200.0) - 1.0).abs() < 1e-12);
    let cold = fit(&features, 3, fitted.penalty).unwrap();
    assert!(
        (cold.objective / fitted.objective - 1.0).abs() < 1e-6,
        "{} {}",
        cold.objective,
        fitted.objective
    );
    assert!(matches!(
        sweep(&features, (&train, &[]), 3, &penalties(), &mut |_| {}),
        Err(EvalError::TooFew(_))
    ));
}

#[test]
fn the_sweep_is_the_same_whatever_the_features_units() {
    let features = clouds(600, 6, 3);
    let (train, validation): (Vec<usize>, Vec<usize>) = (0..600).partition(|i| i % 5 != 0);
    let fitted = |unit: f32| {
        let mut scaled = features.clone();
        scaled.embeddings.iter_mut().for_each(|x| *x *= unit);
        sweep(&scaled, (&train, &validation), 3, &penalties(), &mut |_| {}).unwrap()
    };
    let (as_is, small) = (fitted(1.0), fitted(1.0 / 4096.0));
    assert!((as_is.penalty / small.penalty / 4096.0_f64.powi(2) - 1.0).abs() < 1e-9);
    assert!((as_is.objective - small.objective).abs() < 1e-9);
    for (a, b) in as_is.trials.iter().zip(&small.trials) {
        assert!((a.validation - b.validation).abs() < 1e-9, "{a:?} {b:?}");
    }
}

#[test]
fn features_that_cannot_be_fitted_are_reported() {
    let mut features = clouds(60, 4, 3);
    features.embeddings[5] = f32::NAN;
    let text = fit(&features, 3, 0.1).unwrap_err().to_string();
    assert!(text.contains("did not converge"), "{text}");
}

fn probe() -> Probe {
    let fitted = fit(&clouds(90, 4, 3), 3, 0.1).unwrap();
    let classes = ["a", "b", "c"].map(str::to_owned);
    Probe { score: Some(62.5), ..Probe::new("clouds", "made up", &classes, "0123456789abcdef", &fitted) }
}

#[test]
fn saved_and_loaded_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("probes/clouds.safetensors");
    probe().save(&path).unwrap();
    probe().save(&path).unwrap();
    assert_eq!(Probe::load(&path).unwrap(), probe());
    assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
}

#[test]
fn probabilities_sum_to_one_and_lengths_are_checked() {
    let probabilities = probe().predict(&[1.0, 2.0, 3.0, 4.0]).unwrap();
    assert!((probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-6);
    assert!(probabilities.iter().all(|&p| p > 0.0) && probabilities.len() == 3);
    let text = probe().predict(&[1.0]).unwrap_err().to_string();
    assert!(text.contains("length 1") && text.contains('4'), "{text}");
}

#[test]
fn files_that_lie_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.safetensors");
    let load = |path: &Path| Probe::load(path).unwrap_err().to_string();
    let written = |change: &dyn Fn(&mut Probe)| {
        let mut probe = probe();
        change(&mut probe);
        std::fs::write(&path, probe.to_bytes().unwrap_or_default()).unwrap();
        load(&path)
    };
    assert!(written(&|p| p.classes[2] = "a".to_owned()).contains("class `a` occurs twice"));
    assert!(written(&|p| p.weight[3] = f32::INFINITY).contains("NaN or infinite"));
    assert!(written(&|p| p.space_key.clear()).contains("space key"));
    let mut bytes = probe().to_bytes().unwrap();
    let at = bytes.windows(18).position(|w| w == b"embedding_len\\\":4,").unwrap();
    bytes[at + 16] = b'3';
    std::fs::write(&path, &bytes).unwrap();
    let text = load(&path);
    assert!(text.contains("[3, 4]") && text.contains("[3, 3]") && text.contains("x.safetensors"), "{text}");
    let mut bytes = probe().to_bytes().unwrap();
    bytes.truncate(bytes.len() - 3);
    std::fs::write(&path, &bytes).unwrap();
    assert!(load(&path).contains("not a usable probe"));
    std::fs::write(&path, b"junk").unwrap();
    assert!(load(&path).contains("not a usable probe"));
    assert!(load(&folder.path().join("none")).contains("none"));
    let mut broken = probe();
    broken.bias.pop();
    assert!(broken.save(&path).unwrap_err().to_string().contains("2 biases for 3 classes"));
}
