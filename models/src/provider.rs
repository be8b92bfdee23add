//! Which hardware ONNX Runtime computes on. Asking for one that this program or its library does not have is an error; nothing
//! falls back to the CPU by itself.
//!
//! Others than the CPU are features of this crate (`cuda`, `tensorrt`, `openvino`) and need a build of ONNX Runtime that has
//! them, with its `libonnxruntime_providers_*.so`, where `libonnxruntime.so` lies.

use std::str::FromStr;

use ort::session::builder::SessionBuilder;

/// What ONNX Runtime computes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Provider {
    /// The processor.
    #[default]
    Cpu,
    /// NVIDIA's GPUs by CUDA.
    Cuda,
    /// NVIDIA's GPUs by TensorRT.
    TensorRt,
    /// Intel's processors and GPUs by OpenVINO.
    OpenVino,
}

impl Provider {
    /// Every one there is, whether or not this program has it.
    pub const ALL: [Self; 4] = [Self::Cpu, Self::Cuda, Self::TensorRt, Self::OpenVino];

    /// The word by which it is asked for.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
            Self::TensorRt => "tensorrt",
            Self::OpenVino => "openvino",
        }
    }

    /// Whether this program was built with it.
    pub fn is_built_in(self) -> bool {
        match self {
            Self::Cpu => true,
            Self::Cuda => cfg!(feature = "cuda"),
            Self::TensorRt => cfg!(feature = "tensorrt"),
            Self::OpenVino => cfg!(feature = "openvino"),
        }
    }

    /// Lets a session compute on it and on nothing else.
    pub(crate) fn register(self, builder: SessionBuilder) -> Result<SessionBuilder, String> {
        if !self.is_built_in() {
            let name = self.name();
            return Err(format!("this program was built without {name}: build it with `--features {name}`"));
        }
        match self {
            Self::Cpu => Ok(builder),
            #[cfg(feature = "cuda")]
            Self::Cuda => only::<ort::ep::CUDA>(builder),
            #[cfg(feature = "tensorrt")]
            Self::TensorRt => only::<ort::ep::TensorRT>(builder),
            #[cfg(feature = "openvino")]
            Self::OpenVino => only::<ort::ep::OpenVINO>(builder),
            #[allow(unreachable_patterns, reason = "which are left depends on the features")]
            _ => Ok(builder),
        }
    }
}

/// Registers a provider, or says that the library does not have it; operators that it leaves to the CPU are an error too.
#[cfg(any(feature = "cuda", feature = "tensorrt", feature = "openvino"))]
fn only<P>(builder: SessionBuilder) -> Result<SessionBuilder, String>
where
    P: ort::ep::ExecutionProvider + Default + Into<ort::ep::ExecutionProviderDispatch>,
{
    if !P::is_available().map_err(|e| e.to_string())? {
        let name = P::NAME;
        return Err(format!(
            "the ONNX Runtime that was loaded has no {name}: put one that has, with its libonnxruntime_providers_*.so, in the \
             place of libonnxruntime.so"
        ));
    }
    let dispatch: ort::ep::ExecutionProviderDispatch = P::default().into();
    let builder =
        builder.with_execution_providers([dispatch.error_on_failure()]).map_err(|e| e.to_string())?;
    builder.with_disable_cpu_fallback().map_err(|e| e.to_string())
}

impl FromStr for Provider {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|provider| provider.name() == word)
            .ok_or_else(|| format!("there is cpu, cuda, tensorrt and openvino, not {word:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_found_by_its_name() {
        for provider in Provider::ALL {
            assert_eq!(provider.name().parse(), Ok(provider));
        }
        assert!("gpu".parse::<Provider>().is_err());
        assert!(Provider::default().is_built_in());
    }
}
