//! Copies of real photographs, as the web makes them, among the pictures they were made of.

use std::fs;
use std::path::{Path, PathBuf};

use image::codecs::jpeg::JpegEncoder;
use image::imageops::{FilterType, crop_imm, flip_horizontal, resize};
use image::{ImageFormat, RgbImage};
use simclr_eval::leaks::{Options, find_leaks};
use simclr_eval::{EncoderSpec, Source};
use simclr_tests::pictures::{encoded, real_pictures};

/// Photographs: half of them are trained on, all are in the test set, those of the first half as copies.
const PHOTOGRAPHS: usize = 48;
/// Every fifth copy, from this one on, is cut at the edges.
const CUT: usize = 2;

#[test]
fn copies_of_photographs_are_found_and_others_are_not() {
    let Some(data) = real_pictures("leaks") else { return };
    let photographs = photographs(&data.join("transfer/caltech101/101_ObjectCategories"));
    assert_eq!(photographs.len(), PHOTOGRAPHS);
    let folder = tempfile::tempdir().expect("a folder");
    let (train, test) = (folder.path().join("train/thing"), folder.path().join("test/thing"));
    fs::create_dir_all(&train).expect("a folder");
    fs::create_dir_all(&test).expect("a folder");
    for (index, picture) in photographs.iter().enumerate() {
        if index < PHOTOGRAPHS / 2 {
            fs::write(train.join(format!("{index:02}.png")), encoded(picture, ImageFormat::Png))
                .expect("a file");
            fs::write(test.join(format!("copy-{index:02}.jpg")), copy(picture, index)).expect("a file");
        } else {
            fs::write(test.join(format!("other-{index:02}.jpg")), jpeg(picture, 90)).expect("a file");
        }
    }
    let dataset = simclr_datasets::open("folder", folder.path()).expect("a data set");
    let mut source = Source::open(&EncoderSpec::Pixels, None, 1).expect("an encoder");
    let sets = [dataset];
    let leaks = find_leaks(&mut source, &sets, &sets, &Options::default(), &mut ()).expect("a search");
    let mut found: Vec<(String, String)> = leaks.tests[0]
        .leaks
        .iter()
        .map(|leak| (leak.test.replace("test/thing/copy-", ""), leak.train.replace("train/thing/", "")))
        .collect();
    let strangers: Vec<_> = found.extract_if(.., |(test, _)| test.contains("other")).collect();
    assert!(strangers.is_empty(), "{strangers:?} are no copies");
    assert!(found.iter().all(|(test, train)| test[..2] == train[..2]), "{found:?}: the wrong original");
    // Copies that lost a third of their area off the middle are the hard ones; docs/RESULTS.md says how hard.
    let is_cut = |index: &usize| index % 5 == CUT;
    let (cut, whole): (Vec<usize>, Vec<usize>) = (0..PHOTOGRAPHS / 2).partition(is_cut);
    let was_found = |index: &usize| found.iter().any(|(test, _)| test[..2] == format!("{index:02}"));
    let missed: Vec<_> = whole.iter().filter(|index| !was_found(index)).collect();
    assert!(missed.len() <= 1, "{missed:?} of {whole:?} were not found");
    assert!(cut.iter().any(was_found), "none of {cut:?} was found");
}

/// The first pictures of each class.
fn photographs(classes: &Path) -> Vec<RgbImage> {
    let sorted = |folder: &Path| {
        let entries =
            fs::read_dir(folder).expect("a folder of pictures").map(|entry| entry.expect("an entry").path());
        let mut paths: Vec<PathBuf> = entries.collect();
        paths.sort();
        paths
    };
    let folders: Vec<PathBuf> = sorted(classes).into_iter().filter(|path| path.is_dir()).collect();
    let files = folders.iter().flat_map(|class| sorted(class).into_iter().take(4)).take(PHOTOGRAPHS);
    files.map(|path| image::open(path).expect("a picture").to_rgb8()).collect()
}

/// Saved badly; made smaller; cut at the edges; mirrored; or the middle square as training programs store it.
fn copy(picture: &RgbImage, index: usize) -> Vec<u8> {
    let (width, height) = picture.dimensions();
    match index % 5 {
        0 => jpeg(picture, 40),
        1 => jpeg(&resize(picture, width / 2, height / 2, FilterType::Triangle), 75),
        CUT => {
            let cut =
                crop_imm(picture, width / 12, height / 16, width * 10 / 12, height * 10 / 12).to_image();
            jpeg(&cut, 80)
        }
        3 => jpeg(&flip_horizontal(picture), 80),
        _ => {
            let side = width.min(height);
            let square = crop_imm(picture, (width - side) / 2, (height - side) / 2, side, side).to_image();
            jpeg(&resize(&square, 96, 96, FilterType::CatmullRom), 85)
        }
    }
}

fn jpeg(picture: &RgbImage, quality: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, quality).encode_image(picture).expect("a JPEG");
    bytes
}
