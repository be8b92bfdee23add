//! Where training runs, and how the process is set up for it.

use tch::Device;

use crate::TrainError;

/// A place to train.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The processor, with so many threads.
    Cpu {
        /// Threads of libtorch's operations and of what is done a picture at a time.
        threads: usize,
    },
    /// The first CUDA device; never replaced by the processor when it is not there.
    Cuda,
}

/// Makes the place ready; call it once, before anything else of this crate.
///
/// # Errors
/// When CUDA is asked for and its libraries or a device are missing.
pub fn prepare(place: Place) -> Result<Device, TrainError> {
    match place {
        Place::Cpu { threads } => {
            simclr_torchx::keep_freed_memory();
            tch::set_num_threads(i32::try_from(threads.max(1)).unwrap_or(i32::MAX));
            // Whoever has made the pool before has chosen its size.
            let _ = rayon::ThreadPoolBuilder::new().num_threads(threads.max(1)).build_global();
            Ok(Device::Cpu)
        }
        Place::Cuda => {
            simclr_torchx::load_cuda().map_err(|reason| {
                TrainError::Device(format!(
                    "CUDA was asked for: {reason}. Start with LD_LIBRARY_PATH at a CUDA build of libtorch 2.11.0, \
                     or train on the processor with --device cpu"
                ))
            })?;
            tch::Cuda::cudnn_set_benchmark(true);
            Ok(Device::Cuda(0))
        }
    }
}
