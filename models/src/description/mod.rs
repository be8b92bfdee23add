//! A network as data: a flat list of steps in execution order, built by code that reads like a forward pass and read by
//! whoever needs it (the torch network, the ONNX writer, the weight check, LARS's exclusions, the slow reference).

mod builder;
mod head;
mod resnet;
mod selective;
mod stem;

use serde::{Deserialize, Serialize};

pub(crate) use builder::Builder;
pub use head::{Head, HeadLayers, describe_classifier, describe_head};
pub use resnet::{DescriptionError, ResNet};
pub use stem::Stem;

/// The index of the step that produced a value.
pub type Value = usize;

/// Zeros (or, for a max-pool, nothing) added before and after each spatial axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Padding {
    /// Rows above and columns to the left.
    pub before: usize,
    /// Rows below and columns to the right.
    pub after: usize,
}

impl Padding {
    /// The same number on every side, as convolutions in SimCLR pad whatever their stride.
    pub const fn same(n: usize) -> Self {
        Self { before: n, after: n }
    }
}

/// One operation; values are N×C×H×W until `MeanOverPixels`, N×C after it.
#[derive(Debug, Clone, PartialEq)]
pub enum Op {
    /// The network's input.
    Input,
    /// Convolution without bias; weight `output`×`input`×`kernel`×`kernel`.
    Conv {
        /// Prefix of the parameter's name.
        name: String,
        /// Channels in.
        input: usize,
        /// Channels out.
        output: usize,
        /// Side of the square kernel.
        kernel: usize,
        /// Step between positions, on both axes.
        stride: usize,
        /// Zeros around the input.
        padding: Padding,
    },
    /// Normalisation over all axes but the channels', ε 1e-5, running averages with decay 0.9.
    BatchNorm {
        /// Prefix of the parameters' names.
        name: String,
        /// Channels.
        channels: usize,
        /// Whether its scale starts at zero, as the last one of a residual branch does.
        starts_at_zero: bool,
        /// Whether its shift is learned; it stays zero otherwise.
        learns_shift: bool,
    },
    /// Matrix product; weight `output`×`input`.
    Linear {
        /// Prefix of the parameters' names.
        name: String,
        /// Length in.
        input: usize,
        /// Length out.
        output: usize,
        /// Whether a bias is added.
        bias: bool,
        /// Whether its weight starts at zero, as a classifier's does.
        starts_at_zero: bool,
    },
    /// max(x, 0).
    Relu,
    /// Sum of two values of one shape.
    Add,
    /// Largest value under a square window.
    MaxPool {
        /// Side of the window.
        kernel: usize,
        /// Step between windows.
        stride: usize,
        /// Positions outside the input, which never win.
        padding: Padding,
    },
    /// Mean under a square window.
    MeanPool {
        /// Side of the window.
        kernel: usize,
        /// Step between windows.
        stride: usize,
        /// Positions outside the input.
        padding: Padding,
        /// Whether positions outside count as zeros; otherwise the mean is of those inside.
        counts_padding: bool,
    },
    /// Mean over height and width of the sum of both halves of the channels: N×2C×H×W to N×C×1×1.
    MeanOfHalves,
    /// Halves a and b of a value's channels, mixed by halves v and w of another's, N×2C×H×W and N×2C×1×1 to N×C×H×W: (eᵛ·a + eʷ·b) / (eᵛ + eʷ).
    MixHalves,
    /// Mean over height and width: N×C×H×W to N×C.
    MeanOverPixels,
}

/// An operation and the values it reads.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// What is done.
    pub op: Op,
    /// Which earlier steps' values it is done to.
    pub inputs: Vec<Value>,
}

/// The batch-norm's ε.
pub const BATCH_NORM_EPSILON: f64 = 1e-5;

