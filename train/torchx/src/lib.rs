//! The little of libtorch that tch does not reach: bf16 autocast on any device, channels-last tensors, tensors filled in
//! place, copies to a GPU that do not wait for it, and CUDA opened at run time by a program that was linked against the CPU libraries alone.

mod batch_norm;
mod memory;

use std::ffi::{CStr, c_char, c_int};

use tch::{Device, Kind, Tensor};
use torch_sys::C_tensor;

pub use batch_norm::{BatchNorm, batch_norm_relu};
pub use memory::keep_freed_memory;

unsafe extern "C" {
    fn tx_autocast_enter(device: c_int, kind: c_int) -> c_int;
    fn tx_autocast_exit(device: c_int, former: c_int);
    fn tx_channels_last(t: *const C_tensor, out: *mut *mut C_tensor) -> *mut c_char;
    fn tx_upload(t: *const C_tensor, out: *mut *mut C_tensor) -> *mut c_char;
    fn tx_is_channels_last(t: *const C_tensor) -> c_int;
    fn tx_has_cuda_kernels() -> c_int;
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

/// A u8 tensor on the CPU, and what `fill` returns, which writes its zeros over where it lies.
///
/// # Errors
/// What libtorch said when memory is short or the shape is none.
pub fn filled<T>(shape: &[i64], fill: impl FnOnce(&mut [u8]) -> T) -> Result<(Tensor, T), String> {
    let tensor = Tensor::f_zeros(shape, (Kind::Uint8, Device::Cpu)).map_err(|error| error.to_string())?;
    let made = match tensor.numel() {
        0 => fill(&mut []),
        // SAFETY: a new tensor's numbers lie one after the other, set, and nobody else has it.
        len => fill(unsafe { std::slice::from_raw_parts_mut(tensor.data_ptr().cast(), len) }),
    };
    Ok((tensor, made))
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

    #[test]
    fn channels_last_changes_layout_not_values() {
        let x = Tensor::rand([2, 3, 4, 5], (Kind::Float, Device::Cpu));
        let y = channels_last(&x).unwrap();
        assert!(!is_channels_last(&x) && is_channels_last(&y));
        assert_eq!(x, y);
    }

    #[test]
    fn a_tensor_is_filled_where_it_lies() {
        let (tensor, address) = filled(&[2, 3], |bytes| {
            assert_eq!(bytes, [0; 6]);
            bytes[4] = 7;
            bytes.as_ptr().addr()
        })
        .unwrap();
        assert_eq!(tensor.data_ptr().addr(), address);
        assert_eq!(Vec::<u8>::try_from(tensor.flatten(0, 1)).unwrap(), [0, 0, 0, 0, 7, 0]);
        assert_eq!(filled(&[0, 3], |bytes| bytes.len()).unwrap().1, 0);
        assert!(filled(&[-1], |_| ()).is_err() && filled(&[1 << 60], |_| ()).is_err());
    }

    #[test]
    fn channels_last_refuses_a_matrix() {
        assert!(channels_last(&Tensor::zeros([2, 3], (Kind::Float, Device::Cpu))).is_err());
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
