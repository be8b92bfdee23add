//! Directions as 8-bit codes: a quarter of the memory, and several times as many comparisons a second.
//!
//! A direction x is stored as codes c and a step s with x ≈ m + s · c, c from -127 to 127, stored plus 128 and padded with
//! zeros to a multiple of 64. The centre m is the mean of those that lie together: embeddings that crowd around it would
//! have a few codes among themselves if these began at zero. What is lost is corrected by comparing the best in f32.

/// Bytes of a row of codes of `dimension` numbers.
pub(crate) fn padded(dimension: usize) -> usize {
    dimension.next_multiple_of(64)
}

/// A step of a row's codes, and half the squared length of s · c: what turns dot products into cosines.
pub(crate) type Scale = [f32; 2];

/// Directions and their codes, a row each.
#[derive(Clone, Copy)]
pub(crate) struct Table<'a> {
    /// f32, rows × dimension.
    pub(crate) numbers: &'a [f32],
    /// u8, rows × padded dimension.
    pub(crate) codes: &'a [u8],
    /// One a row.
    pub(crate) scales: &'a [Scale],
    /// f32, dimension: what all codes are relative to.
    pub(crate) centre: &'a [f32],
}

/// One of the rows of a table around zero.
#[derive(Clone, Copy)]
pub(crate) struct CodedRow<'a> {
    pub(crate) numbers: &'a [f32],
    pub(crate) codes: &'a [u8],
    pub(crate) scale: Scale,
}

/// A direction and its codes around zero.
#[derive(Clone, Debug)]
pub(crate) struct Coded {
    numbers: Vec<f32>,
    codes: Vec<u8>,
    scale: Scale,
}

impl Coded {
    pub(crate) fn new(numbers: Vec<f32>) -> Self {
        let mut codes = Vec::with_capacity(padded(numbers.len()));
        let scale = append_codes(&numbers, &vec![0.0; numbers.len()], &mut codes);
        Self { numbers, codes, scale }
    }

    pub(crate) fn row(&self) -> CodedRow<'_> {
        CodedRow { numbers: &self.numbers, codes: &self.codes, scale: self.scale }
    }
}

/// Appends a direction's codes around a centre, and returns their scale.
pub(crate) fn append_codes(direction: &[f32], centre: &[f32], codes: &mut Vec<u8>) -> Scale {
    let (step, start) = (step(direction, centre), codes.len());
    codes.extend(apart(direction, centre).map(|x| code(x, 1.0 / step)));
    codes.resize(start + padded(direction.len()), 128);
    let squares = codes[start..].iter().map(|&c| (i32::from(c) - 128).pow(2));
    [step, half_square(squares.sum(), step)]
}

/// The nearest code; adding before cutting off the fraction rounds without a call.
#[inline]
fn code(x: f32, codes_per_one: f32) -> u8 {
    (x * codes_per_one + 128.5) as u8
}

fn step(direction: &[f32], centre: &[f32]) -> f32 {
    let largest = apart(direction, centre).fold(0.0f32, |largest, x| largest.max(x.abs()));
    (largest / 127.0).max(f32::MIN_POSITIVE)
}

fn apart(direction: &[f32], centre: &[f32]) -> impl Iterator<Item = f32> {
    direction.iter().zip(centre).map(|(x, m)| x - m)
}

fn half_square(codes: i32, step: f32) -> f32 {
    codes as f32 * step * step / 2.0
}

/// A direction to compare codes with, in codes of its own.
#[derive(Clone, Debug, Default)]
pub(crate) struct CodeQuery {
    codes: Vec<i8>,
    offset: i32,
    scale: Scale,
}

impl CodeQuery {
    /// Takes the place of what was here before, so that no memory is asked for.
    pub(crate) fn set(&mut self, direction: &[f32], centre: &[f32]) {
        let step = step(direction, centre);
        self.codes.clear();
        self.codes.extend(apart(direction, centre).map(|x| (code(x, 1.0 / step) ^ 128) as i8));
        self.codes.resize(padded(direction.len()), 0);
        self.offset = 128 * self.codes.iter().map(|&c| i32::from(c)).sum::<i32>();
        let squares = self.codes.iter().map(|&c| i32::from(c).pow(2));
        self.scale = [step, half_square(squares.sum(), step)];
    }

    /// The same of a row of codes, which loses nothing more.
    pub(crate) fn set_codes(&mut self, codes: &[u8], scale: Scale) {
        self.scale = scale;
        self.codes.clear();
        self.codes.extend(codes.iter().map(|&c| (c ^ 128) as i8));
        self.offset = 128 * self.codes.iter().map(|&c| i32::from(c)).sum::<i32>();
    }

    /// The cosine with a row around the same centre, from the dot product of their codes: 1 − |z − y|² / 2, which holds for
    /// directions whatever they are told apart from. It is off by less, the nearer they are.
    #[inline]
    pub(crate) fn cosine(&self, dot: i32, [step, half_square]: Scale) -> f32 {
        1.0 + (dot as f32 * step * self.scale[0] - half_square - self.scale[1])
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
        self.scale[0]
    }
}
