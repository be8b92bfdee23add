//! A description walked with libtorch: owns its tensors in the description's order and runs them forward.

mod pools;

use std::ops::Range;

use simclr_models::description::BATCH_NORM_EPSILON;
use simclr_models::{Description, NamedTensor, Op, Padding, Param, Weights};
use tch::{Device, Kind, Tensor};

use crate::TrainError;
use crate::fusion::{Action, Plan};
use pools::{max_pool, mean_pool, mix_halves, symmetric};

/// Share by which a batch moves the running averages (decay 0.9 in the paper's words).
const RUNNING_AVERAGE_STEP: f64 = 0.1;

/// Whether batch-norms use the batch's statistics or the running averages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Statistics of the batch.
    Train(Averages),
    /// As `Train`, with batch-norm, sum and relu run as one operation where that is faster: f32 on the processor.
    TrainFused(Averages),
    /// Running averages.
    Serve,
}

/// What a pass in training does to the running averages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Averages {
    /// Moves them a step towards the batch's statistics.
    Move,
    /// Leaves them, since another pass over the same pictures moves them.
    Keep,
}

impl Mode {
    /// Share by which the batch moves the running averages.
    fn step(self) -> f64 {
        match self {
            Self::Train(Averages::Move) | Self::TrainFused(Averages::Move) => RUNNING_AVERAGE_STEP,
            _ => 0.0,
        }
    }
}

/// A network on a device, f32, convolution weights channels-last.
#[derive(Debug)]
pub struct Network {
    description: Description,
    params: Vec<Param>,
    tensors: Vec<Tensor>,
    /// Where each step's tensors lie in `tensors`.
    owned: Vec<Range<usize>>,
    plain: Plan,
    fused: Plan,
}

impl Network {
    /// Copies `weights` to the device.
    ///
    /// # Errors
    /// When the device has no room, or the weights are another network's.
    pub fn new(description: Description, weights: &Weights, device: Device) -> Result<Self, TrainError> {
        let params = description.params();
        let tensors = params
            .iter()
            .zip(weights.tensors())
            .map(|(param, weight)| Self::tensor(param, weight, device))
            .collect::<Result<_, _>>()?;
        let owned = description.steps().iter().scan(0, |next, step| {
            let from = *next;
            *next += step.op.params().len();
            Some(from..*next)
        });
        let owned = owned.collect();
        let (plain, fused) = (Plan::plain(&description), Plan::fused(&description));
        Ok(Self { description, params, tensors, owned, plain, fused })
    }

    fn tensor(param: &Param, weight: &NamedTensor, device: Device) -> Result<Tensor, TrainError> {
        let shape: Vec<i64> = param.shape.iter().map(|&n| to_i64(n)).collect();
        let mut tensor = Tensor::f_from_slice(&weight.data)?.f_view(shape.as_slice())?.f_to_device(device)?;
        if shape.len() == 4 {
            tensor = simclr_torchx::channels_last(&tensor).map_err(TrainError::Torch)?;
        }
        Ok(tensor.set_requires_grad(param.kind.is_learned()))
    }

    /// The tensors that training changes, with what they are, in the description's order.
    pub fn learned(&self) -> Vec<(&Param, &Tensor)> {
        self.params.iter().zip(&self.tensors).filter(|(param, _)| param.kind.is_learned()).collect()
    }

    /// A copy of the numbers on the CPU.
    ///
    /// # Errors
    /// When a tensor holds NaN or infinity.
    pub fn weights(&self) -> Result<Weights, TrainError> {
        let tensors = self
            .params
            .iter()
            .zip(&self.tensors)
            .map(|(param, tensor)| {
                Ok(NamedTensor {
                    name: param.name.clone(),
                    shape: param.shape.clone(),
                    data: to_numbers(tensor)?,
                })
            })
            .collect::<Result<Vec<_>, TrainError>>()?;
        Ok(Weights::check(&self.description, tensors)?)
    }

