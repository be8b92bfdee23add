//! Finds ONNX Runtime's library and starts it once for the process. No variable is read: it lies where
//! `tools/native-libs` puts it, or beside the program.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use ort::environment::Environment;
use ort::session::{
    Session,
    builder::{GraphOptimizationLevel, SessionBuilder},
};

use crate::{EncodeError, Provider};

const LIBRARY: &str = "libonnxruntime.so";
const BROUGHT: &str = "third_party/onnxruntime";

/// The process's one environment; the first call loads the library.
fn environment() -> Result<&'static Environment, EncodeError> {
    static ENVIRONMENT: OnceLock<Result<Environment, String>> = OnceLock::new();
    ENVIRONMENT.get_or_init(start).as_ref().map_err(|reason| EncodeError::Library(reason.clone()))
}

/// A session on an ONNX file that computes with so many threads, at least one.
pub(crate) fn session(path: &Path, threads: usize) -> Result<Session, EncodeError> {
    start_session(threads, Provider::Cpu, |mut builder| builder.commit_from_file(path))
}

/// A session on an ONNX file's bytes that computes on the provider, with so many threads, at least one.
pub(crate) fn session_on(bytes: &[u8], threads: usize, provider: Provider) -> Result<Session, EncodeError> {
    start_session(threads, provider, |mut builder| builder.commit_from_memory(bytes))
}

/// A session on an ONNX file's bytes that computes with every core.
pub(crate) fn session_of(bytes: &[u8]) -> Result<Session, EncodeError> {
    session_on(bytes, std::thread::available_parallelism().map_or(1, usize::from), Provider::Cpu)
}

/// Spinning is off: threads that wait by burning a core starve the server's others. The arena stays on, as is the default.
/// Processors that have no instruction for products of 8 bits (VNNI) add pairs of them in 16 bits, which overflow; precise
/// sums are asked for there, at the price of some speed, and nowhere else make a difference.
fn start_session(
    threads: usize,
    provider: Provider,
    commit: impl FnOnce(SessionBuilder) -> ort::Result<Session>,
) -> Result<Session, EncodeError> {
    let environment = environment()?;
    // The builder's errors cannot be sent between threads, but `ort::Error` can.
    let builder = || -> ort::Result<SessionBuilder> {
        Ok(Session::builder(environment)?
            .with_optimization_level(GraphOptimizationLevel::All)?
            .with_intra_threads(threads.max(1))?
            .with_intra_op_spinning(false)?
            .with_config_entry("session.x64quantprecision", "1")?)
    };
    let runtime = |e: ort::Error| EncodeError::Runtime(e.to_string());
    let builder = provider.register(builder().map_err(runtime)?).map_err(EncodeError::Library)?;
    commit(builder).map_err(runtime)
}

fn start() -> Result<Environment, String> {
    let program = std::env::current_exe().unwrap_or_default();
    let places = places(&program, Path::new(env!("CARGO_MANIFEST_DIR")));
    let Some(library) = places.iter().find(|place| place.is_file()) else {
        return Err(format!(
            "ONNX Runtime's {LIBRARY} was not found beside the program ({}), in ../lib beside that, or in {BROUGHT} of a \
             folder above; run `tools/native-libs onnxruntime` in the repository",
            program.display()
        ));
    };
    let cannot = |e: String| {
        format!(
            "{} cannot be loaded as ONNX Runtime 1.24 or newer: {e}; run `tools/native-libs onnxruntime` again",
            library.display()
        )
    };
    let builder = ort::init_from(library).map_err(|e| cannot(e.to_string()))?;
    builder.with_telemetry(false).build().map_err(|e| cannot(e.to_string()))
}

/// Where the library may be, best first: beside the program, `../lib`, `third_party` of every folder above the program,
/// then above the crate it was built from.
fn places(program: &Path, crate_folder: &Path) -> Vec<PathBuf> {
    let beside =
        program.parent().into_iter().flat_map(|bin| [bin.join(LIBRARY), bin.join("../lib").join(LIBRARY)]);
    let above = program.ancestors().skip(1).chain(crate_folder.ancestors());
    beside.chain(above.map(|folder| folder.join(BROUGHT).join(LIBRARY))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_beside_the_program_first_and_above_the_crate_last() {
        let places = places(Path::new("/opt/simclr/bin/serve"), Path::new("/src/simclr/models"));
        let expected = [
            "/opt/simclr/bin/libonnxruntime.so",
            "/opt/simclr/bin/../lib/libonnxruntime.so",
            "/opt/simclr/bin/third_party/onnxruntime/libonnxruntime.so",
            "/opt/simclr/third_party/onnxruntime/libonnxruntime.so",
            "/opt/third_party/onnxruntime/libonnxruntime.so",
            "/third_party/onnxruntime/libonnxruntime.so",
            "/src/simclr/models/third_party/onnxruntime/libonnxruntime.so",
            "/src/simclr/third_party/onnxruntime/libonnxruntime.so",
            "/src/third_party/onnxruntime/libonnxruntime.so",
            "/third_party/onnxruntime/libonnxruntime.so",
        ];
        assert_eq!(places, expected.map(PathBuf::from));
    }
}
