//! Plots as SVG that stand in a page and take its colours, so that they are dark where the page is.

mod dots;
mod heat;
mod path;

use std::fmt::Write as _;

pub(crate) use dots::{Dot, DotRow, dots};
pub(crate) use heat::heat;
pub(crate) use path::{Curve, path};

use super::page::escape;

/// A drawing that grows; coordinates are pixels at full width.
struct Svg {
    text: String,
    wide: f64,
    high: f64,
}

impl Svg {
    fn new(wide: f64, high: f64, about: &str) -> Self {
        let text = format!("<title>{}</title>\n", escape(about));
        Self { text, wide, high }
    }

    fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        let ((x1, y1), (x2, y2)) = (from, to);
        let _ = writeln!(
            self.text,
            "<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>"
        );
    }

    fn circle(&mut self, class: &str, (x, y): (f64, f64), radius: f64, about: &str) {
        let about = escape(about);
        let _ = writeln!(
            self.text,
            "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius:.1}\"><title>{about}</title></circle>"
        );
    }

    /// Text that begins, is centred or ends at a point: `start`, `middle`, `end`.
    fn words(&mut self, class: &str, (x, y): (f64, f64), anchor: &str, words: &str) {
        let words = escape(words);
        let _ = writeln!(
            self.text,
            "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{words}</text>"
        );
    }

    fn finish(self) -> String {
        // A drawing never grows beyond its own size, but shrinks on a phone.
        format!(
            "<svg viewBox=\"0 0 {:.0} {:.0}\" style=\"max-width:{:.0}px\" role=\"img\">\n{}</svg>\n",
            self.wide, self.high, self.wide, self.text
        )
    }
}

/// Class of the colour of the `index`-th encoder; after six they repeat.
pub(crate) fn colour(index: usize) -> &'static str {
    ["c0", "c1", "c2", "c3", "c4", "c5"][index % 6]
}

/// Names beside dots of their colours, for below a plot.
pub(crate) fn legend<'a>(names: impl Iterator<Item = (usize, &'a str)>) -> String {
    let mut text = String::from("<p class=\"small\">");
    for (index, name) in names {
        let colour = colour(index);
        let _ = write!(
            text,
            "<span class=\"{colour}\" style=\"color:var(--c)\">●</span>&nbsp;{}&ensp; ",
            escape(name)
        );
    }
    text + "</p>\n"
}

/// What fits into so many pixels of a usual letter, the rest as `…`.
fn fitting(words: &str, pixels: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few hundred pixels")]
    let letters = (pixels / 7.2).max(1.0) as usize;
    if words.chars().count() <= letters {
        return words.to_owned();
    }
    words.chars().take(letters - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plots_escape_and_stay_inside() {
        let names = ["<a>".to_owned(), "b & \"c\"".to_owned()];
        let heat = heat(&names, &[3, 1, 0, 0]);
        let curve = Curve { colour: 0, name: "<e>", points: vec![(1e-3, 50.0), (1.0, 60.0)], chosen: 1.0 };
        let flat = Curve { colour: 7, name: "f", points: vec![(1.0, 60.0)], chosen: 9.0 };
        let path = path(&[curve, flat]);
        let dot = |value, interval| Dot { colour: 0, name: "<e>", value, interval };
        let row = DotRow {
            title: "<d>".to_owned(),
            dots: vec![dot(50.0, Some([49.0, 51.5])), dot(0.0, None)],
            cited: vec![("x & y", 100.0)],
        };
        let dots = dots(&[row]);
        for svg in [&heat, &path, &dots] {
            for bad in ["<a>", "<e>", "<d>", "NaN", "inf", "b & "] {
                assert!(!svg.contains(bad), "{bad} in {svg}");
            }
            assert_eq!(svg.matches("<svg").count(), 1);
        }
        assert!(heat.contains("&lt;a&gt;") && heat.contains("3 of 4"), "{heat}");
        assert!(path.contains("polyline") && dots.contains("51.5"), "{path} {dots}");
        assert_eq!(fitting("a long name", 40.0), "a lo…");
    }

    #[test]
    fn nothing_to_plot_is_no_plot() {
        assert!(path(&[]).is_empty() && dots(&[]).is_empty() && heat(&[], &[]).is_empty());
    }
}
