//! An [`Encoder`] that runs a foreign ONNX file: prepared pictures are laid out as it wants them, its output is pooled.

use ort::session::Session;
use ort::value::{Outlet, TensorElementType, TensorRef, ValueType};

use super::{Channels, Foreign, ForeignError, Layout};
use crate::{Embedding, EncodeError, Encoder, ImageBatch, finite, onnx_runtime};

/// One session of ONNX Runtime on somebody else's file.
pub struct ForeignEncoder {
    session: Session,
    foreign: Foreign,
    input: String,
    output: String,
    /// Pictures the file takes at once, where it fixes that.
    batch: Option<usize>,
    embedding_len: usize,
}

impl ForeignEncoder {
    /// Loads the file, to compute with this many threads (at least one), and embeds one black picture, so that whatever
    /// does not fit is found here.
    ///
    /// # Errors
    /// When ONNX Runtime is not there or refuses the file, or a key of the description is not true of it; the message
    /// names the key and what the file has.
    pub fn open(foreign: &Foreign, threads: usize) -> Result<Self, ForeignError> {
        let encode = |source| ForeignError::Encode { path: foreign.file.clone(), source };
        let session = onnx_runtime::session(&foreign.file, threads).map_err(encode)?;
        let input = choose(foreign, "input", foreign.text.input.as_deref(), session.inputs())?;
        let output = choose(foreign, "output", foreign.text.output.as_deref(), session.outputs())?;
        let batch = check_input(foreign, input)?;
        let (input, output) = (input.name().to_owned(), output.name().to_owned());
        let mut opened = Self { session, foreign: foreign.clone(), input, output, batch, embedding_len: 0 };
        let side = foreign.recipe.side as usize;
        let (shape, numbers) = opened.run(&vec![0.0; 3 * side * side]).map_err(encode)?;
        let pooled = foreign.text.pooling.apply(&shape, &numbers);
        let pooled = pooled.map_err(|problem| foreign.refuse("pooling", problem))?;
        opened.embedding_len = pooled.first().map_or(0, Vec::len);
        if pooled.len() != opened.batch.unwrap_or(1) {
            let problem =
                format!("`{}` has shape {shape:?}: its first axis is not the pictures", opened.output);
            return Err(foreign.refuse("output", problem));
        }
        Ok(opened)
    }

    /// Runs at most as many pictures as the file takes at once; what is missing is filled with zeros.
    fn run(&mut self, pictures: &[f32]) -> Result<(Vec<usize>, Vec<f32>), EncodeError> {
        let side = self.foreign.recipe.side as usize;
        let each = 3 * side * side;
        let count = self.batch.unwrap_or(pictures.len() / each);
        let mut numbers = Vec::with_capacity(count * each);
        for picture in pictures.chunks_exact(each) {
            arrange(picture, self.foreign.text.layout, self.foreign.text.channels, &mut numbers);
        }
        numbers.resize(count * each, 0.0);
        let shape = match self.foreign.text.layout {
            Layout::Nchw => [count, 3, side, side],
            Layout::Nhwc => [count, side, side, 3],
        };
        self.run_arranged(shape, &numbers).map_err(|e| EncodeError::Runtime(e.to_string()))
    }

    fn run_arranged(&mut self, shape: [usize; 4], numbers: &[f32]) -> ort::Result<(Vec<usize>, Vec<f32>)> {
        let input = TensorRef::from_array_view((shape, numbers))?;
        let outputs = self.session.run(ort::inputs![self.input.as_str() => input])?;
        let (shape, numbers) = outputs[self.output.as_str()].try_extract_tensor::<f32>()?;
        Ok((shape.iter().map(|&n| usize::try_from(n).unwrap_or(0)).collect(), numbers.to_vec()))
    }
}

impl Encoder for ForeignEncoder {
    fn embedding_len(&self) -> usize {
        self.embedding_len
    }

