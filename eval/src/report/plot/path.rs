//! What each penalty gave on validation: a line an encoder over λ, a ring at the one that was chosen.

use std::fmt::Write as _;

use super::{Svg, colour};

const WIDE: f64 = 520.0;
const HIGH: f64 = 240.0;
const LEFT: f64 = 44.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 40.0;

/// One encoder's path.
pub(crate) struct Curve<'a> {
    /// Of the encoder.
    pub(crate) colour: usize,
    /// The encoder.
    pub(crate) name: &'a str,
    /// λ and percent on validation.
    pub(crate) points: Vec<(f64, f64)>,
    /// The λ chosen.
    pub(crate) chosen: f64,
}

/// Over the logarithm of λ; penalties that are not positive have no place on it.
pub(crate) fn path(curves: &[Curve<'_>]) -> String {
    let seen =
        || curves.iter().flat_map(|c| &c.points).filter(|p| p.0 > 0.0 && p.0.is_finite() && p.1.is_finite());
    let span = |number: fn(&(f64, f64)) -> f64| {
        seen().map(number).fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), x| (a.min(x), b.max(x)))
    };
    let (left, right) = span(|p| p.0.log10());
    let (low, high) = span(|p| p.1);
    if left > right {
        return String::new();
    }
    let (low, high) = ((low - 1.0).max(0.0).floor(), (high + 1.0).min(100.0).ceil());
    let x = |penalty: f64| LEFT + (WIDE - LEFT - RIGHT) * (penalty.log10() - left) / (right - left).max(1e-9);
    let y = |percent: f64| TOP + (HIGH - TOP - BOTTOM) * (high - percent) / (high - low).max(1e-9);
    let mut svg = Svg::new(WIDE, HIGH, "Percent on validation by penalty");
    for step in 0..=4 {
        let value = low + (high - low) * f64::from(step) / 4.0;
        svg.line("grid", (LEFT, y(value)), (WIDE - RIGHT, y(value)));
        svg.words("soft", (LEFT - 6.0, y(value) + 4.0), "end", &format!("{value:.0}"));
    }
    #[expect(clippy::cast_possible_truncation, reason = "decades of numbers that are not tiny")]
    let (first, last) = (left.ceil() as i32, right.floor() as i32);
    let between = ((last - first) / 6).max(1);
    for decade in (first..=last).filter(|d| (d - first) % between == 0) {
        svg.words("soft", (x(10_f64.powi(decade)), HIGH - 22.0), "middle", &format!("1e{decade}"));
    }
    svg.words("soft", (LEFT + (WIDE - LEFT - RIGHT) / 2.0, HIGH - 5.0), "middle", "λ of the mean objective");
    for curve in curves {
        let points: Vec<_> = curve.points.iter().filter(|p| p.0 > 0.0 && p.1.is_finite()).collect();
        let places: Vec<String> = points.iter().map(|p| format!("{:.1},{:.1}", x(p.0), y(p.1))).collect();
        let colour = colour(curve.colour);
        let _ = writeln!(svg.text, "<polyline class=\"line {colour}\" points=\"{}\"/>", places.join(" "));
        if let Some(point) = points.iter().find(|p| p.0 == curve.chosen) {
            let about = format!("{}: λ = {:.3e}, {:.2} % on validation", curve.name, point.0, point.1);
            svg.circle(&format!("ring {colour}"), (x(point.0), y(point.1)), 5.0, &about);
        }
    }
    svg.finish()
}
