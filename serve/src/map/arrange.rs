//! Many vectors as points of a plane in which neighbours stay neighbours: t-SNE (van der Maaten & Hinton 2008) by the crate
//! bhtsne, interpolated (Linderman et al. 2019).
//!
//! Rows go in, places come out. Of many rows, [`SAMPLE`] at even distances are arranged, and the others placed among them.
//! On one thread, the same rows give the same places. Knows no records, no threads and no HTTP.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use bhtsne::{Neighbor, tSNE};

use super::components::{centre, components, dot};
use super::neighbours::nearest;

/// Rows that are arranged; the work grows with their square.
pub(crate) const SAMPLE: usize = 8000;
/// Rows below which there is nothing to arrange.
pub(crate) const FEWEST: usize = 16;
/// Numbers that are left of each row: those of its first principal components.
const REDUCED: usize = 48;
/// Passes over the sample to find them; the last ones need not be exact.
const PASSES: usize = 6;
/// How many neighbours count for a point, about; three times as many are looked at.
const PERPLEXITY: usize = 30;
const EPOCHS: usize = 500;
/// Arranged neighbours between which another row is placed.
const BETWEEN: usize = 5;
/// Rows after which progress is told.
const BLOCK: usize = 250;

/// Why there is no arrangement.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum ArrangeError {
    /// Nothing to be done: somebody wanted it so.
    #[error("it was cancelled")]
    Cancelled,
    /// Look at the vectors; the log has more.
    #[error("arranging failed: {0}")]
    Failed(String),
}

