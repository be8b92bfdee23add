//! The little of libtorch that tch does not reach: bf16 autocast on any device, channels-last tensors, copies to a GPU
//! that do not wait for it, and CUDA opened at run time by a program that was linked against the CPU libraries alone.

mod memory;

use std::ffi::{CStr, c_char, c_int};

use tch::{Device, Tensor};
use torch_sys::C_tensor;

pub use memory::keep_freed_memory;

unsafe extern "C" {
    fn tx_autocast_enter(device: c_int, kind: c_int) -> c_int;
    fn tx_autocast_exit(device: c_int, former: c_int);
    fn tx_channels_last(t: *const C_tensor, out: *mut *mut C_tensor) -> *mut c_char;
    fn tx_upload(t: *const C_tensor, out: *mut *mut C_tensor) -> *mut c_char;
    fn tx_is_channels_last(t: *const C_tensor) -> c_int;
    fn tx_has_cuda_kernels() -> c_int;
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

/// Runs `f` with autocast to bf16 on for the device's kind (tch's own is for CUDA and f16, and does nothing on the CPU).
pub fn autocast_bf16<T>(device: Device, f: impl FnOnce() -> T) -> T {
    const BF16: c_int = 15; // c10::ScalarType::BFloat16
    struct Leave(c_int, c_int);
    impl Drop for Leave {
        fn drop(&mut self) {
            // SAFETY: restores what `tx_autocast_enter` returned on this same thread.
            unsafe { tx_autocast_exit(self.0, self.1) }
        }
    }
    let device = c_int::from(device != Device::Cpu);
    // SAFETY: plain integers; thread-local state of libtorch.
    let _leave = Leave(device, unsafe { tx_autocast_enter(device, BF16) });
    f()
}

/// The same N×C×H×W tensor, laid out N·H·W·C in memory, which oneDNN's and cuDNN's convolutions prefer.
///
/// # Errors
/// What libtorch said, when `t` is not four-dimensional or memory is short.
pub fn channels_last(t: &Tensor) -> Result<Tensor, String> {
    let mut out = std::ptr::null_mut();
    // SAFETY: `t` is alive for the call; on success `out` holds a new tensor that we own.
    unsafe { take(tx_channels_last(t.as_ptr(), &mut out), || Tensor::from_ptr(out)) }
}

/// A CPU tensor on `device`, without waiting for what a GPU has still to do.
///
/// A GPU copies ordinary memory only once everything asked of it before is done, and the thread that asks waits as long;
/// memory that is pinned it fetches when it comes to it.
///
/// # Errors
/// What libtorch said when memory is short or CUDA is not loaded.
pub fn upload(t: &Tensor, device: Device) -> Result<Tensor, String> {
    if device == Device::Cpu {
        return Ok(t.shallow_clone());
    }
    let mut out = std::ptr::null_mut();
    // SAFETY: `t` is alive for the call; on success `out` holds a new tensor that we own.
    unsafe { take(tx_upload(t.as_ptr(), &mut out), || Tensor::from_ptr(out)) }
}

/// The result of a function of the shim: `made` when it returned no message.
///
/// # Safety
/// `message` must be null or a malloc'd string that nobody else frees.
unsafe fn take(message: *mut c_char, made: impl FnOnce() -> Tensor) -> Result<Tensor, String> {
    if message.is_null() {
        return Ok(made());
    }
    // SAFETY: the caller's promise.
    unsafe {
        let text = CStr::from_ptr(message).to_string_lossy().into_owned();
        libc::free(message.cast());
        Err(text)
    }
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
/// `x` and `residual` are N×C×H×W f32 on the CPU, any layout; the result is channels-last. Running averages move by
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

/// Whether a four-dimensional tensor is laid out N·H·W·C in memory.
pub fn is_channels_last(t: &Tensor) -> bool {
    // SAFETY: `t` is alive for the call.
    unsafe { tx_is_channels_last(t.as_ptr()) != 0 }
}

/// Brings CUDA into the process; call it before the first tensor is made.
///
/// # Errors
/// What the loader said when `libtorch_cuda.so` or one of its libraries is not there, or when no device answers.
pub fn load_cuda() -> Result<(), String> {
    // SAFETY: loading libtorch's own library, whose initialisers register kernels and nothing else.
    let handle = unsafe { libc::dlopen(c"libtorch_cuda.so".as_ptr(), libc::RTLD_NOW | libc::RTLD_GLOBAL) };
    if handle.is_null() {
        // SAFETY: dlerror returns a valid string right after a failed dlopen.
        return Err(unsafe { CStr::from_ptr(libc::dlerror()) }.to_string_lossy().into_owned());
    }
    // SAFETY: reads the dispatcher's table.
    if unsafe { tx_has_cuda_kernels() } == 0 {
        return Err("libtorch_cuda.so is loaded but registered no CUDA kernels".into());
    }
    if !tch::Cuda::is_available() {
        return Err("libtorch_cuda.so is loaded but finds no CUDA device".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Kind;

    #[test]
    fn channels_last_changes_layout_not_values() {
        let x = Tensor::rand([2, 3, 4, 5], (Kind::Float, Device::Cpu));
        let y = channels_last(&x).unwrap();
        assert!(!is_channels_last(&x) && is_channels_last(&y));
        assert_eq!(x, y);
    }

    #[test]
    fn channels_last_refuses_a_matrix() {
        assert!(channels_last(&Tensor::zeros([2, 3], (Kind::Float, Device::Cpu))).is_err());
    }

    /// libtorch's own operations, one after the other.
    fn slow(x: &Tensor, norm: BatchNorm<'_>, residual: Option<&Tensor>) -> Tensor {
        let BatchNorm { scale, shift, mean, variance } = norm;
        let y = x.batch_norm(Some(scale), Some(shift), Some(mean), Some(variance), true, 0.1, 1e-5, false);
        match residual {
            Some(residual) => (y + residual).relu(),
            None => y.relu(),
        }
    }

    fn check_fused(shape: [i64; 4], with_residual: bool) {
        let options = (Kind::Float, Device::Cpu);
        let random = |shape: &[i64]| Tensor::randn(shape, options);
        let (x, weight) = (random(&shape) * 3.0 + 1.5, random(&shape));
        let (scale, shift) = (random(&shape[1..2]), random(&shape[1..2]));
        let residual = random(&shape);
        let run = |is_fused: bool| {
            let leaf = |t: &Tensor| t.copy().set_requires_grad(true);
            let (x, scale, shift, residual) = (leaf(&x), leaf(&scale), leaf(&shift), leaf(&residual));
            let (mean, variance) = (Tensor::zeros([shape[1]], options), Tensor::ones([shape[1]], options));
            let norm = BatchNorm { scale: &scale, shift: &shift, mean: &mean, variance: &variance };
            let add = with_residual.then_some(&residual);
            let y = if is_fused {
                batch_norm_relu(&x, norm, add, 0.1, 1e-5).unwrap()
            } else {
                slow(&x, norm, add)
            };
            let mut wanted = vec![&x, &scale, &shift];
            wanted.extend(add);
            let mut results = Tensor::run_backward(&[(&y * &weight).sum(Kind::Float)], &wanted, false, false);
            results.extend([y.detach(), mean, variance]);
            results
        };
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
    fn fused_batch_norm_refuses_what_does_not_fit() {
        let zeros = |shape: &[i64]| Tensor::zeros(shape, (Kind::Float, Device::Cpu));
        let four = zeros(&[4]);
        let norm = BatchNorm { scale: &four, shift: &four, mean: &four, variance: &four };
        assert!(batch_norm_relu(&zeros(&[2, 4]), norm, None, 0.1, 1e-5).is_err());
        assert!(
            batch_norm_relu(&zeros(&[2, 3, 2, 2]), norm, None, 0.1, 1e-5).unwrap_err().contains("3 channels")
        );
        assert!(
            batch_norm_relu(&zeros(&[2, 4, 2, 2]), norm, Some(&zeros(&[2, 4, 1, 1])), 0.1, 1e-5).is_err()
        );
    }

    #[test]
    fn autocast_reaches_the_cpu_and_ends() {
        let x = Tensor::rand([2, 3, 8, 8], (Kind::Float, Device::Cpu));
        let w = Tensor::rand([4, 3, 3, 3], (Kind::Float, Device::Cpu));
        let kind = || x.conv2d(&w, None::<&Tensor>, [1, 1], [1, 1], [1, 1], 1).kind();
        assert_eq!(autocast_bf16(Device::Cpu, kind), Kind::BFloat16);
        assert_eq!(kind(), Kind::Float);
    }
}
