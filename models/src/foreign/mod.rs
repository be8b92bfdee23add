//! Somebody else's ONNX file as an encoder: a small TOML beside it says what the file itself does not.
//!
//! The TOML's path goes in; a checked [`Foreign`] comes out, and from it a [`ForeignEncoder`] with a known embedding
//! length. Nothing is guessed: what the TOML leaves out must be the only possibility. Knows only 32-bit floats.

mod encoder;
mod pooling;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::artefact::{SPACE_KEY_LEN, is_name};
use crate::{EncodeError, Filter, Recipe, files};
pub use encoder::ForeignEncoder;
use pooling::Pooling;

/// In which order the input's axes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Layout {
    /// Pictures × channels × rows × columns, as PyTorch.
    Nchw,
    /// Pictures × rows × columns × channels, as TensorFlow.
    Nhwc,
}

/// In which order the input's channels are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Channels {
    /// Red, green, blue.
    Rgb,
    /// Blue, green, red, as OpenCV and Caffe.
    Bgr,
}

/// The TOML as written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    name: String,
    file: PathBuf,
    sha256: Option<String>,
    input: Option<String>,
    layout: Layout,
    channels: Channels,
    side: u32,
    resize: u32,
    filter: Filter,
    scale: Option<f32>,
    mean: [f32; 3],
    deviation: [f32; 3],
    output: Option<String>,
    pooling: Pooling,
    #[serde(default)]
    normalise: bool,
}

/// A foreign encoder's description, read and checked against its file's bytes.
#[derive(Debug, Clone)]
pub struct Foreign {
    path: PathBuf,
    file: PathBuf,
    text: Text,
    recipe: Recipe,
    space_key: String,
}

/// Why a foreign encoder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ForeignError {
    /// Check the path and its permissions.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Write the TOML as docs/ENCODERS.md shows.
    #[error("{path}: {reason}")]
    Toml {
        /// The description.
        path: PathBuf,
        /// What its reader said, with the line.
        reason: String,
    },
    /// Correct the key named.
    #[error("{path}: `{key}`: {problem}")]
    Key {
        /// The description.
        path: PathBuf,
        /// The key.
        key: &'static str,
        /// What is wrong with it, and what there is instead.
        problem: String,
    },
    /// The runtime's own words about the file.
    #[error("{path}: {source}")]
    Encode {
        /// The ONNX file.
        path: PathBuf,
        /// What the runtime said.
        source: EncodeError,
    },
}

impl Foreign {
    /// Reads a description and checks it against the ONNX file's bytes; no runtime is started.
    ///
    /// # Errors
    /// When a file is missing, a key is wrong or unknown, or the checksum is another.
    pub fn open(path: &Path) -> Result<Self, ForeignError> {
        let io = |path: &Path| {
            let path = path.to_path_buf();
            move |source| ForeignError::Io { path, source }
        };
        let words = std::fs::read_to_string(path).map_err(io(path))?;
        let text: Text = toml::from_str(&words)
            .map_err(|e| ForeignError::Toml { path: path.to_path_buf(), reason: e.to_string() })?;
        let refuse = |key, problem| ForeignError::Key { path: path.to_path_buf(), key, problem };
        if !is_name(&text.name) {
            let problem = format!("`{}`: use letters, digits, `.`, `_`, `-`", text.name);
            return Err(refuse("name", problem));
        }
        let file = path.parent().unwrap_or(Path::new("")).join(&text.file);
        if !file.is_file() {
            return Err(refuse("file", format!("there is no {}", file.display())));
        }
        let checksum = checksum(&file).map_err(io(&file))?;
        if let Some(expected) = &text.sha256
            && !expected.eq_ignore_ascii_case(&checksum)
        {
            return Err(refuse(
                "sha256",
                format!("{expected}, but that of {} is {checksum}", file.display()),
            ));
        }
        let recipe = recipe(&text).map_err(|(key, problem)| refuse(key, problem))?;
        let space_key = space_key(&text, &checksum);
        Ok(Self { path: path.to_path_buf(), file, text, recipe, space_key })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.text.name
    }

    /// How pictures are prepared for it.
    pub fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// The ONNX file.
    pub fn encoder_path(&self) -> &Path {
        &self.file
    }

    /// Names the space its embeddings live in: file, preprocessing and pooling.
    pub fn space_key(&self) -> &str {
        &self.space_key
    }

    fn refuse(&self, key: &'static str, problem: String) -> ForeignError {
        ForeignError::Key { path: self.path.clone(), key, problem }
    }
}

/// Mean and deviation are written in the network's own units, 0 to `scale`; a recipe has them in 0 to 1.
fn recipe(text: &Text) -> Result<Recipe, (&'static str, String)> {
    let scale = text.scale.unwrap_or(1.0);
    if !scale.is_finite() || scale <= 0.0 {
        return Err((
            "scale",
            format!("{scale} is what white becomes before `mean` is subtracted: 1 or 255"),
        ));
    }
    let recipe = Recipe {
        side: text.side,
        resize: text.resize,
        filter: text.filter,
        mean: text.mean.map(|x| x / scale),
        deviation: text.deviation.map(|x| x / scale),
    };
    let key = |error: &crate::RecipeError| match error {
        crate::RecipeError::Sides { .. } => "side",
        crate::RecipeError::Normalisation { .. } => "deviation",
    };
    recipe.check().map_err(|e| (key(&e), e.to_string()))?;
    Ok(recipe)
}

/// Whatever changes an embedding changes the key; a renamed file does not.
fn space_key(text: &Text, checksum: &str) -> String {
    let parts = (
        (&text.input, text.layout, text.channels),
        (text.side, text.resize, text.filter, text.scale, text.mean, text.deviation),
        (&text.output, text.pooling, text.normalise),
    );
    let parts = serde_json::to_string(&parts).unwrap_or_default();
    let digest = files::hexadecimal(&Sha256::digest(format!("{checksum} {parts}")));
    digest[..SPACE_KEY_LEN].to_owned()
}

/// SHA-256 of a file of any size, read in pieces.
fn checksum(path: &Path) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let (mut digest, mut piece) = (Sha256::new(), vec![0; 1 << 20]);
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(files::hexadecimal(&digest.finalize())),
            n => digest.update(&piece[..n]),
        }
    }
}