    fn embed(&mut self, images: &ImageBatch) -> Result<Vec<Embedding>, EncodeError> {
        let side = self.foreign.recipe.side as usize;
        if images.is_empty() {
            return Ok(vec![]);
        }
        if images.side() != side {
            return Err(EncodeError::Side { found: images.side(), expected: side });
        }
        let at_once = self.batch.unwrap_or(images.len()) * 3 * side * side;
        let mut all_rows = Vec::with_capacity(images.len());
        for pictures in images.as_slice().chunks(at_once) {
            let (shape, numbers) = self.run(pictures)?;
            let rows = self.foreign.text.pooling.apply(&shape, &numbers).map_err(EncodeError::Runtime)?;
            all_rows.extend(rows.into_iter().take(pictures.len() / (3 * side * side)));
        }
        let embeddings = finite(all_rows)?;
        Ok(if self.foreign.text.normalise {
            embeddings.iter().map(Embedding::normalised).collect()
        } else {
            embeddings
        })
    }
}

/// Appends a picture prepared as three planes of red, green and blue in the order the file takes it.
fn arrange(planes: &[f32], layout: Layout, channels: Channels, to: &mut Vec<f32>) {
    let area = planes.len() / 3;
    let order = match channels {
        Channels::Rgb => [0, 1, 2],
        Channels::Bgr => [2, 1, 0],
    };
    match layout {
        Layout::Nchw => order.iter().for_each(|c| to.extend_from_slice(&planes[c * area..(c + 1) * area])),
        Layout::Nhwc => (0..area).for_each(|pixel| to.extend(order.map(|c| planes[c * area + pixel]))),
    }
}

/// The outlet of that name, or the only one.
fn choose<'a>(
    foreign: &Foreign,
    key: &'static str,
    name: Option<&str>,
    outlets: &'a [Outlet],
) -> Result<&'a Outlet, ForeignError> {
    let file = foreign.file.display();
    let there_are = || outlets.iter().map(describe).collect::<Vec<_>>().join(", ");
    match (name, outlets) {
        (None, [only]) => Ok(only),
        (None, _) => {
            Err(foreign.refuse(key, format!("say which {key} of {file} it is; there are {}", there_are())))
        }
        (Some(name), _) => outlets.iter().find(|outlet| outlet.name() == name).ok_or_else(|| {
            foreign.refuse(key, format!("{file} has no {key} `{name}`; there are {}", there_are()))
        }),
    }
}

/// The outlet's name, type and shape, `?` for what any length may have.
fn describe(outlet: &Outlet) -> String {
    match outlet.dtype() {
        ValueType::Tensor { ty, shape, .. } => {
            let lengths = shape.iter().map(|&n| if n < 0 { "?".to_owned() } else { n.to_string() });
            format!("`{}` {ty} {}", outlet.name(), lengths.collect::<Vec<_>>().join("×"))
        }
        other => format!("`{}` {other}", outlet.name()),
    }
}

/// Whether the input takes pictures as described; gives the batch, where it is fixed.
fn check_input(foreign: &Foreign, input: &Outlet) -> Result<Option<usize>, ForeignError> {
    let seen = describe(input);
    let ValueType::Tensor { ty: TensorElementType::Float32, shape, .. } = input.dtype() else {
        return Err(
            foreign.refuse("input", format!("{seen} takes no 32-bit floats; others are not supported"))
        );
    };
    let side = i64::from(foreign.recipe.side);
    let expected = match foreign.text.layout {
        Layout::Nchw => [3, side, side],
        Layout::Nhwc => [side, side, 3],
    };
    let Some((batch, rest)) = shape.split_first().filter(|(_, rest)| rest.len() == expected.len()) else {
        return Err(
            foreign.refuse("input", format!("{seen} is not a batch of pictures, which has four axes"))
        );
    };
    let channels_at = expected.iter().position(|&n| n == 3).unwrap_or(0);
    for (axis, (&has, wants)) in rest.iter().zip(expected).enumerate() {
        if has >= 0 && has != wants {
            let key = if axis == channels_at { "layout" } else { "side" };
            return Err(foreign.refuse(key, format!("{seen} has {has} where {wants} is given")));
        }
    }
    Ok(usize::try_from(*batch).ok().filter(|&n| n > 0))
}
