//! Judged pictures by name, for pages that show them: datasets in, small inlined images out.

use std::collections::HashMap;

use simclr_datasets::{Dataset, Sample, Split};
use simclr_models::Limits;

use super::page::thumbnail;

/// The pictures of the datasets at hand.
#[derive(Default)]
pub struct Pictures {
    samples: HashMap<(String, String), Sample>,
}

impl Pictures {
    /// Of these datasets; nothing is read before it is shown.
    pub fn of(datasets: &[Dataset]) -> Self {
        let mut samples = HashMap::new();
        for dataset in datasets {
            for sample in Split::ALL.into_iter().filter_map(|split| dataset.split(split)).flatten() {
                samples.insert((dataset.name.clone(), sample.name()), sample.clone());
            }
        }
        Self { samples }
    }

    /// A picture as an image element; none where it is not at hand or cannot be read.
    pub(crate) fn show(&self, dataset: &str, name: &str, title: &str) -> Option<String> {
        let sample = self.samples.get(&(dataset.to_owned(), name.to_owned()))?;
        let picture = sample.load(&Limits::default()).ok()?;
        Some(thumbnail(&picture, title)).filter(|image| !image.is_empty())
    }
}
