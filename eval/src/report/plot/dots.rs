//! Every encoder on every dataset at a glance: a row a dataset, a dot an encoder with its 95 % interval, a tick a published
//! figure.

use super::{Svg, colour, fitting};

const WIDE: f64 = 760.0;
const LEFT: f64 = 180.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 8.0;
const BOTTOM: f64 = 26.0;
/// Between two dots of a row, so that none hides another.
const BETWEEN: f64 = 9.0;

/// A dataset's row.
pub(crate) struct DotRow<'a> {
    /// Its title.
    pub(crate) title: String,
    /// What encoders got.
    pub(crate) dots: Vec<Dot<'a>>,
    /// Published figures: whose, and percent.
    pub(crate) cited: Vec<(&'a str, f64)>,
}

/// What one encoder got.
pub(crate) struct Dot<'a> {
    /// Of the encoder.
    pub(crate) colour: usize,
    /// The encoder.
    pub(crate) name: &'a str,
    /// Percent.
    pub(crate) value: f64,
    /// Its 95 % interval.
    pub(crate) interval: Option<[f64; 2]>,
}

/// Over 0 to 100 percent.
pub(crate) fn dots(rows: &[DotRow<'_>]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    #[expect(clippy::cast_precision_loss, reason = "a few encoders")]
    let height = |row: &DotRow<'_>| BETWEEN * row.dots.len().max(1) as f64 + 18.0;
    let all: f64 = rows.iter().map(height).sum();
    let x = |percent: f64| LEFT + (WIDE - LEFT - RIGHT) * percent.clamp(0.0, 100.0) / 100.0;
    let mut svg = Svg::new(WIDE, TOP + all + BOTTOM, "Percent by dataset and encoder");
    for percent in (0..=100).step_by(20).map(f64::from) {
        svg.line("grid", (x(percent), TOP), (x(percent), TOP + all));
        svg.words("soft", (x(percent), TOP + all + 16.0), "middle", &format!("{percent:.0}"));
    }
    let mut y = TOP;
    for row in rows {
        let high = height(row);
        svg.words("", (LEFT - 12.0, y + high / 2.0 + 4.0), "end", &fitting(&row.title, LEFT - 14.0));
        svg.line("grid", (0.0, y + high), (WIDE - RIGHT, y + high));
        for (name, value) in &row.cited {
            svg.line("rule c5", (x(*value), y + 4.0), (x(*value), y + high - 4.0));
            svg.circle("dot c5", (x(*value), y + 4.0), 2.5, &format!("{name}: {value:.1}"));
        }
        for (index, dot) in row.dots.iter().enumerate() {
            #[expect(clippy::cast_precision_loss, reason = "a few encoders")]
            let middle = y + 9.0 + BETWEEN * (index as f64 + 0.5);
            let colour = colour(dot.colour);
            let mut about = format!("{}: {:.2}", dot.name, dot.value);
            if let Some([low, high]) = dot.interval {
                svg.line(&format!("rule {colour}"), (x(low), middle), (x(high), middle));
                about = format!("{about} ({low:.2} to {high:.2})");
            }
            svg.circle(&format!("dot {colour}"), (x(dot.value), middle), 4.0, &about);
        }
        y += high;
    }
    svg.finish()
}
