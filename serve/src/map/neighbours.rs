//! The nearest of many points to each of others, by looking at all of them. Knows neither records nor the plane.

/// A point's number and its squared distance.
pub(super) type Near = (usize, f32);

/// The `count` of `points` (N × `dimension`, row-major) nearest to `query`, nearest first and the lower number first among
/// equals; without the point `except`. `room` is scratch space.
pub(super) fn nearest(
    points: &[f32],
    query: &[f32],
    count: usize,
    except: Option<usize>,
    room: &mut Vec<Near>,
) -> Vec<Near> {
    let all = points.chunks_exact(query.len()).enumerate();
    room.clear();
    room.extend(all.map(|(number, point)| (number, squared(point, query))));
    if let Some(except) = except {
        room.swap_remove(except);
    }
    let order = |a: &Near, b: &Near| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0));
    if count < room.len() {
        room.select_nth_unstable_by(count, order);
    }
    let mut found = room[..count.min(room.len())].to_vec();
    found.sort_unstable_by(order);
    found
}

/// The squared distance, in eight lanes, which the compiler can keep in one register.
fn squared(a: &[f32], b: &[f32]) -> f32 {
    let (whole, rest) = (a.chunks_exact(8), a.chunks_exact(8).remainder());
    let mut lanes = [0.0_f32; 8];
    for (a, b) in whole.zip(b.chunks_exact(8)) {
        lanes.iter_mut().zip(a.iter().zip(b)).for_each(|(lane, (a, b))| *lane += (a - b) * (a - b));
    }
    let last = &b[b.len() - rest.len()..];
    lanes.iter().sum::<f32>() + rest.iter().zip(last).map(|(a, b)| (a - b) * (a - b)).sum::<f32>()
}

#[cfg(test)]
mod tests {
    use super::super::components::start;
    use super::*;

    #[test]
    fn it_finds_what_sorting_all_of_them_finds() {
        const DIMENSION: usize = 11;
        let points = start(60 * DIMENSION, 3);
        let mut room = Vec::new();
        for (number, query) in points.chunks_exact(DIMENSION).enumerate() {
            let slow = |point: &[f32]| -> f64 {
                point.iter().zip(query).map(|(a, b)| f64::from(a - b).powi(2)).sum()
            };
            let mut all: Vec<(usize, f64)> =
                points.chunks_exact(DIMENSION).map(slow).enumerate().filter(|(i, _)| *i != number).collect();
            all.sort_by(|a, b| a.1.total_cmp(&b.1));
            let found = nearest(&points, query, 7, Some(number), &mut room);
            let numbers: Vec<usize> = found.iter().map(|near| near.0).collect();
            assert_eq!(numbers, all[..7].iter().map(|near| near.0).collect::<Vec<_>>());
            assert!(found.iter().zip(&all).all(|(near, slow)| (f64::from(near.1) - slow.1).abs() < 1e-5));
            assert_eq!(nearest(&points, query, 1, None, &mut room), [(number, 0.0)]);
        }
        assert_eq!(nearest(&points, &points[..DIMENSION], 99, Some(0), &mut room).len(), 59);
    }
}
