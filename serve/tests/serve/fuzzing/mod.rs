//! Mutated pictures and bodies: nothing panics, nothing is answered 5xx, time and memory stay bounded.
//!
//! One test a decoder and one for every kind of body; each is a seeded walk that keeps inputs whose outcome is new. A few
//! seconds long by default; for longer, with the input that broke something left in a file:
//! `SIMCLR_FUZZ_SECONDS=3600 cargo test --release -p simclr-serve --test serve fuzzing -- --nocapture`

mod bodies;
mod mutate;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Once;
use std::time::{Duration, Instant};

use mutate::{Dice, mend_png, mutate};
use simclr_models::{Limits, Picture};

use crate::world::artefact;

/// What one small input may take, on a machine that is busy.
const SLOWEST: Duration = Duration::from_secs(30);
/// What the whole process of the tests may hold.
const MEMORY_MAX: usize = 3 << 30;
/// Inputs kept because their outcome was new.
const KEPT_MAX: usize = 2000;

/// Says where a panic was, without a backtrace; those inside decoders, which are caught where pictures are read, are too
/// many to say.
fn speak_briefly() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        std::panic::set_hook(Box::new(|panic| {
            if panic.location().is_none_or(|place| !place.file().contains("/registry/")) {
                eprintln!("{panic}");
            }
        }));
    });
}

fn how_long() -> Duration {
    let seconds =
        std::env::var("SIMCLR_FUZZ_SECONDS").map_or(1, |text| text.parse().expect("a whole number"));
    Duration::from_secs(seconds)
}

/// Walks from `seeds` until the time is over; `target` says in words what came of an input, or what is wrong with it.
fn fuzz(
    name: &str,
    mut corpus: Vec<Vec<u8>>,
    mend: impl Fn(&mut Dice, &mut Vec<u8>),
    mut target: impl FnMut(&[u8]) -> Result<String, String>,
) {
    speak_briefly();
    let (end, mut dice, mut seen, mut tried) =
        (Instant::now() + how_long(), Dice::new(7), BTreeSet::new(), 0u64);
    for seed in corpus.clone() {
        try_one(name, &seed, &mut target);
    }
    while Instant::now() < end {
        let mut input = dice.of(&corpus).clone();
        let other = dice.of(&corpus).clone();
        mutate(&mut dice, &mut input, &other);
        mend(&mut dice, &mut input);
        let outcome = try_one(name, &input, &mut target);
        tried += 1;
        if seen.insert(outcome) && corpus.len() < KEPT_MAX {
            corpus.push(input);
        }
    }
    let peak = peak_memory();
    assert!(peak < MEMORY_MAX, "{name}: the process held {peak} bytes");
    eprintln!("fuzzing {name}: {tried} inputs, {} outcomes, peak memory {} MB", seen.len(), peak >> 20);
}

/// One input; its outcome with the digits taken out, so that outcomes are kinds.
fn try_one(name: &str, input: &[u8], target: &mut impl FnMut(&[u8]) -> Result<String, String>) -> String {
    let started = Instant::now();
    let result = catch_unwind(AssertUnwindSafe(|| target(input)))
        .unwrap_or_else(|_| Err("it panicked; the words stand above".to_owned()));
    let took = started.elapsed();
    let result = if took > SLOWEST { Err(format!("it took {took:?}")) } else { result };
    match result {
        Ok(outcome) => outcome.chars().filter(|letter| !letter.is_ascii_digit()).take(160).collect(),
        Err(wrong) => {
            let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fuzz-{name}"));
            std::fs::write(&file, input).unwrap();
            panic!("{name}: {wrong}; the input is {}", file.display());
        }
    }
}

/// The most this process ever held, in bytes.
fn peak_memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok()).unwrap_or(0) << 10
}

/// Decodes and prepares, as the server does with every picture.
fn decode(bytes: &[u8]) -> Result<String, String> {
    let limits = Limits { bytes_max: 64 << 10, pixels_max: 1_000_000 };
    match Picture::decode(bytes, &limits) {
        Ok(picture) => {
            let pixels = u64::from(picture.width()) * u64::from(picture.height());
            let prepared = artefact().recipe().prepare(&picture);
            if pixels > limits.pixels_max || prepared.iter().any(|number| !number.is_finite()) {
                return Err(format!("{picture:?} came out"));
            }
            let shades: BTreeSet<u8> = picture.rgb().iter().map(|shade| shade >> 5).collect();
            Ok(format!("fine {}", "i".repeat(shades.len() + pixels.ilog2() as usize * 8)))
        }
        Err(error) => Ok(error.to_string()),
    }
}

fn pictures(name: &str, seeds: &[&[u8]]) {
    let mend = |dice: &mut Dice, input: &mut Vec<u8>| {
        if dice.below(4) > 0 {
            mend_png(input);
        }
    };
    fuzz(name, seeds.iter().map(|seed| seed.to_vec()).collect(), mend, decode);
}

macro_rules! seeds {
    ($($name:literal),+) => { &[$(include_bytes!(concat!("seeds/", $name)).as_slice()),+] };
}

#[test]
fn jpeg() {
    pictures("jpeg", seeds!("baseline.jpg", "progressive.jpg", "restarts.jpg", "gray.jpg", "cmyk.jpg"));
}

#[test]
fn png() {
    pictures("png", seeds!("colours.png", "clear.png", "palette.png", "deep.png", "animated.png"));
}

#[test]
fn webp() {
    pictures("webp", seeds!("lossy.webp", "lossless.webp", "clear.webp", "animated.webp"));
}

#[test]
fn gif() {
    pictures("gif", seeds!("palette.gif", "animated.gif"));
}

#[test]
fn bmp() {
    pictures("bmp", seeds!("colours.bmp", "palette.bmp", "bits.bmp", "clear.bmp"));
}

#[test]
fn a_checksum_that_was_broken_is_mended() {
    let sound = include_bytes!("seeds/colours.png");
    let mut file = sound.to_vec();
    file[29] ^= 0xff;
    assert!(decode(&file).unwrap().starts_with("broken"));
    mend_png(&mut file);
    assert_eq!(file, sound);
}
