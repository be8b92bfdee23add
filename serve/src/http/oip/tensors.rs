//! Tensors of a request, as JSON or as binary behind it → pictures for the encoder.
//!
//! Shapes and lengths are compared before anything is copied; what does not fit is refused with the tensor's name.

use bytes::{Buf, Bytes};
use serde::de::{DeserializeSeed, Deserializer, Error, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{IMAGES, PICTURES};
use crate::embedder::Input;
use crate::fetching::FetchError;
use crate::http::bounded::{self, Bounds, Of};
use crate::http::error::ApiError;
use crate::http::source::Sent;

/// An input tensor; its elements are in `data` or, `binary_data_size` bytes of them, behind the JSON.
#[derive(Deserialize, ToSchema)]
pub(in crate::http) struct InputTensor {
    name: String,
    #[serde(deserialize_with = "bounded::list")]
    shape: Vec<usize>,
    datatype: String,
    #[serde(default)]
    parameters: TensorParameters,
    #[schema(value_type = Option<Vec<Object>>)]
    data: Option<Flat>,
}

#[derive(Deserialize, Serialize, Default, ToSchema)]
pub(in crate::http) struct TensorParameters {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) binary_data_size: Option<usize>,
}

/// A tensor's elements in row-major order, however deeply they were nested.
#[derive(Default)]
pub(super) struct Flat {
    numbers: Vec<f32>,
    pictures: Vec<Sent>,
}

impl InputTensor {
    /// The tensor's pictures; `binary` is what follows the JSON and loses what this tensor takes.
    pub(super) fn pictures(
        self,
        side: usize,
        bounds: Bounds,
        binary: &mut Bytes,
    ) -> Result<Vec<Input>, ApiError> {
        let raw = match self.parameters.binary_data_size {
            Some(size) if size > binary.len() => {
                let message = format!("{size} bytes announced, {} are left behind the JSON", binary.len());
                return Err(self.refuse("binary_too_short", message));
            }
            Some(size) => Some(binary.split_to(size)),
            None => None,
        };
        if raw.is_some() == self.data.is_some() {
            return Err(self.refuse("no_data", "give either `data` or `binary_data_size`"));
        }
        match (self.name.as_str(), self.datatype.as_str()) {
            (PICTURES, "BYTES") => self.encoded(bounds, raw),
            (IMAGES, "FP32") => self.prepared(side, bounds, raw),
            _ => {
                let message = format!("a model here takes {PICTURES:?} of BYTES or {IMAGES:?} of FP32");
                Err(self.refuse("unknown_tensor", message))
            }
        }
    }

    fn encoded(mut self, bounds: Bounds, raw: Option<Bytes>) -> Result<Vec<Input>, ApiError> {
        let sent = self.data.take().unwrap_or_default();
        if !sent.numbers.is_empty() {
            return Err(self.refuse("wrong_datatype", "its elements are base64 strings, not numbers"));
        }
        let files: Vec<Input> = match raw {
            Some(raw) => self.split(bounds, raw)?,
            None => sent.pictures.into_iter().map(input).collect(),
        };
        let count = files.len();
        match self.shape[..] {
            [n] | [n, 1] if n == count => Ok(files),
            _ => Err(self.refuse("wrong_shape", format!("{count} elements in a shape of {:?}", self.shape))),
        }
    }

    /// Elements of BYTES stand behind each other, each with its length in four little-endian bytes before it.
    fn split(&self, bounds: Bounds, mut raw: Bytes) -> Result<Vec<Input>, ApiError> {
        let mut files = Vec::new();
        while !raw.is_empty() {
            let length = if raw.len() < 4 { usize::MAX } else { raw.get_u32_le() as usize };
            if length > raw.len() {
                return Err(self.refuse("binary_too_short", "an element's length is beyond the tensor's end"));
            }
            Of::Pictures.check(bounds, files.len() + 1)?;
            files.push(Input::Encoded(raw.split_to(length)));
        }
        Ok(files)
    }

    fn prepared(&self, side: usize, bounds: Bounds, raw: Option<Bytes>) -> Result<Vec<Input>, ApiError> {
        let one = 3 * side * side;
        let [count, 3, height, width] = self.shape[..] else { return Err(self.wrong_shape(side)) };
        let given = match (&raw, &self.data) {
            (Some(raw), _) if raw.len() % 4 == 0 => raw.len() / 4,
            (None, Some(flat)) if flat.pictures.is_empty() => flat.numbers.len(),
            _ => return Err(self.refuse("wrong_datatype", "its elements are 32-bit floats")),
        };
        if (height, width) != (side, side) || count.checked_mul(one) != Some(given) {
            return Err(self.wrong_shape(side));
        }
        Of::Pictures.check(bounds, count)?;
        let float = |b: &[u8]| f32::from_le_bytes([b[0], b[1], b[2], b[3]]);
        let pictures: Vec<Vec<f32>> = match (raw, &self.data) {
            (Some(raw), _) => raw
                .chunks_exact(4 * one)
                .map(|picture| picture.chunks_exact(4).map(float).collect())
                .collect(),
            (None, Some(flat)) => flat.numbers.chunks_exact(one).map(<[f32]>::to_vec).collect(),
            (None, None) => Vec::new(),
        };
        if let Some(position) = pictures.iter().flatten().position(|number| !number.is_finite()) {
            let message = format!("element {position} is NaN or infinite, or does not fit into 32 bits");
            return Err(self.refuse("not_finite", message));
        }
        Ok(pictures.into_iter().map(Input::Prepared).collect())
    }

    fn wrong_shape(&self, side: usize) -> ApiError {
        let message = format!("its shape is N×3×{side}×{side}, and it has as many elements as that says");
        self.refuse("wrong_shape", message)
    }

    fn refuse(&self, code: &'static str, message: impl std::fmt::Display) -> ApiError {
        // The name is the caller's and may be anything: only one of ours is repeated.
        let name = [PICTURES, IMAGES].into_iter().find(|name| *name == self.name).unwrap_or("the input");
        ApiError::bad(code, format!("{name}: {message}")).at("inputs")
    }
}

/// This protocol's clients send files; an address is none.
fn input(sent: Sent) -> Input {
    match sent {
        Sent::Bytes(bytes) => Input::Encoded(bytes),
        Sent::Address(_) => Input::Unfetched(FetchError::Off),
        Sent::Unreadable(reason) => Input::Unreadable(reason),
    }
}

impl<'de> Deserialize<'de> for Flat {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut flat = Self::default();
        Nested(&mut flat).deserialize(deserializer)?;
        Ok(flat)
    }
}

/// Adds what it meets, lists of lists included, to a [`Flat`].
struct Nested<'a>(&'a mut Flat);

impl<'de> DeserializeSeed<'de> for Nested<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "tensors are of f32")]
impl<'de> Visitor<'de> for Nested<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a number, a string, or lists of them")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(Nested(&mut *self.0))?.is_some() {}
        Ok(())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<(), E> {
        self.0.numbers.push(number as f32);
        Ok(())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        self.visit_f64(number as f64)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<(), E> {
        self.visit_f64(number as f64)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.0.pictures.push(Sent::of(text));
        Of::Pictures.check_here(self.0.pictures.len())
    }
}