/// Told what is being done, how far it is and of how much; says whether to go on.
pub(super) type Tell<'a> = &'a dyn Fn(&'static str, usize, usize) -> bool;

/// A place for each row (N × `dimension`, row-major, N at least [`FEWEST`]): `sample` of them arranged, the others near those that are.
///
/// # Errors
/// When `tell` says not to go on, or a vector has no place.
pub(super) fn arrange(
    mut rows: Vec<f32>,
    dimension: usize,
    sample: usize,
    tell: Tell<'_>,
) -> Result<Vec<[f32; 2]>, ArrangeError> {
    let count = rows.len() / dimension;
    let sample = sample.min(count);
    if count < FEWEST {
        return Err(ArrangeError::Failed(format!("{count} are too few")));
    }
    let chosen: Vec<usize> = (0..sample).map(|number| number * count / sample).collect();
    go_on(tell("reducing", 0, count))?;
    centre(&mut rows, dimension);
    let kept = dimension.min(REDUCED);
    let some = rows_of(&rows, dimension, &chosen);
    let axes = components(&some, dimension, kept, PASSES);
    let reduced: Vec<f32> =
        rows.chunks_exact(dimension).flat_map(|row| axes.iter().map(|axis| dot(row, axis))).collect();
    drop((rows, some));
    let points = rows_of(&reduced, kept, &chosen);
    let found = by_neighbours(&points, kept, tell)?;
    let places = place_others(&reduced, kept, &chosen, (&points, &found), tell)?;
    match places.iter().flatten().all(|number| number.is_finite()) {
        true => Ok(places),
        false => Err(ArrangeError::Failed("a place is not finite".to_owned())),
    }
}

fn go_on(is_wanted: bool) -> Result<(), ArrangeError> {
    if is_wanted { Ok(()) } else { Err(ArrangeError::Cancelled) }
}

fn rows_of(rows: &[f32], dimension: usize, chosen: &[usize]) -> Vec<f32> {
    chosen.iter().flat_map(|row| &rows[row * dimension..][..dimension]).copied().collect()
}

/// t-SNE of all the points (N × `dimension`), which begins at their first two numbers.
fn by_neighbours(points: &[f32], dimension: usize, tell: Tell<'_>) -> Result<Vec<[f32; 2]>, ArrangeError> {
    let rows: Vec<&[f32]> = points.chunks_exact(dimension).collect();
    let perplexity = PERPLEXITY.min((rows.len() - 1) / 3);
    let mut room = Vec::new();
    let mut table = Vec::with_capacity(rows.len());
    for (number, row) in rows.iter().enumerate() {
        if number % BLOCK == 0 {
            go_on(tell("finding neighbours", number, rows.len()))?;
        }
        let near = nearest(points, row, 3 * perplexity, Some(number), &mut room);
        let near = near.into_iter().map(|(index, far)| Neighbor { index, distance: far.sqrt() });
        table.push(near.collect::<Vec<_>>());
    }
    let fit = || {
        let mut fit = tSNE::<f32, &[f32], 2>::new(&rows);
        fit.perplexity(perplexity as f32).epochs(EPOCHS).initial_embedding(begin(&rows));
        fit.epoch_callback(|epoch, _| {
            if !tell("arranging", epoch + 1, EPOCHS) {
                // The only way out of a fit; it is caught below, and no hook tells of it.
                resume_unwind(Box::new(ArrangeError::Cancelled));
            }
        });
        fit.fit_sne_with_neighbors(&table).embedding()
    };
    match catch_unwind(AssertUnwindSafe(fit)) {
        Ok(found) => Ok(found.chunks_exact(2).map(|place| [place[0], place[1]]).collect()),
        Err(panic) if panic.is::<ArrangeError>() => Err(ArrangeError::Cancelled),
        Err(_) => Err(ArrangeError::Failed("t-SNE panicked".to_owned())),
    }
}

/// A small picture of the first two components: what is far apart as a whole stays so.
fn begin(rows: &[&[f32]]) -> Vec<f32> {
    let first = |row: &&[f32]| [row[0], row.get(1).copied().unwrap_or_default()];
    let spread = rows.iter().map(|row| row[0] * row[0]).sum::<f32>() / rows.len() as f32;
    let scale = if spread > 0.0 { 1e-4 / spread.sqrt() } else { 0.0 };
    rows.iter().flat_map(first).map(|number| number * scale).collect()
}

/// Every row's place: its own where it was arranged, or else between its nearest arranged ones, the nearer the closer.
fn place_others(
    reduced: &[f32],
    dimension: usize,
    chosen: &[usize],
    (points, found): (&[f32], &[[f32; 2]]),
    tell: Tell<'_>,
) -> Result<Vec<[f32; 2]>, ArrangeError> {
    let count = reduced.len() / dimension;
    let (mut room, mut next) = (Vec::new(), chosen.iter().zip(found).peekable());
    let mut places = Vec::with_capacity(count);
    for (number, row) in reduced.chunks_exact(dimension).enumerate() {
        if let Some((_, place)) = next.next_if(|(chosen, _)| **chosen == number) {
            places.push(*place);
            continue;
        }
        if number % BLOCK == 0 {
            go_on(tell("placing the others", number, count))?;
        }
        let near = nearest(points, row, BETWEEN, None, &mut room);
        let weight = |far: f32| 1.0 / (far + 1e-12);
        let total: f32 = near.iter().map(|near| weight(near.1)).sum();
        let along = |axis: usize| near.iter().map(|near| weight(near.1) * found[near.0][axis]).sum::<f32>();
        places.push([along(0) / total, along(1) / total]);
    }
    Ok(places)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::super::components::start;
    use super::super::plane::project;
    use super::*;

    const DIMENSION: usize = 60;
    const CLUSTERS: usize = 12;

    /// Clusters in as many directions, more than a plane has.
    fn rows(count: usize) -> Vec<f32> {
        let centres = start(CLUSTERS * DIMENSION, 9);
        let noise = start(count * DIMENSION, 5);
        let row = |number: usize| {
            let centre = &centres[number % CLUSTERS * DIMENSION..][..DIMENSION];
            let noise = &noise[number * DIMENSION..][..DIMENSION];
            centre.iter().zip(noise).map(|(centre, noise)| centre + 0.7 * noise).collect::<Vec<_>>()
        };
        (0..count).flat_map(row).collect()
    }

    /// The share of ten nearest rows that are among a place's ten nearest.
    fn preserved(rows: &[f32], places: &[[f32; 2]]) -> f64 {
        let flat: Vec<f32> = places.iter().flatten().copied().collect();
        let mut room = Vec::new();
        let mut among = |points: &[f32], dimension: usize, number: usize| -> Vec<usize> {
            let row = &points[number * dimension..][..dimension];
            nearest(points, row, 10, Some(number), &mut room).into_iter().map(|near| near.0).collect()
        };
        let shared = |number: usize| {
            let (true_ones, found) = (among(rows, DIMENSION, number), among(&flat, 2, number));
            true_ones.iter().filter(|one| found.contains(one)).count()
        };
        (0..places.len()).map(shared).sum::<usize>() as f64 / (10 * places.len()) as f64
    }

    #[test]
    fn neighbours_stay_together_better_than_along_two_components() {
        let rows = rows(480);
        let told = RefCell::new(Vec::new());
        let tell = |step, done, of| {
            assert!(done <= of);
            told.borrow_mut().push(step);
            true
        };
        let places = arrange(rows.clone(), DIMENSION, SAMPLE, &tell).unwrap();
        let plane = project(&mut rows.clone(), DIMENSION);
        let flat: Vec<[f32; 2]> = plane.x.iter().zip(&plane.y).map(|(&x, &y)| [x, y]).collect();
        let (ours, theirs) = (preserved(&rows, &places), preserved(&rows, &flat));
        assert!(ours > 0.35 && ours > 2.0 * theirs, "{ours} of neighbours, {theirs} along two components");
        told.borrow_mut().dedup();
        assert_eq!(*told.borrow(), ["reducing", "finding neighbours", "arranging"]);
    }

    #[test]
    fn on_one_thread_the_same_rows_give_the_same_places() {
        let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let places = || alone.install(|| arrange(rows(60), DIMENSION, 40, &|_, _, _| true).unwrap());
        assert_eq!(places(), places());
    }

    #[test]
    fn rows_that_were_not_arranged_lie_in_their_clusters() {
        let places = arrange(rows(700), DIMENSION, 250, &|_, _, _| true).unwrap();
        let flat: Vec<f32> = places.iter().flatten().copied().collect();
        let mut room = Vec::new();
        let mut same = |number: usize| {
            let near = nearest(&flat, &places[number], 1, Some(number), &mut room);
            near[0].0 % CLUSTERS == number % CLUSTERS
        };
        let right = (0..700).filter(|number| same(*number)).count();
        assert!(right > 665, "{right} of 700 lie beside one of their cluster");
    }

    #[test]
    fn it_ends_when_told_and_refuses_too_few() {
        for last in ["reducing", "finding neighbours", "arranging", "placing the others"] {
            let stopped = arrange(rows(600), DIMENSION, 40, &|step, _, _| step != last);
            assert_eq!(stopped, Err(ArrangeError::Cancelled), "{last}");
        }
        assert!(matches!(arrange(rows(15), DIMENSION, 40, &|_, _, _| true), Err(ArrangeError::Failed(_))));
    }

    #[test]
    fn equal_rows_and_rows_of_one_number_have_places() {
        for (rows, dimension) in [(vec![1.0; 64], 2), (start(40, 2), 1), (vec![0.5; 40 * 50], 50)] {
            let places = arrange(rows, dimension, 30, &|_, _, _| true).unwrap();
            assert!(places.len() >= 32);
        }
    }
}
