//! What an unsigned 8-bit number of a tensor means: (number − zero) · scale.

/// A tensor's scale and zero.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Grid {
    /// How far two neighbouring numbers are apart.
    pub scale: f32,
    /// The number that means zero exactly, which padding needs.
    pub zero: u8,
}

impl Grid {
    /// The finest grid that holds zero and everything from `least` to `most`.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to 0…255 before; scales are ordinary floats"
    )]
    pub(crate) fn covering([least, most]: [f32; 2]) -> Self {
        let (least, most) = (f64::from(least.min(0.0)), f64::from(most.max(0.0)));
        let width = most - least;
        // A channel that is zero on every picture: any scale will do.
        let scale = if width > 0.0 { width / 255.0 } else { 1.0 };
        let zero = (-least / scale).round_ties_even().clamp(0.0, 255.0) as u8;
        Self { scale: scale as f32, zero }
    }

    /// The nearest of the grid's numbers, ties to even as ONNX says.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0…255 before")]
    pub(crate) fn quantise(self, x: f64) -> u8 {
        let steps = (x / f64::from(self.scale)).round_ties_even() + f64::from(self.zero);
        steps.clamp(0.0, 255.0) as u8
    }

    /// What a number means.
    pub(crate) fn value(self, number: u8) -> f64 {
        (f64::from(number) - f64::from(self.zero)) * f64::from(self.scale)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_exact_and_the_ends_are_held() {
        for range in [[-1.0, 3.0], [0.0, 2.0], [0.5, 2.0], [-3.0, -1.0], [-0.001, 100.0]] {
            let grid = Grid::covering(range);
            assert_eq!(grid.value(grid.quantise(0.0)), 0.0, "{range:?}");
            for x in range.map(f64::from) {
                let apart = (grid.value(grid.quantise(x)) - x).abs();
                assert!(apart <= 0.5001 * f64::from(grid.scale), "{range:?}: {x} is {apart} off");
            }
        }
    }

    #[test]
    fn what_is_outside_saturates_and_nothing_is_a_range_too() {
        let relu = Grid::covering([0.0, 2.55]);
        assert_eq!((relu.zero, relu.quantise(-1.0), relu.quantise(9.0)), (0, 0, 255));
        let nothing = Grid::covering([0.0, 0.0]);
        assert_eq!(nothing.value(nothing.quantise(0.0)), 0.0);
    }
}
