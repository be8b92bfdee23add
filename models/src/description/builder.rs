//! Grows a list of steps; each method appends one and returns its value.

use super::{Description, Op, Padding, Step, Value};

pub(crate) struct Builder {
    steps: Vec<Step>,
}

impl Builder {
    /// A builder holding only the input, and the input's value.
    pub(crate) fn new() -> (Self, Value) {
        (Self { steps: vec![Step { op: Op::Input, inputs: vec![] }] }, 0)
    }

    pub(crate) fn finish(self, output_len: usize) -> Description {
        Description { steps: self.steps, output_len }
    }

    fn push(&mut self, op: Op, inputs: &[Value]) -> Value {
        self.steps.push(Step { op, inputs: inputs.to_vec() });
        self.steps.len() - 1
    }

    /// A convolution padded by half its kernel on every side.
    pub(crate) fn conv(
        &mut self,
        x: Value,
        name: &str,
        input: usize,
        output: usize,
        kernel: usize,
        stride: usize,
    ) -> Value {
        let padding = Padding::same(kernel / 2);
        self.push(Op::Conv { name: name.into(), input, output, kernel, stride, padding }, &[x])
    }

    pub(crate) fn batch_norm(
        &mut self,
        x: Value,
        name: &str,
        channels: usize,
        starts_at_zero: bool,
    ) -> Value {
        self.push(Op::BatchNorm { name: name.into(), channels, starts_at_zero, learns_shift: true }, &[x])
    }

    /// A batch-norm whose shift stays zero.
    pub(crate) fn batch_scale(&mut self, x: Value, name: &str, channels: usize) -> Value {
        let name = name.into();
        self.push(Op::BatchNorm { name, channels, starts_at_zero: false, learns_shift: false }, &[x])
    }

    pub(crate) fn linear(&mut self, x: Value, name: &str, input: usize, output: usize, bias: bool) -> Value {
        self.push(Op::Linear { name: name.into(), input, output, bias, starts_at_zero: false }, &[x])
    }

    /// A matrix product and a bias that start at zero.
    pub(crate) fn classifier(&mut self, x: Value, name: &str, input: usize, output: usize) -> Value {
        let name = name.into();
        self.push(Op::Linear { name, input, output, bias: true, starts_at_zero: true }, &[x])
    }

    pub(crate) fn relu(&mut self, x: Value) -> Value {
        self.push(Op::Relu, &[x])
    }

    pub(crate) fn add(&mut self, x: Value, y: Value) -> Value {
        self.push(Op::Add, &[x, y])
    }

    pub(crate) fn max_pool(&mut self, x: Value, kernel: usize, stride: usize, padding: Padding) -> Value {
        self.push(Op::MaxPool { kernel, stride, padding }, &[x])
    }

    pub(crate) fn mean_pool(
        &mut self,
        x: Value,
        kernel: usize,
        stride: usize,
        padding: Padding,
        counts_padding: bool,
    ) -> Value {
        self.push(Op::MeanPool { kernel, stride, padding, counts_padding }, &[x])
    }

    pub(crate) fn mean_of_halves(&mut self, x: Value) -> Value {
        self.push(Op::MeanOfHalves, &[x])
    }

    pub(crate) fn mix_halves(&mut self, x: Value, weights: Value) -> Value {
        self.push(Op::MixHalves, &[x, weights])
    }

    pub(crate) fn mean_over_pixels(&mut self, x: Value) -> Value {
        self.push(Op::MeanOverPixels, &[x])
    }
}
