//! Pictures to send, their embeddings by the models crate alone, and how numbers are compared.

use std::io::Cursor;
use std::sync::{Mutex, OnceLock};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use image::{ImageFormat, Rgb, RgbImage};
use serde_json::{Value, json};
use simclr_models::{Artefact, Encoder, Limits, OnnxEncoder, Picture};

use crate::world::{SIDE, artefact};

/// A picture that no other number gives.
pub(crate) fn picture(number: u8) -> RgbImage {
    RgbImage::from_fn(SIDE, SIDE, |x, y| {
        Rgb([
            number.wrapping_mul(37).wrapping_add((x * 9) as u8),
            number.wrapping_add((y * 13) as u8),
            number,
        ])
    })
}

pub(crate) fn encoded(picture: &RgbImage, format: ImageFormat) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    picture.write_to(&mut file, format).unwrap();
    file.into_inner()
}

pub(crate) fn png(number: u8) -> Vec<u8> {
    encoded(&picture(number), ImageFormat::Png)
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

pub(crate) fn data_uri(bytes: &[u8]) -> Value {
    json!(format!("data:image/png;base64,{}", base64(bytes)))
}

pub(crate) fn floats(value: &Value) -> Vec<f32> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap() as f32).collect()
}

pub(crate) fn assert_near(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    let worst = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst < 1e-4, "they differ by {worst}");
}

/// What the server should say of a picture, by the same crate without a server.
pub(crate) fn embedding_of(file: &[u8]) -> Vec<f32> {
    static ENCODER: OnceLock<Mutex<OnnxEncoder>> = OnceLock::new();
    let encoder = ENCODER.get_or_init(|| Mutex::new(OnnxEncoder::open(&artefact(), 1).unwrap()));
    embedding_with(&mut encoder.lock().unwrap(), &artefact(), file)
}

/// The same by an artefact of the test's own.
pub(crate) fn embedding_by(artefact: &Artefact, file: &[u8]) -> Vec<f32> {
    embedding_with(&mut OnnxEncoder::open(artefact, 1).unwrap(), artefact, file)
}

fn embedding_with(encoder: &mut OnnxEncoder, artefact: &Artefact, file: &[u8]) -> Vec<f32> {
    let picture = Picture::decode(file, &Limits::default()).unwrap();
    let batch = artefact.recipe().prepare_batch(&[picture]);
    encoder.embed(&batch).unwrap().remove(0).into_vec()
}
