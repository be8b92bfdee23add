//! How alike two pictures are wherever one may have been cut, moved or mirrored: 1 for the same, about 0 for strangers.
//!
//! Shades are compared after their surroundings were subtracted, so that two blue skies are no match and a change of
//! brightness, contrast or colour is no difference. The measure is the correlation of what remains.

use super::print::{SIDE, mirror};

/// How far around a pixel its surroundings reach.
const REACH: usize = 2;
/// Pixels one picture may be moved against the other.
const SHIFT: isize = 3;
/// Sides of the windows, in pixels of the other's outline, of which one picture may be a cut-out.
const WINDOWS: [usize; 5] = [30, 28, 26, 24, 22];
/// Below this, unmoved, cut-outs are not tried unless the caller has other reasons to believe in a match.
const PROMISING: f32 = 0.3;
/// As good as equal: nothing better is looked for.
const ENOUGH: f32 = 0.9;

/// An outline: `SIDE`×`SIDE` differences from the surroundings.
struct Outline(Vec<f32>);

impl Outline {
    fn of(shades: &[f32]) -> Self {
        let along = surroundings(shades, 1, SIDE);
        let around = surroundings(&along, SIDE, 1);
        Self(shades.iter().zip(around).map(|(shade, mean)| shade - mean).collect())
    }

    /// The correlation where this is moved by `(right, down)` against the other, over what both cover.
    fn correlation(&self, other: &Self, (right, down): (isize, isize)) -> f32 {
        let rows = SIDE - down.unsigned_abs();
        let columns = SIDE - right.unsigned_abs();
        let begin = |by: isize| usize::try_from(by).unwrap_or(0);
        let mut sums = [0.0_f32; 5];
        for row in 0..rows {
            let a = (row + begin(-down)) * SIDE + begin(-right);
            let b = (row + begin(down)) * SIDE + begin(right);
            for (x, y) in self.0[a..a + columns].iter().zip(&other.0[b..b + columns]) {
                sums[0] += x;
                sums[1] += y;
                sums[2] += x * x;
                sums[3] += y * y;
                sums[4] += x * y;
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "at most 1024")]
        let count = (rows * columns) as f32;
        let [x, y, xx, yy, xy] = sums.map(|sum| sum / count);
        let spread = (xx - x * x).max(0.0) * (yy - y * y).max(0.0);
        // A picture without any contour is like none.
        if spread > 1e-12 { (xy - x * y) / spread.sqrt() } else { 0.0 }
    }

    /// The best correlation within so many pixels of the same place.
    fn best(&self, other: &Self, shift: isize) -> f32 {
        let moves = (-shift..=shift).flat_map(|down| (-shift..=shift).map(move |right| (right, down)));
        moves.map(|by| self.correlation(other, by)).fold(-1.0, f32::max)
    }
}

/// How alike two pictures' shades are, −1 to 1; `is_likely` says that a cut-out is worth a search even if the whole
/// pictures do not resemble each other.
pub(super) fn similarity(a: &[f32], b: &[f32], is_likely: bool) -> f32 {
    let (outline_a, outline_b) = (Outline::of(a), Outline::of(b));
    let mut best = -1.0_f32;
    for mirrored in [false, true] {
        let (b, outline_b) = if mirrored {
            (mirror(b), Outline(mirror(&outline_b.0)))
        } else {
            (b.to_vec(), Outline(outline_b.0.clone()))
        };
        let whole = outline_a.best(&outline_b, SHIFT);
        best = best.max(whole);
        if best < ENOUGH && (is_likely || whole > PROMISING) {
            best = best.max(cut_out(&outline_a, &b)).max(cut_out(&outline_b, a));
        }
    }
    best
}

/// How well the outline fits the best window of the shades.
fn cut_out(outline: &Outline, shades: &[f32]) -> f32 {
    let mut best = -1.0_f32;
    for window in WINDOWS {
        let places = (0..=SIDE - window).step_by(2);
        for (down, right) in places.clone().flat_map(|down| places.clone().map(move |right| (down, right))) {
            let enlarged = Outline::of(&enlarged(shades, window, (right, down)));
            best = best.max(outline.best(&enlarged, 1));
        }
    }
    best
}

/// A window of the shades, drawn out to the whole square between pixels' middles.
fn enlarged(shades: &[f32], window: usize, (right, down): (usize, usize)) -> Vec<f32> {
    #[expect(clippy::cast_precision_loss, reason = "at most 32")]
    let step = window as f32 / SIDE as f32;
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "0 to 32"
    )]
    let at = |i: usize| {
        let place = ((i as f32 + 0.5) * step - 0.5).clamp(0.0, (window - 1) as f32);
        let first = (place as usize).min(window - 2);
        (first, place - first as f32)
    };
    let mut to = Vec::with_capacity(SIDE * SIDE);
    for row in 0..SIDE {
        let (y, fy) = at(row);
        for column in 0..SIDE {
            let (x, fx) = at(column);
            let corner = (down + y) * SIDE + right + x;
            let between = |at: usize| shades[at] + fx * (shades[at + 1] - shades[at]);
            to.push(between(corner) + fy * (between(corner + SIDE) - between(corner)));
        }
    }
    to
}

