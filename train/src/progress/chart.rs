//! A run's `metrics.jsonl` drawn: loss, learning rate and, with a monitor, kNN and linear probe over epochs, as one SVG.

use std::ops::Range;

use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::{Monitored, Record};
use crate::TrainError;
use crate::run_folder::{RunFolder, write_whole};

const WIDE: u32 = 900;
const PANEL_HIGH: u32 = 230;
const TITLE_HIGH: u32 = 44;
/// Points of a line at most; more are averaged, since nobody sees them.
const POINTS: usize = 600;
/// Pixels between two labels.
const LABEL_HIGH: i32 = 14;
const FONT: &str = "Helvetica, Arial, sans-serif";
const INK: RGBColor = RGBColor(36, 41, 47);
const FAINT: RGBColor = RGBColor(222, 226, 230);
const BLUE: RGBColor = RGBColor(31, 111, 235);
const PURPLE: RGBColor = RGBColor(130, 80, 223);
const GREEN: RGBColor = RGBColor(26, 127, 55);
const ORANGE: RGBColor = RGBColor(188, 76, 0);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Axes<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;
type Points = Vec<(f64, f64)>;

/// One line of a panel.
struct Curve {
    name: &'static str,
    colour: RGBColor,
    points: Points,
    /// Whether each point is a measurement worth a dot.
    has_dots: bool,
}

/// Reads the run's lines and rewrites `progress.svg`; nothing when no step is recorded yet.
pub(crate) fn draw(run: &RunFolder, name: &str) -> Result<(), TrainError> {
    let path = run.file("metrics.jsonl");
    let text = std::fs::read_to_string(&path).map_err(TrainError::io(&path))?;
    let (records, looks) = read(&text);
    if records.is_empty() {
        return Ok(());
    }
    let path = run.file("progress.svg");
    let svg = svg(name, &records, &looks)
        .map_err(|reason| TrainError::Io { path: path.clone(), source: std::io::Error::other(reason) })?;
    write_whole(&path, svg.as_bytes()).map_err(TrainError::io(&path))
}

fn read(text: &str) -> (Vec<Record>, Vec<Monitored>) {
    let (mut records, mut looks) = (vec![], vec![]);
    for line in text.lines() {
        let Ok(value) = serde_json::from_str::<serde_json::Value>(line) else { continue };
        match value["kind"].as_str() {
            Some("monitor") => looks.extend(serde_json::from_value::<Monitored>(value)),
            // Lines of earlier versions have no kind.
            Some("step") | None => records.extend(serde_json::from_value::<Record>(value)),
            Some(_) => (),
        }
    }
    (records, looks)
}

fn svg(name: &str, records: &[Record], looks: &[Monitored]) -> Result<String, String> {
    let of_records = |name, colour, number: fn(&Record) -> f64| {
        let points = records.iter().map(|record| (record.epoch, number(record))).collect();
        Curve { name, colour, points: thinned(points), has_dots: false }
    };
    let of_looks = |name, colour, number: fn(&Monitored) -> Option<f64>| {
        let points = looks.iter().filter_map(|look| Some((look.epoch, number(look)?))).collect();
        Curve { name, colour, points, has_dots: true }
    };
    let mut panels = vec![("loss by epoch", vec![of_records("loss", BLUE, |record| record.loss)])];
    if !looks.is_empty() {
        let knn = of_looks("kNN", GREEN, |looked| Some(looked.look.knn));
        let linear = of_looks("linear probe", ORANGE, |looked| looked.look.linear);
        panels.push(("top-1 by epoch, percent", vec![knn, linear]));
    }
    panels.push(("learning rate by epoch", vec![of_records("learning rate", PURPLE, |record| record.rate)]));
    let mut text = String::new();
    let high = TITLE_HIGH + PANEL_HIGH * u32::try_from(panels.len()).unwrap_or(1);
    {
        let root = SVGBackend::with_string(&mut text, (WIDE, high)).into_drawing_area();
        root.fill(&WHITE).map_err(|e| e.to_string())?;
        let (title, rest) = root.split_vertically(TITLE_HIGH);
        let last = records.last().map_or(0.0, |record| record.epoch);
        let heading = format!("{name}: {last:.1} epochs{}", judged_on(looks));
        title.draw_text(&heading, &text_style(16), (14, 16)).map_err(|e| e.to_string())?;
        let areas = rest.split_evenly((panels.len(), 1));
        for (area, (title, curves)) in areas.iter().zip(&panels) {
            panel(area, title, curves, last)?;
        }
        root.present().map_err(|e| e.to_string())?;
    }
    Ok(text)
}

