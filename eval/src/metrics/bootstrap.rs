//! How far a number on a test split may be from that of the pictures it stands for: rows drawn with replacement, seeded, and
//! the middle 95 % of the numbers on them (percentile bootstrap). A draw repeats some rows and loses others, which by itself
//! raises some metrics, such as average precision on few pictures: where the numbers lie aside of the figure by more than a
//! quarter of their deviation (the rule of Efron and Tibshirani, 1993, §10.3), they are moved back. Knows no metric.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::Measured;

/// A number that depends on how often each row counts.
pub type Statistic<'a> = Box<dyn Fn(&[u32]) -> f64 + Send + Sync + 'a>;

/// How rows are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bootstrap {
    /// How many times.
    pub samples: usize,
    /// Of the draws.
    pub seed: u64,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self { samples: 1000, seed: 0 }
    }
}

impl Bootstrap {
    /// Each statistic of all `rows`, and its interval; the draws are the same for all of them, and for any number of
    /// threads.
    pub fn measure(&self, rows: usize, statistics: &[(String, Statistic<'_>)]) -> Vec<Measured> {
        let draws: Vec<Vec<f64>> = (0..self.samples)
            .into_par_iter()
            .map(|sample| {
                let counts = self.draw(rows, sample);
                statistics.iter().map(|(_, statistic)| statistic(&counts)).collect()
            })
            .collect();
        let ones = vec![1; rows];
        statistics
            .iter()
            .enumerate()
            .map(|(place, (name, statistic))| {
                let value = statistic(&ones);
                let mut drawn: Vec<f64> = draws.iter().map(|draw| draw[place]).collect();
                drawn.sort_unstable_by(f64::total_cmp);
                centre(&mut drawn, value);
                let interval = [quantile(&drawn, 0.025, value), quantile(&drawn, 0.975, value)];
                Measured { metric: name.clone(), value, interval }
            })
            .collect()
    }

    /// How often each row is drawn in one sample.
    fn draw(&self, rows: usize, sample: usize) -> Vec<u32> {
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        random.set_stream(sample as u64);
        let mut counts = vec![0; rows];
        for _ in 0..rows {
            counts[random.random_range(0..rows)] += 1;
        }
        counts
    }
}

/// Moves numbers that lie aside of `value` so that it is their mean.
fn centre(drawn: &mut [f64], value: f64) {
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    let mean = |sum: f64| sum / drawn.len().max(1) as f64;
    let middle = mean(drawn.iter().sum());
    let deviation = mean(drawn.iter().map(|x| (x - middle).powi(2)).sum()).sqrt();
    let bias = middle - value;
    if bias.abs() > 0.25 * deviation {
        drawn.iter_mut().for_each(|x| *x -= bias);
    }
}

/// Of sorted numbers, between its two neighbours; `otherwise` where there are none.
fn quantile(sorted: &[f64], share: f64, otherwise: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return otherwise;
    };
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    let place = share * last as f64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and the last index"
    )]
    let (low, high) = (place.floor() as usize, place.ceil() as usize);
    sorted[low] + (sorted[high] - sorted[low]) * place.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_draw_counts_as_many_rows_and_quantiles_lie_between() {
        let bootstrap = Bootstrap { samples: 3, seed: 5 };
        assert_eq!(bootstrap.draw(100, 0).iter().sum::<u32>(), 100);
        assert_ne!(bootstrap.draw(100, 0), bootstrap.draw(100, 1));
        assert!((quantile(&[1.0, 2.0, 4.0], 0.75, 0.0) - 3.0).abs() < 1e-12);
        assert!((quantile(&[], 0.5, 7.0) - 7.0).abs() < 1e-12);
    }

    #[test]
    fn an_interval_holds_its_figure_though_repeated_rows_raise_it() {
        // 1 for all rows once, about 2 for a draw with replacement.
        let repeats =
            |counts: &[u32]| counts.iter().map(|&n| f64::from(n * n)).sum::<f64>() / counts.len() as f64;
        let share = |counts: &[u32]| f64::from(counts[..50].iter().sum::<u32>()) / counts.len() as f64;
        let statistics: [(String, Statistic<'_>); 2] =
            [("repeats".to_owned(), Box::new(repeats)), ("share".to_owned(), Box::new(share))];
        let found = Bootstrap { samples: 500, seed: 1 }.measure(100, &statistics);
        for Measured { metric, value, interval } in &found {
            assert!(interval[0] < *value && *value < interval[1], "{metric}: {value} {interval:?}");
        }
        // An unbiased one is as wide as a share of 100 is: 50 ± 1.96·√(100·¼).
        assert!((found[1].interval[0] - 0.4).abs() < 0.02, "{found:?}");
    }
}
