//! `simclr-eval bench-probe`: the path of penalties on features of any origin, for `make bench` and for comparisons with
//! other programs; not meant for people.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context;
use clap::Args;
use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};
use simclr_datasets::Mark;
use simclr_eval::probe::{Fitted, fit_path, penalties};
use simclr_eval::{Features, Labels};

#[derive(Args)]
pub(crate) struct BenchProbe {
    /// safetensors file with `features` f32 [rows, length] and `labels` i32 [rows] or `marks` u8 [rows, classes]
    features: PathBuf,
    /// Largest entry of the gradient, each measured in its feature's spread
    #[arg(long, default_value_t = 1e-6)]
    tolerance: f64,
    /// Every so many of the 45 penalties
    #[arg(long, default_value_t = 1)]
    every: usize,
    /// Threads; all cores, unless given
    #[arg(long)]
    threads: Option<usize>,
    /// File for `weight` f64 [penalties, classes, length] and `bias` f64 [penalties, classes]
    #[arg(long)]
    out: Option<PathBuf>,
}

impl BenchProbe {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        rayon::ThreadPoolBuilder::new().num_threads(super::threads(self.threads)).build_global()?;
        let (features, classes) = self.read().with_context(|| self.features.display().to_string())?;
        let penalties: Vec<f64> = penalties().into_iter().step_by(self.every.max(1)).collect();
        let started = Instant::now();
        let fits = fit_path(&features, classes, &penalties, self.tolerance)?;
        let seconds = started.elapsed().as_secs_f64();
        if let Some(out) = &self.out {
            let bytes = |of: fn(&Fitted) -> &[f64]| -> Vec<u8> {
                fits.iter().flat_map(|fit| of(fit).iter().flat_map(|x| x.to_le_bytes())).collect()
            };
            let (weight, bias) = (bytes(|fit| &fit.weight), bytes(|fit| &fit.bias));
            let shape = vec![fits.len(), classes, features.embedding_len];
            let tensors = [
                ("weight", TensorView::new(Dtype::F64, shape, &weight)?),
                ("bias", TensorView::new(Dtype::F64, vec![fits.len(), classes], &bias)?),
            ];
            std::fs::write(out, serialize(tensors, None)?).with_context(|| out.display().to_string())?;
        }
        #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
        let c = |fit: &Fitted| 1.0 / (fit.penalty * fit.rows as f64);
        println!(
            "{}",
            serde_json::json!({
                "seconds": seconds,
                "c": fits.iter().map(c).collect::<Vec<_>>(),
                "objective": fits.iter().map(|fit| fit.objective).collect::<Vec<_>>(),
                "gradient": fits.iter().map(|fit| fit.gradient).collect::<Vec<_>>(),
                "evaluations": fits.iter().map(|fit| fit.evaluations).collect::<Vec<_>>(),
            })
        );
        Ok(ExitCode::SUCCESS)
    }

    fn read(&self) -> anyhow::Result<(Features, usize)> {
        let bytes = std::fs::read(&self.features)?;
        let file = SafeTensors::deserialize(&bytes)?;
        let features = file.tensor("features")?;
        let &[rows, embedding_len] = features.shape() else {
            anyhow::bail!("`features` has the shape {:?}", features.shape());
        };
        let words = |data: &[u8]| data.as_chunks::<4>().0.to_vec();
        let embeddings: Vec<f32> = words(features.data()).into_iter().map(f32::from_le_bytes).collect();
        anyhow::ensure!(embeddings.len() == rows * embedding_len, "`features` is not f32");
        let (labels, classes) = if let Ok(marks) = file.tensor("marks") {
            let mark = |byte: &u8| match byte {
                0 => Mark::Absent,
                1 => Mark::Difficult,
                _ => Mark::Present,
            };
            let classes = marks.shape().last().copied().unwrap_or(0);
            (Labels::Marks { classes, marks: marks.data().iter().map(mark).collect() }, classes)
        } else {
            let tensor = file.tensor("labels")?;
            let label = |bytes: [u8; 4]| usize::try_from(i32::from_le_bytes(bytes));
            let labels: Vec<usize> = words(tensor.data()).into_iter().map(label).collect::<Result<_, _>>()?;
            let classes = labels.iter().max().map_or(0, |most| most + 1);
            (Labels::Classes(labels), classes)
        };
        anyhow::ensure!(labels.len() == rows && classes > 0, "{} labels for {rows} rows", labels.len());
        Ok((Features { embedding_len, embeddings, labels }, classes))
    }
}
