//! Batch-norm, sum and relu as one operation on the processor.

use std::ffi::c_char;

use tch::Tensor;
use torch_sys::C_tensor;

use crate::take;

unsafe extern "C" {
    fn tx_batch_norm_relu(
        x: *const C_tensor,
        scale: *const C_tensor,
        shift: *const C_tensor,
        mean: *const C_tensor,
        variance: *const C_tensor,
        residual: *const C_tensor,
        step: f64,
        epsilon: f64,
        out: *mut *mut C_tensor,
    ) -> *mut c_char;
}

/// A batch-norm's four tensors, one number a channel each.
#[derive(Debug, Clone, Copy)]
pub struct BatchNorm<'a> {
    /// Learned scale.
    pub scale: &'a Tensor,
    /// Learned shift.
    pub shift: &'a Tensor,
    /// Running mean, moved by the call.
    pub mean: &'a Tensor,
    /// Running variance, moved by the call.
    pub variance: &'a Tensor,
}

/// relu(batch-norm(x) + residual) with the batch's statistics, differentiable, in one pass each way.
///
/// `x` and `residual` are N×C×H×W f32 on the CPU, any layout, and not empty; the result is channels-last. Running averages move by
/// `step` towards the batch's mean and unbiased variance.
///
/// # Errors
/// What does not fit: shape, number format or device.
pub fn batch_norm_relu(
    x: &Tensor,
    norm: BatchNorm<'_>,
    residual: Option<&Tensor>,
    step: f64,
    epsilon: f64,
) -> Result<Tensor, String> {
    let mut out = std::ptr::null_mut();
    let residual = residual.map_or(std::ptr::null(), Tensor::as_ptr);
    let BatchNorm { scale, shift, mean, variance } = norm;
    // SAFETY: all tensors are alive for the call; a null residual means none; on success `out` is ours.
    unsafe {
        let message = tx_batch_norm_relu(
            x.as_ptr(),
            scale.as_ptr(),
            shift.as_ptr(),
            mean.as_ptr(),
            variance.as_ptr(),
            residual,
            step,
            epsilon,
            &mut out,
        );
        take(message, || Tensor::from_ptr(out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind};

    /// libtorch's own operations, one after the other.
    fn slow(x: &Tensor, norm: BatchNorm<'_>, residual: Option<&Tensor>) -> Tensor {
        let BatchNorm { scale, shift, mean, variance } = norm;
        let y = x.batch_norm(Some(scale), Some(shift), Some(mean), Some(variance), true, 0.1, 1e-5, false);
        match residual {
            Some(residual) => (y + residual).relu(),
            None => y.relu(),
        }
    }

    /// Gradients of x, scale, shift and residual, then the result and the running averages.
    fn results(is_fused: bool, x: &Tensor, residual: Option<&Tensor>, weight: &Tensor) -> Vec<Tensor> {
        let channels = x.size()[1];
        let leaf = |t: &Tensor| t.copy().set_requires_grad(true);
        let row = |from: f64| Tensor::linspace(from, 1.5, channels, (Kind::Float, Device::Cpu));
        let (x, scale, shift, residual) = (leaf(x), leaf(&row(-0.7)), leaf(&row(-1.0)), residual.map(leaf));
        let (mean, variance) = (row(0.0), row(0.1));
        let norm = BatchNorm { scale: &scale, shift: &shift, mean: &mean, variance: &variance };
        let y = if is_fused {
            batch_norm_relu(&x, norm, residual.as_ref(), 0.1, 1e-5).unwrap()
        } else {
            slow(&x, norm, residual.as_ref())
        };
        let mut wanted = vec![&x, &scale, &shift];
        wanted.extend(&residual);
        let mut results = Tensor::run_backward(&[(&y * weight).sum(Kind::Float)], &wanted, false, false);
        results.extend([y.detach(), mean, variance]);
        results
    }

    fn check_fused(shape: [i64; 4], with_residual: bool) {
        let random = || Tensor::randn(shape, (Kind::Float, Device::Cpu));
        let (x, residual, weight) = (random() * 3.0 + 1.5, with_residual.then(random), random());
        let run = |is_fused| results(is_fused, &x, residual.as_ref(), &weight);
        for (index, (fused, slow)) in run(true).iter().zip(run(false)).enumerate() {
            let scale = slow.abs().max().double_value(&[]).max(1.0);
            let difference = (fused - slow).abs().max().double_value(&[]) / scale;
            assert!(difference < 1e-5, "result {index} of {shape:?}: {difference}");
        }
    }

    #[test]
    fn fused_batch_norm_agrees_with_libtorchs_own_steps() {
        tch::manual_seed(3);
        for shape in [[4, 16, 9, 7], [3, 5, 4, 4], [2, 40, 3, 3], [70, 32, 8, 8], [2, 1, 1, 1]] {
            check_fused(shape, false);
            check_fused(shape, true);
        }
    }

    #[test]
    fn nan_is_where_libtorch_has_it() {
        for channels in [16, 5] {
            let random = || Tensor::randn([2, channels, 3, 3], (Kind::Float, Device::Cpu));
            let spoilt = |by: f64| {
                let x = random();
                let _ = x.get(1).get(2).get(0).get(1).fill_(by);
                x
            };
            for (x, residual) in [
                (spoilt(f64::NAN), random()),
                (spoilt(f64::INFINITY), random()),
                (random(), spoilt(f64::NAN)),
            ] {
                let run = |is_fused| results(is_fused, &x, Some(&residual), &random());
                for (index, (fused, slow)) in run(true).iter().zip(run(false)).enumerate() {
                    assert_eq!(fused.isnan(), slow.isnan(), "result {index} of {channels} channels");
                }
                assert!(run(true)[4].isnan().any().int64_value(&[]) == 1, "{channels} channels");
            }
        }
    }

    #[test]
    fn fused_batch_norm_refuses_what_does_not_fit() {
        let zeros = |shape: &[i64]| Tensor::zeros(shape, (Kind::Float, Device::Cpu));
        let run = |x: &Tensor, rows: [&Tensor; 4], residual: Option<&Tensor>| {
            let [scale, shift, mean, variance] = rows;
            batch_norm_relu(x, BatchNorm { scale, shift, mean, variance }, residual, 0.1, 1e-5)
        };
        let refused = |x: &Tensor, rows: [&Tensor; 4], residual: Option<&Tensor>, named: &str| {
            let error = run(x, rows, residual).unwrap_err();
            assert!(error.contains(named), "{error}");
        };
        let (x, four) = (zeros(&[2, 4, 2, 2]), zeros(&[4]));
        assert!(run(&x, [&four; 4], Some(&x)).is_ok());
        for x in [zeros(&[2, 4]), zeros(&[0, 4, 2, 2]), zeros(&[2, 0, 2, 2]), x.to_kind(Kind::Double)] {
            refused(&x, [&four; 4], None, "input");
        }
        refused(&zeros(&[2, 3, 2, 2]), [&four; 4], None, "3 channels");
        let every_second = zeros(&[8]).slice(0, 0, None::<i64>, 2);
        for wrong in [zeros(&[3]), zeros(&[]), zeros(&[2, 2]), four.to_kind(Kind::Double), every_second] {
            for (which, name) in ["scale", "shift", "mean", "variance"].into_iter().enumerate() {
                let mut rows = [&four; 4];
                rows[which] = &wrong;
                refused(&x, rows, None, name);
            }
        }
        for wrong in [zeros(&[2, 4, 1, 1]), zeros(&[4]), zeros(&[0, 4, 2, 2]), x.to_kind(Kind::Double)] {
            refused(&x, [&four; 4], Some(&wrong), "residual");
        }
    }
}