/// The mean within [`REACH`] along one axis, the edge repeated; `step` apart on it, `across` apart on the other.
fn surroundings(values: &[f32], step: usize, across: usize) -> Vec<f32> {
    let mut to = vec![0.0; values.len()];
    for line in 0..SIDE {
        for i in 0..SIDE {
            let near = (0..=2 * REACH).map(|k| (i + k).saturating_sub(REACH).min(SIDE - 1));
            let sum: f32 = near.map(|k| values[line * across + k * step]).sum();
            #[expect(clippy::cast_precision_loss, reason = "5")]
            let count = (2 * REACH + 1) as f32;
            to[line * across + i * step] = sum / count;
        }
    }
    to
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// Smooth random shades, as of a picture shrunk.
    fn scene(seed: u64, side: usize) -> Vec<f32> {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let waves: Vec<[f32; 4]> = (0..40)
            .map(|_| {
                [
                    random.random_range(0.1..0.9),
                    random.random_range(-0.9..0.9),
                    random.random_range(0.0..6.3),
                    random.random_range(0.2..1.0),
                ]
            })
            .collect();
        let shade =
            |x: f32, y: f32| waves.iter().map(|[u, v, p, a]| a * (u * x + v * y + p).sin()).sum::<f32>();
        #[expect(clippy::cast_precision_loss, reason = "small")]
        let point = |i: usize| 0.5 + shade((i % side) as f32, (i / side) as f32) / 40.0;
        (0..side * side).map(point).collect()
    }

    fn window(scene: &[f32], side: usize, right: usize, down: usize) -> Vec<f32> {
        (0..SIDE).flat_map(|y| scene[(y + down) * side + right..][..SIDE].to_vec()).collect()
    }

    #[test]
    fn finds_what_was_moved_mirrored_dimmed_or_cut_and_no_stranger() {
        for seed in 0..4 {
            let large = scene(seed, 40);
            let a = window(&large, 40, 3, 3);
            assert!(similarity(&a, &a, false) > 0.999);
            let dimmed: Vec<f32> = a.iter().map(|x| 0.1 + 0.5 * x).collect();
            assert!(similarity(&a, &dimmed, false) > 0.999);
            assert!(similarity(&a, &window(&large, 40, 5, 1), false) > 0.9);
            assert!(similarity(&a, &mirror(&window(&large, 40, 5, 1)), false) > 0.9);
            let cut = enlarged(&a, 25, (2, 5));
            assert!(similarity(&a, &cut, true) > 0.85, "{}", similarity(&a, &cut, true));
            assert!(similarity(&cut, &mirror(&a), true) > 0.85);
            let stranger = window(&scene(seed + 100, 40), 40, 0, 0);
            assert!(similarity(&a, &stranger, true) < 0.6, "{}", similarity(&a, &stranger, true));
        }
    }

    #[test]
    fn without_contours_there_is_no_likeness() {
        assert!(similarity(&[0.5; SIDE * SIDE], &[0.5; SIDE * SIDE], true) <= 0.0);
    }

    /// The definition: means, deviations and products over the common part, loop by loop, in f64.
    #[test]
    fn correlation_is_pearsons() {
        let (a, b) = (scene(1, SIDE), scene(2, SIDE));
        for (right, down) in [(0, 0), (2, -3), (-1, 3)] {
            let mut pairs = Vec::new();
            for y in 0..32_isize {
                for x in 0..32_isize {
                    let (u, v) = (x + right, y + down);
                    if (0..32).contains(&u) && (0..32).contains(&v) {
                        let at = |x: isize, y: isize| usize::try_from(y * 32 + x).unwrap();
                        pairs.push((f64::from(a[at(x, y)]), f64::from(b[at(u, v)])));
                    }
                }
            }
            #[expect(clippy::cast_precision_loss, reason = "small")]
            let n = pairs.len() as f64;
            let (ma, mb) =
                (pairs.iter().map(|p| p.0).sum::<f64>() / n, pairs.iter().map(|p| p.1).sum::<f64>() / n);
            let sum = |f: &dyn Fn(f64, f64) -> f64| pairs.iter().map(|p| f(p.0 - ma, p.1 - mb)).sum::<f64>();
            let expected = sum(&|x, y| x * y) / (sum(&|x, _| x * x) * sum(&|_, y| y * y)).sqrt();
            let found = Outline(a.clone()).correlation(&Outline(b.clone()), (right, down));
            assert!((f64::from(found) - expected).abs() < 1e-4, "{found} {expected}");
        }
    }
}
