//! A checkpoint's tensors out of a safetensors file, each checked against what the networks need.

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use simclr_models::{NamedTensor, Param};

use super::QUEUE;

/// The queue's rows of `width` numbers; none when the file has none.
pub(super) fn read_queue(file: &SafeTensors<'_>, width: usize) -> Result<Vec<f32>, String> {
    let name = format!("{}/{}", QUEUE.0, QUEUE.1);
    let Ok(view) = file.tensor(&name) else {
        return Ok(vec![]);
    };
    if view.dtype() != Dtype::F32 || view.shape().len() != 2 || view.shape()[1] != width {
        return Err(format!("{name} is {:?} {:?}, not f32 rows of {width}", view.dtype(), view.shape()));
    }
    Ok(numbers(&view))
}

fn numbers(view: &TensorView<'_>) -> Vec<f32> {
    view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
}

/// One tensor a parameter, named under `prefix`.
pub(super) fn read_part(
    file: &SafeTensors<'_>,
    params: Vec<Param>,
    prefix: &str,
) -> Result<Vec<NamedTensor>, String> {
    params
        .into_iter()
        .map(|param| {
            let name = format!("{prefix}/{}", param.name);
            let view = file.tensor(&name).map_err(|e| format!("{name}: {e}"))?;
            if view.dtype() != Dtype::F32 || view.shape() != param.shape {
                return Err(format!(
                    "{name} is {:?} {:?}, not f32 {:?}",
                    view.dtype(),
                    view.shape(),
                    param.shape
                ));
            }
            Ok(NamedTensor { name: param.name, shape: param.shape, data: numbers(&view) })
        })
        .collect()
}
