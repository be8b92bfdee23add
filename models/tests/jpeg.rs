//! JPEG pixels against Pillow's: to the bit where libjpeg-turbo was built in, close where the image crate decodes.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use simclr_models::{Limits, Picture};

/// `golden/jpeg.py` wrote it.
const GOLDEN: &str = include_str!("golden/jpeg.json");

/// Levels that a colour of a pixel may be off at most, and on average; the image crate's decoder is off by up to 11 and 1.0.
const APART_MAX: (u32, f64) = if cfg!(feature = "libjpeg-turbo") { (0, 0.0) } else { (16, 1.5) };

/// Up to so many columns with colours at half the resolution the image crate's decoder (zune-jpeg 0.5.15) mixes colours up, by
/// up to 57 levels; whoever has such pictures builds with libjpeg-turbo.
const NARROW: u32 = 8;

#[derive(Deserialize)]
struct Golden {
    made: Vec<Made>,
    /// Name under the folder of test pictures → sha256 of its pixels.
    real: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Made {
    name: String,
    width: u32,
    height: u32,
    file: String,
    rgb: String,
}

fn golden() -> Golden {
    serde_json::from_str(GOLDEN).expect("golden/jpeg.json is ours")
}

fn decode(bytes: &[u8]) -> Picture {
    Picture::decode(bytes, &Limits::default()).expect("a whole JPEG")
}

#[test]
fn small_files_of_every_kind_have_the_pixels_that_pillow_gives() {
    for made in golden().made {
        if made.width <= NARROW && !cfg!(feature = "libjpeg-turbo") {
            continue;
        }
        let picture = decode(&STANDARD.decode(&made.file).unwrap());
        let expected = STANDARD.decode(&made.rgb).unwrap();
        assert_eq!((picture.width(), picture.height()), (made.width, made.height), "{}", made.name);
        assert_eq!(picture.rgb().len(), expected.len());
        let apart = picture.rgb().iter().zip(&expected).map(|(a, b)| u32::from(a.abs_diff(*b)));
        let mean = f64::from(apart.clone().sum::<u32>()) / expected.len() as f64;
        let most = apart.max().unwrap();
        println!("{}: {most} levels apart at most, {mean:.2} on average", made.name);
        assert!(most <= APART_MAX.0 && mean <= APART_MAX.1, "{}: {most}, {mean}", made.name);
    }
}

#[test]
fn real_photographs_have_the_pixels_that_pillow_gives() {
    let Some(data) = std::env::var_os("SIMCLR_TEST_DATA") else {
        eprintln!("SKIPPED: set SIMCLR_TEST_DATA to the folder of real test pictures");
        return;
    };
    let golden = golden();
    let total = golden.real.len();
    let same = golden.real.iter().filter(|(name, hash)| {
        let path = Path::new(&data).join("transfer").join(name);
        let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let digest = Sha256::digest(decode(&bytes).rgb());
        digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>() == **hash
    });
    let same = same.count();
    println!("{same} of {total} photographs have Pillow's pixels to the bit");
    if cfg!(feature = "libjpeg-turbo") {
        assert_eq!(same, total);
    }
}
