//! Datasets that tests write: bitmaps of a class's colour with noise.

use std::fs;
use std::path::Path;

use simclr_models::{Artefact, CardDraft, Filter, Recipe, ResNet, Stem, Training, Weights};

/// A square 24-bit bitmap (side a multiple of 4) of noise around a colour.
pub(crate) fn bitmap(side: u32, colour: [u8; 3], seed: u32) -> Vec<u8> {
    let pixels = 3 * side * side;
    let mut bytes = b"BM".to_vec();
    for number in [54 + pixels, 0, 54, 40, side, side] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend([1, 0, 24, 0]);
    bytes.extend([0; 24]);
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    for i in 0..pixels {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let noise = (state >> 24) / 4;
        // Bitmaps store blue first.
        let value = u32::from(colour[2 - (i % 3) as usize]) + noise;
        bytes.push(u8::try_from(value.min(255)).unwrap_or(255));
    }
    bytes
}

/// Three classes of `each` pictures: reddish, greenish, bluish.
pub(crate) fn colours(root: &Path, each: u32, side: u32) {
    for (class, colour) in [("red", [150, 60, 60]), ("green", [60, 150, 60]), ("blue", [60, 60, 150])] {
        fs::create_dir_all(root.join(class)).unwrap();
        for i in 0..each {
            fs::write(root.join(class).join(format!("{i:04}.bmp")), bitmap(side, colour, i)).unwrap();
        }
    }
}

/// A network of ten layers with random weights, for pictures of side 8.
#[allow(dead_code, reason = "not every test needs an encoder")]
pub(crate) fn tiny_artefact(folder: &Path) -> Artefact {
    let network = ResNet::plain(10, 0.25, Stem::SmallPicture);
    let draft = CardDraft {
        name: "tiny".to_owned(),
        recipe: Recipe { side: 8, resize: 8, filter: Filter::Bicubic, mean: [0.5; 3], deviation: [0.25; 3] },
        licence: "MIT".to_owned(),
        training: Training {
            method: "random".to_owned(),
            data: "none".to_owned(),
            epochs: 0,
            loss: None,
            recipe: String::new(),
            program: "test".to_owned(),
            earlier: vec![],
        },
    };
    Artefact::create(folder, &network, &Weights::initial(&network.describe().unwrap(), 1), draft).unwrap()
}
