//! A grid's linear scores as a coloured table in SVG, as in the paper's figure 5.

use std::fmt::Write as _;

use simclr_eval::Score;

use super::{Grid, metric, percent};

/// Sizes in pixels: a cell, and the room for labels.
const CELL: [usize; 2] = [76, 44];
const LABELS: [usize; 2] = [170, 84];

/// From low to high: dark blue, green, yellow; each step is lighter, so that it reads in grey too.
const COLOURS: [[f64; 3]; 5] = [
    [48.0, 18.0, 90.0],
    [49.0, 84.0, 140.0],
    [32.0, 144.0, 141.0],
    [92.0, 200.0, 99.0],
    [253.0, 231.0, 37.0],
];

/// `scores` has one entry a cell, in the grid's order; a cell without is white with a dash.
pub(super) fn heat_map(grid: &Grid, scores: &[Vec<Score>]) -> String {
    let values: Vec<Option<f64>> = scores.iter().map(|cell| percent(cell, "linear")).collect();
    let known = values.iter().flatten();
    let least = known.clone().fold(f64::INFINITY, |a, &b| a.min(b));
    let most = known.fold(f64::NEG_INFINITY, |a, &b| a.max(b));
    let columns = grid.columns.as_ref().map_or(1, |axis| axis.values.len());
    let (width, height) =
        (LABELS[0] + CELL[0] * columns + 16, LABELS[1] + CELL[1] * grid.rows.values.len() + 16);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\" font-family=\"system-ui, sans-serif\" font-size=\"14\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"white\"/>\n\
         <text x=\"16\" y=\"28\" font-size=\"17\">{}, linear {} in percent</text>\n",
        escaped(&grid.title),
        escaped(metric(scores))
    );
    for (column, choice) in grid.columns.iter().flat_map(|axis| &axis.values).enumerate() {
        let (x, y) = (LABELS[0] + CELL[0] * column + CELL[0] / 2, LABELS[1] - 12);
        text(&mut svg, [x, y], "middle", "black", &choice.label);
    }
    for (row, choice) in grid.rows.values.iter().enumerate() {
        let y = LABELS[1] + CELL[1] * row;
        text(&mut svg, [LABELS[0] - 12, y + CELL[1] / 2 + 5], "end", "black", &choice.label);
        for column in 0..columns {
            cell(&mut svg, [LABELS[0] + CELL[0] * column, y], values[row * columns + column], least, most);
        }
    }
    svg.push_str("</svg>\n");
    svg
}

fn cell(svg: &mut String, [x, y]: [usize; 2], value: Option<f64>, least: f64, most: f64) {
    let place = |value: f64| if most > least { (value - least) / (most - least) } else { 0.5 };
    let fill = value.map_or_else(|| "white".to_owned(), |value| colour(place(value)));
    let (width, height) = (CELL[0] - 2, CELL[1] - 2);
    let _ = writeln!(
        svg,
        "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"4\" fill=\"{fill}\"/>"
    );
    let (ink, words) = match value {
        Some(value) => (if place(value) > 0.6 { "black" } else { "white" }, format!("{value:.1}")),
        None => ("black", "–".to_owned()),
    };
    text(svg, [x + width / 2, y + height / 2 + 5], "middle", ink, &words);
}

fn text(svg: &mut String, [x, y]: [usize; 2], anchor: &str, fill: &str, words: &str) {
    let words = escaped(words);
    let _ =
        writeln!(svg, "<text x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\" fill=\"{fill}\">{words}</text>");
}

/// The colour at `place` in 0…1.
fn colour(place: f64) -> String {
    let at = place.clamp(0.0, 1.0) * 4.0;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 3")]
    let below = (at.floor() as usize).min(3);
    let share = at - at.floor().min(3.0);
    let mix = |channel: usize| COLOURS[below][channel] * (1.0 - share) + COLOURS[below + 1][channel] * share;
    format!("rgb({:.0},{:.0},{:.0})", mix(0), mix(1), mix(2))
}

fn escaped(words: &str) -> String {
    words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::super::table::tests::{grid, score};
    use super::*;

    #[test]
    fn the_lowest_cell_is_darkest_and_a_missing_one_white() {
        let scores = vec![
            vec![score("linear", 40.0)],
            vec![score("linear", 80.0)],
            vec![],
            vec![score("linear", 60.0)],
        ];
        let svg = heat_map(&grid(&["crop & flip", "b"], &["x", "y"]), &scores);
        assert!(
            svg.contains("rgb(48,18,90)")
                && svg.contains("rgb(253,231,37)")
                && svg.contains("rgb(32,144,141)")
        );
        assert_eq!(svg.matches("fill=\"white\"/>").count(), 2, "the page and the missing cell");
        assert_eq!(svg.matches(">–<").count(), 1, "the missing cell");
        assert!(svg.contains("crop &amp; flip") && svg.contains(">80.0<"));
    }
}
