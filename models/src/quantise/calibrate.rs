//! Which range each of a network's values takes on pictures: the float encoder, with these values as further outputs.

use ort::session::Session;
use ort::value::TensorRef;

use crate::{Description, EncodeError, ImageBatch, Value, Weights, onnx, onnx_runtime};

use super::QuantiseError;

/// The least and the largest number of each value over all pictures, and how many pictures there were.
pub(super) fn ranges(
    description: &Description,
    weights: &Weights,
    side: u32,
    values: &[Value],
    batches: &mut dyn Iterator<Item = ImageBatch>,
) -> Result<(Vec<[f32; 2]>, usize), QuantiseError> {
    // The input's range is taken from the pictures themselves: a graph's input cannot be its output.
    let observed: Vec<Value> = values.iter().copied().filter(|&value| value != 0).collect();
    let bytes = onnx::write_observed(description, weights, side, &observed);
    let runtime = |e: ort::Error| EncodeError::Runtime(e.to_string());
    let mut session = onnx_runtime::session_of(&bytes)?;
    let mut ranges = vec![[f32::INFINITY, f32::NEG_INFINITY]; values.len()];
    let mut pictures = 0;
    for batch in batches.filter(|batch| !batch.is_empty()) {
        if batch.side() != side as usize {
            return Err(EncodeError::Side { found: batch.side(), expected: side as usize }.into());
        }
        pictures += batch.len();
        let mut shown = show(&mut session, &batch, observed.len()).map_err(runtime)?.into_iter();
        for (range, &value) in ranges.iter_mut().zip(values) {
            let new = if value == 0 { Some(range_of(batch.as_slice())) } else { shown.next() };
            let Some([least, most]) = new.filter(|ends| ends.iter().all(|x| x.is_finite())) else {
                return Err(QuantiseError::NotFinite(value));
            };
            *range = [range[0].min(least), range[1].max(most)];
        }
    }
    if pictures == 0 { Err(QuantiseError::NoPictures) } else { Ok((ranges, pictures)) }
}

/// The ranges of the further outputs, which follow the embedding.
fn show(session: &mut Session, batch: &ImageBatch, count: usize) -> ort::Result<Vec<[f32; 2]>> {
    let shape = [batch.len(), 3, batch.side(), batch.side()];
    let input = TensorRef::from_array_view((shape, batch.as_slice()))?;
    let outputs = session.run(ort::inputs![input])?;
    (1..=count).map(|i| Ok(range_of(outputs[i].try_extract_tensor::<f32>()?.1))).collect()
}

/// NaN where a number is.
fn range_of(numbers: &[f32]) -> [f32; 2] {
    let grow = |[least, most]: [f32; 2], &x: &f32| {
        if x.is_nan() || least.is_nan() { [f32::NAN; 2] } else { [least.min(x), most.max(x)] }
    };
    numbers.iter().fold([f32::INFINITY, f32::NEG_INFINITY], grow)
}
