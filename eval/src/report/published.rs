//! Figures of the SimCLR paper (Chen et al. 2020, arXiv 2002.05709) that a report stands beside.

use serde::Serialize;

/// Where the figures are from.
pub(crate) const SOURCE: &str =
    "Chen et al. 2020 (arXiv 2002.05709), linear evaluation: Table 8 (4×) and Table B.5 (1×)";

/// What was published of one network.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Published {
    /// How reports call it.
    pub(crate) name: &'static str,
    /// Percent, in the order of [`DATASETS`], in each dataset's own metric.
    pub(crate) values: [f64; 12],
}

/// The twelve datasets, in the paper's order, by their names in the catalog.
pub(crate) const DATASETS: [&str; 12] = [
    "food101",
    "cifar10",
    "cifar100",
    "birdsnap",
    "sun397",
    "cars",
    "aircraft",
    "voc2007",
    "dtd",
    "pets",
    "caltech101",
    "flowers",
];

/// Linear evaluation of ResNet-50 pretrained on ImageNet.
pub(crate) const LINEAR: [Published; 4] = [
    Published {
        name: "SimCLR, ResNet-50 1×",
        values: [68.4, 90.6, 71.6, 37.4, 58.8, 50.3, 50.3, 80.5, 74.5, 83.6, 90.3, 91.2],
    },
    Published {
        name: "supervised, ResNet-50 1×",
        values: [72.3, 93.6, 78.3, 53.7, 61.9, 66.7, 61.0, 82.8, 74.9, 91.5, 94.5, 94.7],
    },
    Published {
        name: "SimCLR, ResNet-50 4×",
        values: [76.9, 95.3, 80.2, 48.4, 65.9, 60.0, 61.2, 84.2, 78.9, 89.2, 93.9, 95.0],
    },
    Published {
        name: "supervised, ResNet-50 4×",
        values: [75.2, 95.7, 81.2, 56.4, 64.9, 68.8, 63.8, 83.8, 78.7, 92.3, 94.1, 94.2],
    },
];

/// Fine-tuning of SimCLR's ResNet-50, pretrained on ImageNet (Table B.5).
pub(crate) const FINE_TUNED: Published = Published {
    name: "SimCLR, ResNet-50 1×",
    values: [88.2, 97.7, 85.9, 75.9, 63.5, 91.3, 88.1, 84.1, 73.2, 89.2, 92.1, 97.0],
};

impl Published {
    /// Percent on a dataset, where it is one of the twelve.
    pub(crate) fn on(&self, dataset: &str) -> Option<f64> {
        DATASETS.iter().position(|name| *name == dataset).map(|index| self.values[index])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_means_are_those_of_the_paper() {
        // 70.6 is the mean of the printed row of SimCLR 1×.
        let mean = LINEAR[0].values.iter().sum::<f64>() / 12.0;
        assert!((mean - 70.6).abs() < 0.05, "{mean}");
        assert!(DATASETS.iter().all(|name| simclr_datasets::entry(name).is_ok()));
        assert_eq!((LINEAR[2].on("cifar10"), LINEAR[2].on("folder")), (Some(95.3), None));
    }
}
