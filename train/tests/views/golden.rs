//! What PyTorch's and TensorFlow's own operations answered (`tests/golden`, with the scripts that asked) against ours.
//!
//! The paper's code is TensorFlow's, so where the two differ ours is held against TensorFlow: contrast (about each
//! channel's mean; torchvision's about the picture's grey mean), saturation (scaled in HSV; torchvision mixes with
//! grey), the blur's border (zeros; torchvision reflects).

use std::collections::HashMap;

use simclr_models::Filter;
use simclr_train::recipe::{Brightness, Views};
use simclr_train::views::{Draw, DrawnCrop, DrawnJitter, augment};
use tch::{Kind, Tensor};

use crate::twin::recipe;

const SIDE: u32 = 40;
/// Changes nothing.
const STILL: DrawnJitter =
    DrawnJitter { brightness: 1.0, contrast: 1.0, saturation: 1.0, hue: 0.0, order: [0, 1, 2, 3] };

/// The arrays of a golden file by name.
pub(crate) fn golden(library: &str) -> HashMap<String, Tensor> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");
    let path = format!("{folder}/{library}_views.safetensors");
    Tensor::read_safetensors(&path).unwrap_or_else(|e| panic!("{path}: {e}")).into_iter().collect()
}

/// One view, 3×side×side.
fn view(picture: &Tensor, draw: Draw, recipe: &Views) -> Tensor {
    augment(&picture.unsqueeze(0), &[draw], recipe).unwrap().get(0)
}

fn jittered(picture: &Tensor, jitter: DrawnJitter, recipe: &Views) -> Tensor {
    view(picture, Draw { jitter: Some(jitter), ..Draw::whole() }, recipe)
}

/// Compares all but `margin` pixels along the border.
fn assert_close(name: &str, ours: &Tensor, theirs: &Tensor, margin: i64, tolerance: f64) {
    let side = theirs.size()[2];
    let middle = |x: &Tensor| x.narrow(1, margin, side - 2 * margin).narrow(2, margin, side - 2 * margin);
    let difference = (middle(ours) - middle(theirs)).abs().max().double_value(&[]);
    assert!(difference < tolerance, "{name}: {difference}");
}

#[test]
fn colours_are_torchvisions_where_it_agrees_with_tensorflow() {
    let golden = golden("torchvision");
    let (picture, recipe) = (&golden["picture"], Views { side: SIDE, ..recipe() });
    let brighter = jittered(picture, DrawnJitter { brightness: 1.3, ..STILL }, &recipe);
    assert_close("brightness", &brighter, &golden["brightness_1.3"], 0, 1e-5);
    let turned = jittered(picture, DrawnJitter { hue: 0.17, ..STILL }, &recipe);
    assert_close("hue", &turned, &golden["hue_0.17"], 0, 1e-5);
    let grey = view(picture, Draw { grey: true, ..Draw::whole() }, &recipe);
    assert_close("grey", &grey, &golden["grey"], 0, 1e-5);
    // A grey picture's channels have the mean of its grey.
    let grey = picture.mean_dim([0i64].as_slice(), true, Kind::Float).expand([3, -1, -1], false);
    let contrasted = jittered(&grey, DrawnJitter { contrast: 1.6, ..STILL }, &recipe);
    assert_close("contrast", &contrasted, &golden["grey_contrast_1.6"], 0, 1e-3);
    let blurred = view(picture, Draw { blur: Some(1.3), ..Draw::whole() }, &recipe);
    assert_close("blur", &blurred, &golden["blur_1.3"], 2, 1e-5);
}

#[test]
fn crops_are_torchvisions_away_from_the_crops_edge() {
    let golden = golden("torchvision");
    let picture = &golden["picture"];
    let side = f64::from(SIDE);
    let crop = DrawnCrop { left: 10.0 / side, top: 4.0 / side, width: 20.0 / side, height: 24.0 / side };
    let draw = || Draw { crop, ..Draw::whole() };
    let recipe = |side, filter| Views { side, filter, ..recipe() };
    // Within a tap of its edge torchvision does not see the pixels beyond the crop.
    let bilinear = view(picture, draw(), &recipe(SIDE, Filter::Bilinear));
    assert_close("bilinear", &bilinear, &golden["bilinear_crop"], 1, 1e-4);
    let bicubic = view(picture, draw(), &recipe(SIDE, Filter::Bicubic));
    let clipped = golden["bicubic_crop"].clamp(0.0, 1.0);
    assert_close("bicubic", &bicubic, &clipped, 4, 1e-5);
    // Of the whole picture the border is the same too.
    let whole = view(picture, Draw::whole(), &recipe(50, Filter::Bicubic));
    assert_close("bicubic, whole", &whole, &golden["bicubic_whole"].clamp(0.0, 1.0), 0, 1e-5);
}

#[test]
fn colours_are_tensorflows() {
    let golden = golden("tensorflow");
    let (picture, recipe) = (&golden["picture"], Views { side: SIDE, ..recipe() });
    let grey = view(picture, Draw { grey: true, ..Draw::whole() }, &recipe);
    assert_close("grey", &grey, &golden["grey"], 0, 1e-5);
    let additive = Views { brightness: Brightness::Additive, ..recipe.clone() };
    let brighter = jittered(picture, DrawnJitter { brightness: 0.2, ..STILL }, &additive);
    assert_close("brightness", &brighter, &golden["brightness_0.2"], 0, 1e-5);
    let contrasted = jittered(picture, DrawnJitter { contrast: 1.7, ..STILL }, &recipe);
    assert_close("contrast", &contrasted, &golden["contrast_1.7"], 0, 1e-5);
    let saturated = jittered(picture, DrawnJitter { saturation: 1.8, ..STILL }, &recipe);
    assert_close("saturation", &saturated, &golden["saturation_1.8"], 0, 1e-5);
    let all =
        DrawnJitter { brightness: 1.2, contrast: 0.6, saturation: 1.5, hue: -0.15, order: [3, 1, 0, 2] };
    assert_close("jitter", &jittered(picture, all, &recipe), &golden["jitter_3102"], 0, 1e-4);
}

#[test]
fn filters_are_tensorflows() {
    let golden = golden("tensorflow");
    let (picture, bicubic) = (&golden["picture"], Views { filter: Filter::Bicubic, ..recipe() });
    // Enlarged and shrunk, borders included. TensorFlow rounds places between pixels to 1/1024.
    for side in [50, 26] {
        let resized = view(picture, Draw::whole(), &Views { side, ..bicubic.clone() });
        assert_close("bicubic", &resized, &golden[&format!("bicubic_{side}")], 0, 2e-3);
    }
    let recipe = Views { side: SIDE, ..bicubic };
    let blurred = view(picture, Draw { blur: Some(1.3), ..Draw::whole() }, &recipe);
    assert_close("blur", &blurred, &golden["blur_1.3"], 0, 1e-5);
    let edges = view(picture, Draw { sobel: true, ..Draw::whole() }, &recipe);
    assert_close("sobel", &edges, &golden["sobel"], 0, 1e-5);
}
