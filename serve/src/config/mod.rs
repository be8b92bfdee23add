//! What the server was told, checked once: a [`RawConfig`] goes in, a [`Config`] that always holds together comes out.
//!
//! Every limit has its unit in its name. Opens nothing but the TOML file and knows neither HTTP nor encoders.

mod guard;
mod limits;
mod problems;
mod raw;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::num::NonZero;
use std::path::PathBuf;
use std::time::Duration;

pub use limits::Limits;
use problems::Problems;
pub use raw::RawConfig;
use simclr_models::Provider;

use crate::fetching::FetchRules;

/// A configuration that was checked; the only way to one to serve with is [`Config::check`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Config {
    /// Folder of the artefact that requests without a model get.
    pub model: Option<PathBuf>,
    /// Folder of artefacts' folders.
    pub models_dir: Option<PathBuf>,
    /// Folder that holds the collections.
    pub data_dir: PathBuf,
    /// Where a Milvus cluster keeps the collections instead, `host:port` or an `https://` address.
    pub store: Option<String>,
    /// What to show it.
    pub store_token: Option<String>,
    /// How long what was acknowledged may stay unsynced; with zero nothing is acknowledged before it is synced.
    pub unsynced_max: Duration,
    /// Where to listen.
    pub listen: SocketAddr,
    /// Folder of classifiers beside those of the artefact.
    pub classifiers: Option<PathBuf>,
    /// Folder whose folders are datasets; none turns evaluations off.
    pub evaluation_data: Option<PathBuf>,
    /// Niceness of evaluations, of fitting classifiers and of arranging maps, 0 to 19.
    pub evaluation_nice: u8,
    /// This very program, which evaluations run in processes of; the program itself knows it.
    pub program: Option<PathBuf>,
    /// File of API keys.
    pub api_keys: Option<PathBuf>,
    /// Origins whose pages may call from a browser.
    pub cors_origins: Vec<String>,
    /// From where pictures may be fetched; nothing where they may not.
    pub fetch: Option<FetchRules>,
    /// What the encoders compute on.
    pub provider: Provider,
    /// Certificate and key for TLS.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Cores that sessions may use.
    pub cores: usize,
    /// Encoder sessions and threads of each; nothing where the server is to measure which are best.
    pub sessions: Option<(usize, usize)>,
    /// Pictures decoded at once.
    pub decode_threads: usize,
    /// How long a run waits for pictures that are being decoded.
    pub batch_wait: Duration,
    /// How often the models' folders are looked at; nothing where only requests load models.
    pub watch: Option<Duration>,
    /// How long a stop still accepts connections while `/health/ready` says that it stops.
    pub drain_grace: Duration,
    /// How long a stop then waits for requests in flight.
    pub drain_deadline: Duration,
    /// What a request may ask for.
    pub limits: Limits,
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

/// Every mistake of a configuration; one a line.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl Config {
    /// Fills in the defaults and checks that the whole holds together.
    ///
    /// # Errors
    /// Every value that is missing, out of range or at odds with another.
    pub fn check(raw: RawConfig) -> Result<Self, ConfigErrors> {
        let (config, problems) = Self::read(raw);
        if problems.is_empty() { Ok(config) } else { Err(ConfigErrors(problems)) }
    }

    /// What was told, with defaults where it was wrong, and every mistake: for whoever looks at more than the configuration.
    pub fn read(raw: RawConfig) -> (Self, Vec<ConfigError>) {
        let mut problems = Problems::default();
        let missing = |name, variable| ConfigError::Missing { name, variable };
        if raw.model.is_none() && raw.models_dir.is_none() {
            problems.0.push(missing("model", "SIMCLR_MODEL"));
        }
        if raw.data_dir.is_none() && raw.store.is_none() {
            problems.0.push(missing("data-dir", "SIMCLR_DATA_DIR"));
        }
        let store = guard::store(&raw, &mut problems);
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let listen = guard::address(&raw, &mut problems);
        let config = Self {
            listen,
            // What is wrong with it is told with the limits.
            unsynced_max: limits::unsynced_max(&raw, &mut Problems::default()),
            limits: Limits::check(&raw, &mut problems),
            cors_origins: guard::origins(&raw, &mut problems),
            tls: guard::certificate(&raw, &mut problems),
            fetch: guard::fetch(&raw, &mut problems),
            provider: provider(&raw, &mut problems),
            cores,
            sessions: sessions(&raw, cores, &mut problems),
            decode_threads: problems.at_least_one("decode-threads", raw.decode_threads, cores),
            model: raw.model,
            models_dir: raw.models_dir,
            store,
            store_token: raw.store_token,
            data_dir: raw.data_dir.unwrap_or_default(),
            classifiers: raw.classifiers,
            evaluation_data: raw.evaluation_data,
            evaluation_nice: problems.at_most("evaluation-nice", raw.evaluation_nice, 19),
            program: None,
            api_keys: raw.api_keys,
            batch_wait: Duration::from_millis(raw.batch_wait_ms.unwrap_or(5)),
            watch: raw
                .watch_models_ms
                .map(|ms| Duration::from_millis(problems.at_least_one("watch-models-ms", Some(ms), 1))),
            drain_grace: Duration::from_millis(raw.drain_grace_ms.unwrap_or(0)),
            drain_deadline: Duration::from_millis(raw.drain_deadline_ms.unwrap_or(10_000)),
        };
        (config, problems.0)
    }
}

impl RawConfig {
    /// What collections keep to that a command opens.
    ///
    /// # Errors
    /// Every one of these limits that is out of range.
    pub fn store_limits(&self) -> Result<simclr_search::Limits, ConfigErrors> {
        let mut problems = Problems::default();
        let limits = limits::store_limits(self, &mut problems);
        if problems.0.is_empty() { Ok(limits) } else { Err(ConfigErrors(problems.0)) }
    }
}

/// What was given; where only one of the two was, the other follows from it.
fn sessions(raw: &RawConfig, cores: usize, problems: &mut Problems) -> Option<(usize, usize)> {
    if raw.sessions.is_none() && raw.session_threads.is_none() {
        return None;
    }
    let sessions = problems.at_least_one("sessions", raw.sessions, 1);
    let threads = (cores / sessions).max(1);
    Some((sessions, problems.at_least_one("session-threads", raw.session_threads, threads)))
}

/// What to compute on; one that this program was built without is a mistake, whatever the machine has.
fn provider(raw: &RawConfig, problems: &mut Problems) -> Provider {
    let Some(word) = &raw.provider else { return Provider::Cpu };
    let found = word.parse::<Provider>();
    let built = found.and_then(|provider| {
        let reason = || {
            format!(
                "this program was built without it: cargo build --release -p simclr-serve --features {word}"
            )
        };
        if provider.is_built_in() { Ok(provider) } else { Err(reason()) }
    });
    built.unwrap_or_else(|reason| {
        problems.add("provider", word, reason);
        Provider::Cpu
    })
}

impl Config {
    /// Where classifiers are kept that are made while the server runs: the folder named, or one beside the collections.
    pub(crate) fn classifiers_made(&self) -> PathBuf {
        self.classifiers.clone().unwrap_or_else(|| self.data_dir.join("classifiers"))
    }
}
