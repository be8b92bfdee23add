//! Directions as 8-bit codes: a quarter of the memory, and several times as many comparisons a second.
//!
//! A direction x is stored as codes c and a scale s with x ≈ s · c, c from -127 to 127, stored plus 128 and padded
//! with zeros to a multiple of 64. What is lost is corrected by comparing the best of what is found in f32.

/// Bytes of a row of codes of `dimension` numbers.
pub(crate) fn padded(dimension: usize) -> usize {
    dimension.next_multiple_of(64)
}

/// Directions and their codes, a row each.
#[derive(Clone, Copy)]
pub(crate) struct Table<'a> {
    /// f32, rows × dimension.
    pub(crate) numbers: &'a [f32],
    /// u8, rows × padded dimension.
    pub(crate) codes: &'a [u8],
    /// One step of each row's codes.
    pub(crate) steps: &'a [f32],
}

/// A direction and its codes.
#[derive(Clone, Debug)]
pub(crate) struct Coded {
    numbers: Vec<f32>,
    codes: Vec<u8>,
    step: f32,
}

impl Coded {
    pub(crate) fn new(numbers: Vec<f32>) -> Self {
        let mut codes = Vec::with_capacity(padded(numbers.len()));
        let step = Quantiser::new(numbers.len()).append(&numbers, &mut codes);
        Self { numbers, codes, step }
    }

    /// The same as a table of one row.
    pub(crate) fn row(&self) -> Table<'_> {
        Table { numbers: &self.numbers, codes: &self.codes, steps: std::slice::from_ref(&self.step) }
    }
}

/// Turns directions of one dimension into codes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quantiser {
    dimension: usize,
}

impl Quantiser {
    pub(crate) fn new(dimension: usize) -> Self {
        Self { dimension }
    }

    /// Appends a direction's codes, and returns its scale: a step of the codes in the direction's own numbers.
    pub(crate) fn append(self, direction: &[f32], codes: &mut Vec<u8>) -> f32 {
        let step = step(direction);
        codes.extend(direction.iter().map(|&x| code(x, 1.0 / step)));
        codes.extend(std::iter::repeat_n(128, padded(self.dimension) - self.dimension));
        step
    }
}

/// The nearest code; adding before cutting off the fraction rounds without a call.
#[inline]
fn code(x: f32, codes_per_one: f32) -> u8 {
    (x * codes_per_one + 128.5) as u8
}

fn step(direction: &[f32]) -> f32 {
    let largest = direction.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
    (largest / 127.0).max(f32::MIN_POSITIVE)
}

/// A direction to compare codes with, in codes of its own.
#[derive(Clone, Debug, Default)]
pub(crate) struct CodeQuery {
    codes: Vec<i8>,
    offset: i32,
    step: f32,
}

impl CodeQuery {
    /// Takes the place of what was here before, so that no memory is asked for.
    pub(crate) fn set(&mut self, direction: &[f32]) {
        self.step = step(direction);
        self.codes.clear();
        self.codes.extend(direction.iter().map(|&x| (code(x, 1.0 / self.step) ^ 128) as i8));
        self.codes.resize(padded(direction.len()), 0);
        self.offset = 128 * self.codes.iter().map(|&c| i32::from(c)).sum::<i32>();
    }

    /// The same of a row of codes, which loses nothing more.
    pub(crate) fn set_codes(&mut self, codes: &[u8], step: f32) {
        self.step = step;
        self.codes.clear();
        self.codes.extend(codes.iter().map(|&c| (c ^ 128) as i8));
        self.offset = 128 * self.codes.iter().map(|&c| i32::from(c)).sum::<i32>();
    }

    pub(crate) fn codes(&self) -> &[i8] {
        &self.codes
    }

    /// What a sum of products of stored bytes is too large by, as each byte is 128 more than its number.
    pub(crate) fn offset(&self) -> i32 {
        self.offset
    }

    /// One step of its codes.
    pub(crate) fn step(&self) -> f32 {
        self.step
    }
}
