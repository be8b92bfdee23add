//! What the server was told, checked once: a [`RawConfig`] goes in, a [`Config`] that always holds together comes out.
//!
//! Every limit has its unit in its name. Opens nothing but the TOML file and knows neither HTTP nor encoders.

mod raw;

use std::net::SocketAddr;
use std::num::NonZero;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

pub use raw::RawConfig;

/// A configuration that was checked; the only way to one is [`Config::check`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Config {
    /// Folder of the artefact to serve.
    pub model: PathBuf,
    /// Folder that holds the collections.
    pub data_dir: PathBuf,
    /// Where to listen.
    pub listen: SocketAddr,
    /// Folder of classifiers beside those of the artefact.
    pub classifiers: Option<PathBuf>,
    /// Encoder sessions.
    pub sessions: usize,
    /// Threads of each session.
    pub session_threads: usize,
    /// Pictures decoded at once.
    pub decode_threads: usize,
    /// How long a run waits for pictures that are being decoded.
    pub batch_wait: Duration,
    /// How long a stop waits for requests in flight.
    pub drain_deadline: Duration,
    /// What a request may ask for.
    pub limits: Limits,
}

/// Every limit a client can meet; `/v1/describe` prints them under these names.
#[derive(Debug, Clone, Copy, Serialize)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of one encoded picture.
    pub picture_bytes_max: usize,
    /// Pixels of one picture.
    pub picture_pixels_max: u64,
    /// Pictures in one request.
    pub request_pictures_max: usize,
    /// Records in one request or page.
    pub request_records_max: usize,
    /// Bytes of one body.
    pub body_bytes_max: usize,
    /// Bytes of all bodies held at once.
    pub bodies_bytes_max: usize,
    /// Requests served at once.
    pub requests_max: usize,
    /// Pictures admitted and not yet embedded.
    pub queue_pictures_max: usize,
    /// Pictures in one run of the encoder.
    pub batch_pictures_max: usize,
    /// Milliseconds a body may take to arrive.
    pub body_timeout_ms: u64,
    /// Milliseconds a request may take.
    pub request_deadline_ms: u64,
}

/// Why there is no configuration; shown to the person who starts the server.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ConfigError {
    /// Name it by flag, variable or key.
    #[error("{name} is not given: pass --{name}, set {variable}, or write `{name} = …` in the --config file")]
    Missing {
        /// The flag's name.
        name: &'static str,
        /// The environment variable's name.
        variable: &'static str,
    },
    /// Correct the value.
    #[error("--{name} {value}: {reason}")]
    Value {
        /// The flag's name.
        name: &'static str,
        /// What was given.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Correct the file.
    #[error("config file {path}: {reason}")]
    File {
        /// Which file.
        path: PathBuf,
        /// What the reader said.
        reason: String,
    },
}

impl Config {
    /// Fills in the defaults and checks that the whole holds together.
    ///
    /// # Errors
    /// The first value that is missing, out of range or at odds with another.
    pub fn check(raw: RawConfig) -> Result<Self, ConfigError> {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let limits = Limits::check(&raw)?;
        let sessions = at_least_one("sessions", raw.sessions, 1)?;
        let listen = raw.listen.unwrap_or_else(|| "127.0.0.1:8080".to_owned());
        Ok(Self {
            model: raw.model.ok_or(ConfigError::Missing {
                name: "model",
                variable: "SIMCLR_MODEL",
            })?,
            data_dir: raw.data_dir.ok_or(ConfigError::Missing {
                name: "data-dir",
                variable: "SIMCLR_DATA_DIR",
            })?,
            listen: listen.parse().map_err(|_| ConfigError::Value {
                name: "listen",
                value: listen.clone(),
                reason: "expected an IP address and a port, such as 127.0.0.1:8080 or [::1]:0".to_owned(),
            })?,
            classifiers: raw.classifiers,
            sessions,
            session_threads: at_least_one("session-threads", raw.session_threads, (cores / sessions).max(1))?,
            decode_threads: at_least_one("decode-threads", raw.decode_threads, cores)?,
            batch_wait: Duration::from_millis(raw.batch_wait_ms.unwrap_or(5)),
            drain_deadline: Duration::from_millis(raw.drain_deadline_ms.unwrap_or(10_000)),
            limits,
        })
    }
}

