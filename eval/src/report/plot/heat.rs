//! A confusion matrix as a heat map: a row a true class, a column a guess, darker where more of the row's pictures are.

use std::fmt::Write as _;

use super::{Svg, fitting};
use crate::report::page::escape;

const CELL: f64 = 34.0;
const LEFT: f64 = 120.0;
const TOP: f64 = 92.0;

/// `counts` is classes × classes, true class by true class.
pub(crate) fn heat(names: &[String], counts: &[usize]) -> String {
    if names.is_empty() {
        return String::new();
    }
    #[expect(clippy::cast_precision_loss, reason = "at most 20")]
    let at = |index: usize| index as f64 * CELL;
    let side = at(names.len());
    let mut svg =
        Svg::new(LEFT + side + 50.0, TOP + side + 4.0, "Pictures by true class (rows) and guess (columns)");
    for (truth, name) in names.iter().enumerate() {
        let row = &counts[truth * names.len()..(truth + 1) * names.len()];
        let all: usize = row.iter().sum();
        let y = TOP + at(truth);
        svg.words("", (LEFT - 8.0, y + CELL / 2.0 + 4.0), "end", &fitting(name, LEFT - 10.0));
        column_name(&mut svg, LEFT + at(truth) + CELL / 2.0, name);
        for (guess, &count) in row.iter().enumerate() {
            #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
            let share = count as f64 / all.max(1) as f64;
            let x = LEFT + at(guess);
            let class = if truth == guess { "cell" } else { "cell off" };
            // The root shows what is rare; all of a row would hide the number in it.
            let shade = 0.85 * share.sqrt();
            let about = format!("{count} of {all}: {name} taken for {}", names[guess]);
            let _ = writeln!(
                svg.text,
                "<rect class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"3\" \
                 fill-opacity=\"{shade:.3}\"><title>{}</title></rect>",
                x + 1.0,
                y + 1.0,
                CELL - 2.0,
                CELL - 2.0,
                escape(&about)
            );
            if count > 0 {
                svg.words("", (x + CELL / 2.0, y + CELL / 2.0 + 4.0), "middle", &count.to_string());
            }
        }
    }
    svg.finish()
}

fn column_name(svg: &mut Svg, x: f64, name: &str) {
    let y = TOP - 8.0;
    let name = escape(&fitting(name, 106.0));
    let _ = writeln!(
        svg.text,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" transform=\"rotate(-50 {x:.1} {y:.1})\">{name}</text>"
    );
}