/// What a learned or tracked tensor is for; decides its initial value, its decay and whether LARS adapts its rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParamKind {
    /// A convolution's or matrix product's weight.
    Weight,
    /// A matrix product's bias.
    Bias,
    /// A batch-norm's learned scale.
    Scale,
    /// A batch-norm's learned shift.
    Shift,
    /// A batch-norm's shift that stays zero; not learned.
    FixedShift,
    /// A batch-norm's tracked mean; not learned.
    RunningMean,
    /// A batch-norm's tracked variance; not learned.
    RunningVariance,
}

impl ParamKind {
    /// Whether gradients change it (running averages are tracked, fixed shifts stay).
    pub fn is_learned(self) -> bool {
        !matches!(self, Self::FixedShift | Self::RunningMean | Self::RunningVariance)
    }
}

/// Name, shape and purpose of one tensor of a network, with the rule for its first value.
#[derive(Debug, Clone, PartialEq)]
pub struct Param {
    /// Torchvision's name, such as `layer1.0.bn1.running_mean`.
    pub name: String,
    /// Row-major shape.
    pub shape: Vec<usize>,
    /// Its purpose.
    pub kind: ParamKind,
    /// Whether it starts at zero although its kind would not.
    pub starts_at_zero: bool,
}

impl Param {
    /// How many numbers it holds.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A network: steps in execution order (step 0 is the input), whose last value is the output.
#[derive(Debug, Clone, PartialEq)]
pub struct Description {
    steps: Vec<Step>,
    output_len: usize,
}

impl Description {
    /// The steps, in execution order.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Length of one output row.
    pub fn output_len(&self) -> usize {
        self.output_len
    }

    /// This network with `next` on its output; `next` must take what this one gives.
    fn then(mut self, next: Self) -> Self {
        let last = self.steps.len() - 1;
        let on = |value: Value| if value == 0 { last } else { value + last };
        let steps = next.steps.into_iter().skip(1);
        self.steps
            .extend(steps.map(|step| Step { inputs: step.inputs.into_iter().map(on).collect(), ..step }));
        Self { steps: self.steps, output_len: next.output_len }
    }

    /// Every tensor of the network, in the order of the steps.
    pub fn params(&self) -> Vec<Param> {
        self.steps.iter().flat_map(|step| step.op.params()).collect()
    }

    /// How many numbers training changes.
    pub fn learned_len(&self) -> usize {
        self.params().iter().filter(|p| p.kind.is_learned()).map(Param::len).sum()
    }
}

impl Op {
    /// The tensors this operation owns.
    pub fn params(&self) -> Vec<Param> {
        let param = |name: &str, suffix: &str, shape: Vec<usize>, kind, starts_at_zero| Param {
            name: format!("{name}.{suffix}"),
            shape,
            kind,
            starts_at_zero,
        };
        match self {
            Self::Conv { name, input, output, kernel, .. } => {
                let shape = vec![*output, *input, *kernel, *kernel];
                vec![param(name, "weight", shape, ParamKind::Weight, false)]
            }
            Self::BatchNorm { name, channels, starts_at_zero, learns_shift } => {
                let shape = || vec![*channels];
                let shift = if *learns_shift { ParamKind::Shift } else { ParamKind::FixedShift };
                vec![
                    param(name, "weight", shape(), ParamKind::Scale, *starts_at_zero),
                    param(name, "bias", shape(), shift, false),
                    param(name, "running_mean", shape(), ParamKind::RunningMean, false),
                    param(name, "running_var", shape(), ParamKind::RunningVariance, false),
                ]
            }
            Self::Linear { name, input, output, bias, starts_at_zero } => {
                let shape = vec![*output, *input];
                let mut params = vec![param(name, "weight", shape, ParamKind::Weight, *starts_at_zero)];
                if *bias {
                    params.push(param(name, "bias", vec![*output], ParamKind::Bias, false));
                }
                params
            }
            Self::Input | Self::Relu | Self::Add | Self::MeanOfHalves | Self::MixHalves => vec![],
            Self::MaxPool { .. } | Self::MeanPool { .. } | Self::MeanOverPixels => vec![],
        }
    }
}