    /// Runs the network on N×C×H×W or N×C input; the result is N×`output_len`.
    ///
    /// # Errors
    /// libtorch's words when shapes do not fit or memory is short.
    pub fn forward(&self, input: &Tensor, mode: Mode) -> Result<Tensor, TrainError> {
        let is_plain =
            !matches!(mode, Mode::TrainFused(_)) || input.device() != Device::Cpu || input.dim() != 4;
        let plan = if is_plain { &self.plain } else { &self.fused };
        let mut values: Vec<Option<Tensor>> = Vec::with_capacity(plan.actions.len());
        for (index, action) in plan.actions.iter().enumerate() {
            let value = |i: usize| values[plan.reads[index][i]].as_ref().expect("kept until its last use");
            let result = match *action {
                Action::Absorbed => None,
                Action::Alone => Some(self.run(index, input, value, mode)?),
                Action::Fused { norm, residual } => Some(fused_batch_norm(
                    value(0),
                    &self.tensors[self.owned[norm].clone()],
                    residual.map(|_| value(1)),
                    mode,
                )?),
            };
            values.push(result);
            for &used in plan.reads[index].iter().filter(|&&used| plan.last_use[used] == index) {
                values[used] = None;
            }
        }
        Ok(values.pop().flatten().expect("a description ends with its output"))
    }

    fn run<'a>(
        &self,
        index: usize,
        input: &Tensor,
        value: impl Fn(usize) -> &'a Tensor,
        mode: Mode,
    ) -> Result<Tensor, TrainError> {
        let own = &self.tensors[self.owned[index].clone()];
        Ok(match &self.description.steps()[index].op {
            Op::Input => input.shallow_clone(),
            Op::Conv { stride, padding, .. } => convolve(value(0), &own[0], *stride, *padding)?,
            Op::BatchNorm { .. } => batch_norm(value(0), own, mode)?,
            Op::Linear { .. } => value(0).f_linear(&own[0], own.get(1))?,
            Op::Relu => value(0).f_relu()?,
            Op::Add => value(0).f_add(value(1))?,
            Op::MaxPool { kernel, stride, padding } => max_pool(value(0), *kernel, *stride, *padding)?,
            Op::MeanPool { kernel, stride, padding, counts_padding } => {
                mean_pool(value(0), *kernel, *stride, *padding, *counts_padding)?
            }
            Op::MeanOfHalves => {
                let both = value(0).f_mean_dim([2i64, 3].as_slice(), true, Kind::Float)?.f_chunk(2, 1)?;
                both[0].f_add(&both[1])?.f_to_kind(value(0).kind())?
            }
            Op::MixHalves => mix_halves(value(0), value(1))?,
            Op::MeanOverPixels => value(0).f_mean_dim([2i64, 3].as_slice(), false, Kind::Float)?,
        })
    }
}

fn convolve(x: &Tensor, weight: &Tensor, stride: usize, padding: Padding) -> Result<Tensor, TrainError> {
    let stride = to_i64(stride);
    let (x, pad) = symmetric(x, padding, 0.0)?;
    Ok(x.f_conv2d(weight, None::<&Tensor>, [stride, stride], [pad, pad], [1, 1], 1)?)
}

/// `own` is scale, shift, running mean, running variance.
fn batch_norm(x: &Tensor, own: &[Tensor], mode: Mode) -> Result<Tensor, TrainError> {
    Ok(x.f_batch_norm(
        Some(&own[0]),
        Some(&own[1]),
        Some(&own[2]),
        Some(&own[3]),
        mode != Mode::Serve,
        mode.step(),
        BATCH_NORM_EPSILON,
        true,
    )?)
}

/// relu(batch-norm(x) + residual) with the batch's statistics.
fn fused_batch_norm(
    x: &Tensor,
    own: &[Tensor],
    residual: Option<&Tensor>,
    mode: Mode,
) -> Result<Tensor, TrainError> {
    let norm = simclr_torchx::BatchNorm { scale: &own[0], shift: &own[1], mean: &own[2], variance: &own[3] };
    simclr_torchx::batch_norm_relu(x, norm, residual, mode.step(), BATCH_NORM_EPSILON)
        .map_err(TrainError::Torch)
}

/// A tensor's numbers, row-major whatever its memory layout.
pub(crate) fn to_numbers(tensor: &Tensor) -> Result<Vec<f32>, TrainError> {
    let flat = tensor.f_detach()?.f_to_device(Device::Cpu)?.f_contiguous()?.f_view(-1)?;
    Ok(Vec::<f32>::try_from(&flat)?)
}

pub(crate) fn to_i64(n: usize) -> i64 {
    i64::try_from(n).expect("sizes are far below 2^63")
}

#[cfg(test)]
mod tests;
