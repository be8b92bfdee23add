//! The augmentations of a recipe: appendix A, and the further ones of figures 4 and 5.

use serde::{Deserialize, Serialize};
use simclr_models::{Filter, Recipe};

use super::problems::Problems;

/// Random views of a picture: crop and resize, flip, turn, colour jitter, drop colour, blur, Sobel, noise, cutout, in
/// this order; the paper's own are crop, flip, jitter, drop and blur (appendix A).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Views {
    /// Side of a view, in pixels.
    pub side: u32,
    /// Least and largest share of the picture's area that a crop covers; [0.08, 1] in the paper, [1, 1] for no crop.
    pub crop_area: [f64; 2],
    /// Least and largest width over height of a crop, drawn log-uniformly; [3/4, 4/3] in the paper.
    pub crop_aspect: [f64; 2],
    /// Which of a crop's measures are uniform; by area in the paper's words, by height in the published code.
    #[serde(default)]
    pub crop_draw: CropDraw,
    /// How a crop is resized, without widening where it shrinks; the published code is bicubic.
    pub filter: Filter,
    /// Probability of a left-right flip; 0.5 in the paper.
    pub flip: f64,
    /// Probability of colour jitter; 0.8 in the paper.
    pub jitter: f64,
    /// Strength s of the jitter: brightness, contrast and saturation by 0.8·s, hue by 0.2·s; 1, or 0.5 for CIFAR-10.
    pub strength: f64,
    /// Whether brightness is multiplied, as in the published code, or added to, as in the paper's.
    pub brightness: Brightness,
    /// Probability of dropping colour; 0.2 in the paper.
    pub grey: f64,
    /// Probability of Gaussian blur with σ from U(0.1, 2) and a kernel of a tenth of the side; 0.5, or 0 for CIFAR-10.
    pub blur: f64,
    /// Whether every picture has a σ of its own, as the paper says, or a batch's first and second views one each.
    #[serde(default)]
    pub blur_sigma: BlurSigma,
    /// Probability of a turn by 90°, 180° or 270°, each as likely; figure 5 alone.
    #[serde(default)]
    pub turn: f64,
    /// Probability of Sobel filtering, channel by channel; figure 5 alone.
    #[serde(default)]
    pub sobel: f64,
    /// Probability of added Gaussian noise with σ from U(0, 0.1), clipped to 0…1; figure 5 alone.
    #[serde(default)]
    pub noise: f64,
    /// Probability of painting `mean` over a square of half the side, centred anywhere; figure 5 alone.
    #[serde(default)]
    pub cutout: f64,
    /// Which of the two views are augmented.
    #[serde(default)]
    pub branches: Branches,
    /// Subtracted from red, green and blue (0…1) before the encoder; zeros in the published code.
    pub mean: [f32; 3],
    /// Then divided by; ones in the published code.
    pub deviation: [f32; 3],
}

/// How the size of a crop is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CropDraw {
    /// Area uniform, aspect log-uniform: appendix A and torchvision. With the paper's ranges 0.48 of the picture on average.
    #[default]
    Area,
    /// Aspect uniform, then height uniform, a tenth of the picture at least: what `sample_distorted_bounding_box` of
    /// TensorFlow does in the published code. With the paper's ranges 0.42 of the picture on average.
    Height,
}

/// How a brightness change is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Brightness {
    /// x + U(−0.8s, 0.8s): the paper's appendix A.
    Additive,
    /// x · U(max(1 − 0.8s, 0), 1 + 0.8s): the published code's default.
    Multiplicative,
}

/// Who shares a blur's σ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BlurSigma {
    /// Nobody: one σ a view.
    #[default]
    PerPicture,
    /// All first views of a batch share one, all second views another, as in the published code.
    PerBatch,
}

/// Which of the two views are augmented.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Branches {
    /// Both.
    #[default]
    Both,
    /// The second alone; the first is the whole picture, resized: figure 5's pairs of augmentations.
    ///
    /// The paper crops first and shares the crop between the two, since `ImageNet`'s pictures differ in size; here
    /// pictures are squares of one size already.
    One,
}

impl Views {
    pub(super) fn check(&self, problems: &mut Problems) {
        problems.require((8..=1024).contains(&self.side), "views.side must be 8 to 1024 pixels");
        let [least, most] = self.crop_area;
        let is_area = 0.0 < least && least <= most && most <= 1.0;
        problems.require(is_area, "views.crop_area must be 0 < least <= most <= 1");
        let [narrow, wide] = self.crop_aspect;
        let is_aspect = 0.1 <= narrow && narrow <= wide && wide <= 10.0;
        problems.require(is_aspect, "views.crop_aspect must be 0.1 <= least <= most <= 10");
        for (probability, field) in self.coins() {
            let rule = format!("views.{field} must be 0 to 1");
            problems.require((0.0..=1.0).contains(&probability), &rule);
        }
        problems.require((0.0..=2.5).contains(&self.strength), "views.strength must be 0 to 2.5");
        problems.require(self.deviation.iter().all(|&d| d > 0.0), "views.deviation must be above 0");
    }

    /// What a picture goes through before the trained encoder sees it: no augmentation.
    pub(super) fn preprocessing(&self) -> Recipe {
        let Self { side, mean, deviation, .. } = *self;
        // The published evaluation keeps the middle 7/8 of large pictures and everything of small ones.
        let resize = if side <= 32 { side } else { (side * 8).div_ceil(7) };
        Recipe { side, resize, filter: Filter::Bicubic, mean, deviation }
    }

    fn coins(&self) -> [(f64, &'static str); 8] {
        [
            (self.flip, "flip"),
            (self.jitter, "jitter"),
            (self.grey, "grey"),
            (self.blur, "blur"),
            (self.turn, "turn"),
            (self.sobel, "sobel"),
            (self.noise, "noise"),
            (self.cutout, "cutout"),
        ]
    }
}
