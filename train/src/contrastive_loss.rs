//! NT-Xent (§2.1, equation 1): each view must find its twin among all other views of the batch.

use tch::{Kind, Tensor};

/// Mean over 2N views of −log softmax at the twin, with cosine similarities over τ; f32 scalar.
///
/// `projections` is 2N×d, any float kind; rows i and i + N are views of one picture. Equal rows give log(2N − 1).
pub fn nt_xent(projections: &Tensor, temperature: f64) -> Tensor {
    let views = projections.size()[0];
    let z = projections.to_kind(Kind::Float);
    let norms = z.square().sum_dim_intlist([-1i64].as_slice(), true, Kind::Float).sqrt().clamp_min(1e-12);
    let z = z / norms;
    let itself = Tensor::eye(views, (Kind::Bool, z.device()));
    let similarities = (z.matmul(&z.tr()) / temperature).masked_fill(&itself, f64::NEG_INFINITY);
    let twins = Tensor::arange(views, (Kind::Int64, z.device())).roll([views / 2], [0]);
    similarities.cross_entropy_for_logits(&twins)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    /// Equation 1 as loops in f64.
    fn slow(z: &[Vec<f64>], temperature: f64) -> f64 {
        let n = z.len() / 2;
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
        let similarity =
            |i: usize, k: usize| dot(&z[i], &z[k]) / (dot(&z[i], &z[i]) * dot(&z[k], &z[k])).sqrt();
        let one = |i: usize, j: usize| {
            let others: f64 =
                (0..2 * n).filter(|&k| k != i).map(|k| (similarity(i, k) / temperature).exp()).sum();
            -((similarity(i, j) / temperature).exp() / others).ln()
        };
        (0..n).map(|i| one(i, i + n) + one(i + n, i)).sum::<f64>() / (2 * n) as f64
    }

    #[test]
    fn agrees_with_loops_over_the_formula() {
        tch::manual_seed(5);
        for (n, d, temperature) in [(1, 3, 0.5), (4, 8, 0.1), (9, 16, 1.0)] {
            let z = Tensor::randn([2 * n, d], (Kind::Double, Device::Cpu));
            let rows: Vec<Vec<f64>> = Vec::try_from(&z).unwrap();
            let fast = nt_xent(&z, temperature).double_value(&[]);
            assert!(
                (fast - slow(&rows, temperature)).abs() < 1e-5,
                "n {n}: {fast} {}",
                slow(&rows, temperature)
            );
        }
    }

    #[test]
    fn equal_views_give_the_logarithm_of_their_number() {
        let z = Tensor::ones([10, 4], (Kind::Float, Device::Cpu));
        assert!((nt_xent(&z, 0.5).double_value(&[]) - 9f64.ln()).abs() < 1e-6);
    }

    #[test]
    fn the_two_views_may_be_swapped() {
        tch::manual_seed(6);
        let (a, b) = (
            Tensor::randn([5, 4], (Kind::Float, Device::Cpu)),
            Tensor::randn([5, 4], (Kind::Float, Device::Cpu)),
        );
        let one = nt_xent(&Tensor::cat(&[&a, &b], 0), 0.5).double_value(&[]);
        let other = nt_xent(&Tensor::cat(&[&b, &a], 0), 0.5).double_value(&[]);
        assert!((one - other).abs() < 1e-6);
    }
}
