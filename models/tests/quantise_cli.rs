//! `simclr-models quantize` itself: what it prints, writes and refuses.

mod common;

use std::path::Path;
use std::process::{Command, Output};

use common::{TINY, draft, random_weights};
use image::{Rgb, RgbImage};
use serde_json::Value as Json;
use simclr_models::Artefact;

fn quantize(arguments: &[&Path], more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_simclr-models"));
    command.arg("quantize").args(arguments).args(more).output().expect("the program starts")
}

/// A float artefact `a`, and a folder `pictures` of 24 pictures, some of them in a folder below.
fn prepare(place: &Path) {
    let weights = random_weights(&TINY.describe().expect("it exists"), 2);
    Artefact::create(&place.join("a"), &TINY, &weights, draft("a", 16)).expect("an empty folder");
    std::fs::create_dir_all(place.join("pictures/below")).expect("a place for files");
    for i in 0..24_u8 {
        let picture =
            RgbImage::from_fn(20, 18, |x, y| Rgb([i * 10, (x * 12) as u8, (y * u32::from(i)) as u8]));
        let folder = if i % 3 == 0 { "pictures/below" } else { "pictures" };
        picture.save(place.join(folder).join(format!("{i}.png"))).expect("it can be written");
    }
    std::fs::write(place.join("pictures/notes.txt"), "no picture").expect("it can be written");
}

#[test]
fn a_folder_of_pictures_makes_an_artefact_that_verifies() {
    let place = tempfile::tempdir().unwrap();
    prepare(place.path());
    let [float, pictures, out] = ["a", "pictures", "b-int8"].map(|name| place.path().join(name));
    let done =
        quantize(&[&float, &pictures], &["--out", out.to_str().unwrap(), "--pictures", "16", "--json"]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let told: Json = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!((told["pictures"].as_u64(), told["compared"].as_u64()), (Some(16), Some(8)));
    assert!(told["cosine_min"].as_f64().unwrap() > 0.98, "{told}");
    let card = Artefact::open(&out).unwrap().card().clone();
    assert_eq!((card.name.as_str(), card.quantised.unwrap().pictures), ("b-int8", 16));
    assert_eq!(card.scores.len(), 3);
    let verified =
        Command::new(env!("CARGO_BIN_EXE_simclr-models")).arg("verify").arg(&out).output().unwrap();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
    let again = quantize(&[&out, &pictures], &["--out", place.path().join("c").to_str().unwrap()]);
    assert!(!again.status.success());
    assert!(String::from_utf8_lossy(&again.stderr).contains("made from `a`"));
    assert!(!place.path().join("c").exists());
}

#[test]
fn mistakes_leave_nothing_behind() {
    let place = tempfile::tempdir().unwrap();
    prepare(place.path());
    let [float, pictures, out] = ["a", "pictures", "b"].map(|name| place.path().join(name));
    std::fs::create_dir(place.path().join("empty")).unwrap();
    let none = quantize(&[&float, &place.path().join("empty")], &["--out", out.to_str().unwrap()]);
    assert!(String::from_utf8_lossy(&none.stderr).contains("no file ending in"));
    std::fs::write(pictures.join("broken.jpg"), b"\xff\xd8\xff broken").unwrap();
    let broken = quantize(&[&float, &pictures], &["--out", out.to_str().unwrap()]);
    assert!(!broken.status.success());
    assert!(String::from_utf8_lossy(&broken.stderr).contains("broken.jpg"));
    assert!(!out.exists());
}
