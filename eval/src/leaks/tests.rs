//! Copies must be found as a search of all pairs finds them, strangers must not; and the page must show what was found.

use std::fs;
use std::path::Path;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use simclr_datasets::{Dataset, Split, open};
use simclr_models::{Limits, Picture};

use super::print::Print;
use super::search::{Seen, find};
use super::{Leaks, Options, align, find_leaks};
use crate::{EncoderSpec, Source};

const SIDE: u32 = 48;

/// A picture of soft random blobs.
fn drawn(seed: u64) -> Vec<u8> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut number = |low: f32, high: f32| random.random_range(low..high);
    let blobs: Vec<[f32; 6]> = (0..25)
        .map(|_| {
            [
                number(0.0, 48.0),
                number(0.0, 48.0),
                number(2.0, 7.0),
                number(0.0, 1.0),
                number(0.0, 1.0),
                number(0.0, 1.0),
            ]
        })
        .collect();
    let mut rgb = vec![];
    for i in 0..SIDE * SIDE {
        #[expect(clippy::cast_precision_loss, reason = "small")]
        let (x, y) = ((i % SIDE) as f32, (i / SIDE) as f32);
        let mut colour = [0.4_f32; 3];
        for [u, v, wide, red, green, blue] in &blobs {
            let near = (-((x - u).powi(2) + (y - v).powi(2)) / (2.0 * wide * wide)).exp();
            for (c, target) in colour.iter_mut().zip([red, green, blue]) {
                *c += near * (target - *c);
            }
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 255")]
        rgb.extend(colour.map(|c| (c * 255.0) as u8));
    }
    rgb
}

fn mirrored(rgb: &[u8]) -> Vec<u8> {
    let row = 3 * SIDE as usize;
    rgb.chunks_exact(row)
        .flat_map(|line| line.chunks_exact(3).rev().flatten().copied().collect::<Vec<_>>())
        .collect()
}

fn dimmed(rgb: &[u8]) -> Vec<u8> {
    rgb.iter().map(|&level| 20 + level / 2).collect()
}

fn write(folder: &Path, name: &str, rgb: Vec<u8>) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join(name), Picture::new(SIDE, SIDE, rgb).unwrap().to_png().unwrap()).unwrap();
}

/// Thirty training pictures of two classes; six test pictures, four of them copies.
fn sets(folder: &Path) -> (Dataset, Dataset) {
    for i in 0..30 {
        let class = if i % 2 == 0 { "a<b>" } else { "c" };
        write(&folder.join("one/train").join(class), &format!("{i:02}.png"), drawn(i));
    }
    let test = folder.join("two/test");
    write(&test.join("a<b>"), "exact.png", drawn(4));
    write(&test.join("a<b>"), "mirrored.png", mirrored(&drawn(7)));
    write(&test.join("a<b>"), "stranger.png", drawn(1000));
    write(&test.join("c"), "dimmed.png", dimmed(&drawn(9)));
    write(&test.join("c"), "stranger.png", drawn(1001));
    write(&folder.join("two/train/a<b>"), "x.png", drawn(2000));
    write(&folder.join("two/train/c"), "x.png", drawn(2001));
    fs::write(test.join("c/torn.png"), b"\x89PNG\r\n\x1a\nnothing").unwrap();
    (open("folder", &folder.join("one")).unwrap(), open("folder", &folder.join("two")).unwrap())
}