fn judged_on(looks: &[Monitored]) -> String {
    let on = |looked: &Monitored| format!("; monitored on {} pictures", looked.look.judged);
    looks.last().map(on).unwrap_or_default()
}

fn text_style(size: u32) -> TextStyle<'static> {
    (FONT, size).into_font().color(&INK)
}

fn panel(area: &Area<'_>, title: &str, curves: &[Curve], end: f64) -> Result<(), String> {
    let wrong = |e: DrawingAreaErrorKind<_>| e.to_string();
    let heights = curves.iter().flat_map(|curve| &curve.points).map(|&(_, y)| y);
    let mut chart = ChartBuilder::on(area)
        .margin_left(10)
        .margin_right(120)
        .margin_bottom(6)
        .caption(title, text_style(14))
        .x_label_area_size(28)
        .y_label_area_size(58)
        .build_cartesian_2d(0.0..end.max(f64::MIN_POSITIVE), span(heights))
        .map_err(wrong)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(FAINT)
        .axis_style(FAINT)
        .label_style(text_style(12))
        .x_labels(10)
        .y_labels(6)
        .x_label_formatter(&|x| short(*x))
        .y_label_formatter(&|y| short(*y))
        .draw()
        .map_err(wrong)?;
    for (index, curve) in curves.iter().enumerate() {
        let nudge = nudge(&chart, curves, index);
        draw_curve(&mut chart, curve, nudge).map_err(wrong)?;
    }
    Ok(())
}

/// Pixels by which the label of the curve `index` moves down, so that it does not lie on another's.
fn nudge(chart: &Axes<'_, '_>, curves: &[Curve], index: usize) -> i32 {
    let height = |curve: &Curve| curve.points.last().map(|end| chart.backend_coord(end).1);
    let Some(own) = height(&curves[index]) else { return 0 };
    let others = curves.iter().enumerate().filter(|(other, _)| *other != index);
    let mut gaps = others.filter_map(|(other, curve)| Some((other, own - height(curve)?)));
    let Some((other, gap)) = gaps.find(|(_, gap)| gap.abs() < LABEL_HIGH) else { return 0 };
    // Of two at one height the first goes up.
    let is_below = if gap == 0 { index > other } else { gap > 0 };
    let way = (LABEL_HIGH - gap.abs() + 1) / 2;
    if is_below { way } else { -way }
}

type Drawn = Result<(), DrawingAreaErrorKind<<SVGBackend<'static> as DrawingBackend>::ErrorType>>;

/// A line with its name and last value at its end.
fn draw_curve(chart: &mut Axes<'_, '_>, curve: &Curve, nudge: i32) -> Drawn {
    let Some(&end) = curve.points.last() else { return Ok(()) };
    chart.draw_series(LineSeries::new(curve.points.iter().copied(), curve.colour.stroke_width(2)))?;
    if curve.has_dots {
        let dot = |&point| Circle::new(point, 3, curve.colour.filled());
        chart.draw_series(curve.points.iter().map(dot))?;
    }
    let label = format!("{} {}", curve.name, short(end.1));
    let place = Pos::new(HPos::Left, VPos::Center);
    let style = (FONT, 12).into_font().color(&curve.colour).pos(place);
    let label = EmptyElement::at(end) + Text::new(label, (8, nudge), style);
    chart.draw_series(std::iter::once(label))?;
    Ok(())
}

/// From the least to the largest of the numbers, with a little air.
fn span(numbers: impl Iterator<Item = f64>) -> Range<f64> {
    let (least, most) = numbers.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), y| (a.min(y), b.max(y)));
    if least > most {
        return 0.0..1.0;
    }
    let air = ((most - least) * 0.06).max(most.abs() * 1e-3).max(1e-9);
    (if least >= 0.0 { (least - air).max(0.0) } else { least - air })..most + air
}

/// Four digits at most, no needless zeros.
fn short(x: f64) -> String {
    let digits = match x.abs() {
        size if size >= 1000.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        size if size >= 0.01 || size == 0.0 => 3,
        _ => return format!("{x:.1e}"),
    };
    let text = format!("{x:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// Means of neighbouring points, [`POINTS`] at most; the last point stays.
fn thinned(points: Points) -> Points {
    if points.len() <= POINTS {
        return points;
    }
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    let mean = |some: &[(f64, f64)]| {
        let sum = some.iter().fold((0.0, 0.0), |sum, point| (sum.0 + point.0, sum.1 + point.1));
        (sum.0 / some.len() as f64, sum.1 / some.len() as f64)
    };
    let last = points.last().copied();
    points.chunks(points.len().div_ceil(POINTS - 1)).map(mean).chain(last).collect()
}

#[cfg(test)]
mod tests;