impl Limits {
    fn check(raw: &RawConfig) -> Result<Self, ConfigError> {
        let limits = Self {
            picture_bytes_max: at_least_one("picture-bytes-max", raw.picture_bytes_max, 20 << 20)?,
            picture_pixels_max: at_least_one("picture-pixels-max", raw.picture_pixels_max, 50_000_000)?,
            request_pictures_max: at_least_one("request-pictures-max", raw.request_pictures_max, 64)?,
            request_records_max: at_least_one("request-records-max", raw.request_records_max, 1000)?,
            body_bytes_max: at_least_one("body-bytes-max", raw.body_bytes_max, 64 << 20)?,
            bodies_bytes_max: at_least_one("bodies-bytes-max", raw.bodies_bytes_max, 512 << 20)?,
            requests_max: at_least_one("requests-max", raw.requests_max, 1024)?,
            queue_pictures_max: at_least_one("queue-pictures-max", raw.queue_pictures_max, 256)?,
            batch_pictures_max: at_least_one("batch-pictures-max", raw.batch_pictures_max, 32)?,
            body_timeout_ms: at_least_one("body-timeout-ms", raw.body_timeout_ms, 30_000)?,
            request_deadline_ms: at_least_one("request-deadline-ms", raw.request_deadline_ms, 60_000)?,
        };
        // A request that could never be admitted would be told to come back later for ever.
        fits(
            "request-pictures-max",
            limits.request_pictures_max,
            "queue-pictures-max",
            limits.queue_pictures_max,
        )?;
        fits(
            "body-bytes-max",
            limits.body_bytes_max,
            "bodies-bytes-max",
            limits.bodies_bytes_max,
        )?;
        Ok(limits)
    }
}

fn at_least_one<T: PartialEq + From<u8> + ToString>(
    name: &'static str,
    given: Option<T>,
    default: T,
) -> Result<T, ConfigError> {
    match given {
        Some(value) if value == T::from(0) => Err(ConfigError::Value {
            name,
            value: value.to_string(),
            reason: "must be at least 1".to_owned(),
        }),
        Some(value) => Ok(value),
        None => Ok(default),
    }
}

fn fits(
    name: &'static str,
    value: usize,
    other: &'static str,
    other_value: usize,
) -> Result<(), ConfigError> {
    if value <= other_value {
        return Ok(());
    }
    let reason = format!("must not be above --{other}, which is {other_value}");
    Err(ConfigError::Value {
        name,
        value: value.to_string(),
        reason,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw() -> RawConfig {
        RawConfig {
            model: Some("m".into()),
            data_dir: Some("d".into()),
            ..RawConfig::default()
        }
    }

    #[test]
    fn what_is_typed_beats_the_file_and_the_file_beats_the_default() {
        let file: RawConfig =
            toml::from_str("listen = \"127.0.0.1:1\"\nbatch-wait-ms = 9\nmodel = \"from-file\"").unwrap();
        let typed = RawConfig {
            listen: Some("127.0.0.1:2".to_owned()),
            ..RawConfig::default()
        };
        let config = Config::check(typed.or(file).or(raw())).unwrap();
        assert_eq!(config.listen.port(), 2);
        assert_eq!(config.batch_wait, Duration::from_millis(9));
        assert_eq!(config.model, PathBuf::from("from-file"));
        assert_eq!(config.limits.batch_pictures_max, 32);
    }

    #[test]
    fn each_mistake_is_named() {
        let message = |raw: RawConfig| Config::check(raw).unwrap_err().to_string();
        assert!(message(RawConfig::default()).contains("SIMCLR_MODEL"));
        assert!(
            message(RawConfig {
                listen: Some("8080".to_owned()),
                ..raw()
            })
            .contains("--listen 8080")
        );
        assert!(
            message(RawConfig {
                sessions: Some(0),
                ..raw()
            })
            .contains("--sessions 0: must be at least 1")
        );
        let raw = RawConfig {
            request_pictures_max: Some(9),
            queue_pictures_max: Some(8),
            ..raw()
        };
        assert!(message(raw).contains("must not be above --queue-pictures-max, which is 8"));
    }

    #[test]
    fn an_unknown_key_in_the_file_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("serve.toml");
        std::fs::write(&path, "lisen = \"127.0.0.1:1\"").unwrap();
        let message = RawConfig::from_file(&path).unwrap_err().to_string();
        assert!(
            message.contains("lisen") && message.contains("serve.toml"),
            "{message}"
        );
    }
}