#[test]
fn copies_are_found_named_shown_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (train, test) = sets(folder.path());
    let mut source = Source::open(&EncoderSpec::Pixels, None, 1).unwrap();
    let (train, tests) = ([train], [test]);
    let options = Options::default();
    let leaks = find_leaks(&mut source, &train, &tests, &options, &mut ()).unwrap();
    let found: Vec<(&str, &str, bool)> =
        leaks.tests[0].leaks.iter().map(|l| (l.test.as_str(), l.train.as_str(), l.is_exact)).collect();
    let expected = [
        ("test/a<b>/exact.png", "train/a<b>/04.png", true),
        ("test/a<b>/mirrored.png", "train/c/07.png", false),
        ("test/c/dimmed.png", "train/c/09.png", false),
    ];
    assert_eq!(found, expected);
    assert_eq!(leaks.tests[0].looked.broken, ["test/c/torn.png"]);
    assert_eq!((leaks.tests[0].looked.pictures, leaks.train[0].pictures), (5, 30));
    let mut clean = tests[0].clone();
    assert_eq!(leaks.exclude(&mut clean).unwrap(), 3);
    let counts = clean.counts(Split::Test).unwrap();
    assert_eq!((counts.used, counts.official), (3, 6));
    assert!(clean.split(Split::Test).unwrap().iter().all(|s| !s.name().contains("exact")));
    let text = leaks.exclude(&mut train[0].clone()).unwrap_err().to_string();
    assert!(text.contains("of 3 pictures 0 are here"), "{text}");
    clean.name = "mine".to_owned();
    assert!(leaks.exclude(&mut clean).unwrap_err().to_string().contains("not searched, but folder"));

    let page = leaks.page(&train, &tests, &options.limits);
    assert_eq!(page.matches("<img ").count(), 6);
    assert!(page.contains("a&lt;b&gt;") && !page.contains("a<b>"), "class names are not escaped");
    assert!(page.contains("torn.png") && page.contains("60.00 %"));

    let path = folder.path().join("leaks.json");
    fs::write(&path, serde_json::to_string(&leaks).unwrap()).unwrap();
    assert_eq!(Leaks::load(&path).unwrap(), leaks);
    fs::write(&path, serde_json::to_string(&leaks).unwrap().replace("leaks-1", "leaks-9")).unwrap();
    assert!(Leaks::load(&path).unwrap_err().to_string().contains("simclr-leaks-9"));
}

fn seen(pictures: &[Vec<u8>]) -> Seen {
    let print = |rgb: &Vec<u8>| Print::of(&Picture::new(SIDE, SIDE, rgb.clone()).unwrap());
    let embedding = |rgb: &Vec<u8>| rgb.iter().step_by(97).map(|&level| f32::from(level)).collect::<Vec<_>>();
    Seen {
        prints: pictures.iter().map(print).collect(),
        embeddings: pictures.iter().flat_map(embedding).collect(),
        embedding_len: embedding(&pictures[0]).len(),
    }
}

/// The twin looks at every pair, and at every pair as closely as it can.
#[test]
fn finds_what_looking_at_all_pairs_finds() {
    let train: Vec<Vec<u8>> = (0..12).map(drawn).collect();
    let changed = |i: u64| match i % 4 {
        0 => drawn(i),
        1 => mirrored(&drawn(i)),
        2 => dimmed(&drawn(i)),
        _ => drawn(500 + i),
    };
    let (train, test) = (seen(&train), seen(&(0..8).map(changed).collect::<Vec<_>>()));
    let options = Options { above: 0.7, ..Options::default() };
    let found: Vec<_> =
        find(&train, &test, &options, &mut |_| {}).unwrap().iter().map(|m| (m.test, m.train)).collect();
    let mut expected = Vec::new();
    for (i, print) in test.prints.iter().enumerate() {
        let alike = |other: &Print| align::similarity(&print.shades, &other.shades, true);
        let best = train.prints.iter().map(alike).enumerate().max_by(|a, b| a.1.total_cmp(&b.1)).unwrap();
        if best.1 >= options.above {
            expected.push((i, best.0));
        }
    }
    assert_eq!(found, expected);
    assert_eq!(found.len(), 6);
}

#[test]
fn a_set_without_pictures_to_look_at_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (train, _) = sets(folder.path());
    let mut source = Source::open(&EncoderSpec::Pixels, None, 1).unwrap();
    let (one, two) = ([train.clone()], [train]);
    let text = find_leaks(&mut source, &one, &two, &Options::default(), &mut ()).unwrap_err().to_string();
    assert!(text.contains("folder") && text.contains("no test"), "{text}");
    let limits = Limits { bytes_max: 10, ..Limits::default() };
    let options = Options { limits, ..Options::default() };
    let text = find_leaks(&mut source, &one, &two, &options, &mut ()).unwrap_err().to_string();
    assert!(text.contains("no picture that can be read"), "{text}");
}
