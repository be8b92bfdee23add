//! What a collection is made for: what its vectors are, and what it keeps beside them. Fixed for its life; the metric is cosine.

use std::fmt;

use half::f16;
use serde::{Deserialize, Serialize};

use crate::{Limits, SearchError};

/// Cosine that a vector rounded to 16 bits must have with itself.
const COSINE_LEAST: f64 = 0.9999;
/// Bytes a space key may have.
const SPACE_KEY_BYTES_MAX: usize = 128;

/// What a collection is made for: `CollectionConfig::new` and then what differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CollectionConfig {
    /// Numbers in each vector.
    pub dimension: usize,
    /// Which encoder's vectors these are; empty when nobody cares.
    pub space_key: String,
    /// How a vector's numbers are stored.
    #[serde(default, skip_serializing_if = "is_default")]
    pub dtype: Dtype,
    /// What is kept of a record's picture.
    #[serde(default, skip_serializing_if = "is_default")]
    pub keep: Keep,
}

/// How a vector's numbers are stored; searches always compute with 32 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dtype {
    /// As they are given.
    #[default]
    F32,
    /// Rounded to 16 bits, three digits: half the file, cosines off by a few ten-thousandths.
    F16,
}

/// What is kept of a record's picture, in files beside the records'.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keep {
    /// A small one to show.
    #[serde(default)]
    pub thumbnails: bool,
    /// Its bytes as they came, to embed again by another encoder.
    #[serde(default)]
    pub originals: bool,
}

impl CollectionConfig {
    /// Vectors of 32-bit numbers and no pictures.
    pub fn new(dimension: usize, space_key: impl Into<String>) -> Self {
        Self { dimension, space_key: space_key.into(), dtype: Dtype::default(), keep: Keep::default() }
    }
}

impl fmt::Display for CollectionConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { dimension, space_key, dtype, keep } = self;
        let numbers = if *dtype == Dtype::F16 { " of 16 bits" } else { "" };
        write!(f, "dimension {dimension}{numbers} and space key \"{space_key}\"")?;
        match (keep.thumbnails, keep.originals) {
            (false, false) => Ok(()),
            (true, false) => f.write_str(", keeping thumbnails"),
            (false, true) => f.write_str(", keeping originals"),
            (true, true) => f.write_str(", keeping thumbnails and originals"),
        }
    }
}

impl Dtype {
    /// Bytes of a number.
    pub(crate) fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 => 2,
        }
    }

    /// The numbers as they will come back, which must still have the direction; one that is not finite is somebody else's to refuse.
    pub(crate) fn rounded(self, vector: Vec<f32>, of: impl Fn() -> String) -> Result<Vec<f32>, SearchError> {
        if self == Self::F32 || vector.iter().any(|x| !x.is_finite()) {
            return Ok(vector);
        }
        let rounded: Vec<f32> = vector.iter().map(|&x| f16::from_f32(x).to_f32()).collect();
        let dot =
            |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum::<f64>();
        let length = dot(&vector, &vector);
        let cosine = dot(&vector, &rounded) / (length * dot(&rounded, &rounded)).sqrt();
        // Where nothing is left, or a number has become infinite, it is no number.
        if length == 0.0 || cosine >= COSINE_LEAST {
            Ok(rounded)
        } else {
            Err(SearchError::NotIn16Bits { of: of() })
        }
    }

    /// Appends a vector's bytes, little-endian.
    pub(crate) fn write(self, vector: &[f32], bytes: &mut Vec<u8>) {
        for &x in vector {
            match self {
                Self::F32 => bytes.extend_from_slice(&x.to_le_bytes()),
                Self::F16 => bytes.extend_from_slice(&f16::from_f32(x).to_le_bytes()),
            }
        }
    }

    /// A vector of its bytes.
    pub(crate) fn read(self, bytes: &[u8]) -> Vec<f32> {
        match self {
            Self::F32 => bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect(),
            Self::F16 => {
                bytes.as_chunks().0.iter().map(|bytes| f16::from_le_bytes(*bytes).to_f32()).collect()
            }
        }
    }
}

/// Checks what a new collection asks for.
pub(crate) fn check_config(config: &CollectionConfig, limits: &Limits) -> Result<(), SearchError> {
    let CollectionConfig { dimension, space_key, .. } = config;
    let refuse = |reason: String| Err(SearchError::BadConfig { reason });
    if !(1..=limits.dimension_max).contains(dimension) {
        return refuse(format!("dimension must be between 1 and {}, not {dimension}", limits.dimension_max));
    }
    if space_key.len() > SPACE_KEY_BYTES_MAX || space_key.chars().any(char::is_control) {
        return refuse(format!("space_key must be printable and at most {SPACE_KEY_BYTES_MAX} bytes"));
    }
    Ok(())
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
