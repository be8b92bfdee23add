//! The configuration as it was typed: flags, environment and file, nothing checked yet.
//!
//! Every field is a flag, a `SIMCLR_…` variable and a TOML key of the same name; a flag beats the environment, the
//! environment beats the file, the file beats the default. Knows no default: those are in [`Config`](super::Config).

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Deserialize;

use super::ConfigError;

/// What flags, environment and the TOML file said.
#[derive(Debug, Clone, Default, Args, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RawConfig {
    /// Folder of the encoder: encoder.onnx and card.toml; requests that name no model get this one
    #[arg(long, env = "SIMCLR_MODEL", value_name = "FOLDER")]
    pub model: Option<PathBuf>,
    /// Folder of encoders' folders: all are loaded, and loaded again or unloaded by request
    #[arg(long, env = "SIMCLR_MODELS_DIR", value_name = "FOLDER")]
    pub models_dir: Option<PathBuf>,
    /// Look at the models' folders this often and load what is new or changed, in milliseconds [default: never]
    #[arg(long, env = "SIMCLR_WATCH_MODELS_MS", value_name = "MS")]
    pub watch_models_ms: Option<u64>,
    /// Folder for the collections; made when missing
    #[arg(long, env = "SIMCLR_DATA_DIR", value_name = "FOLDER")]
    pub data_dir: Option<PathBuf>,
    /// Keep the collections on a Milvus cluster, milvus://HOST:PORT, instead of in the data folder
    #[arg(long, env = "SIMCLR_STORE", value_name = "ADDRESS")]
    pub store: Option<String>,
    /// What to show the cluster: user:password, or an API key
    #[arg(long, env = "SIMCLR_STORE_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    pub store_token: Option<String>,
    /// When a write is acknowledged: full, once it is synced, or relaxed, once it can be searched, and synced within a second: what
    /// a crash loses then is the last second [default: full]
    #[arg(long, env = "SIMCLR_DURABILITY", value_name = "WORD", global = true)]
    pub durability: Option<String>,
    /// Address and port to listen on; port 0 takes a free one [default: 127.0.0.1:8080]
    #[arg(long, env = "SIMCLR_LISTEN", value_name = "ADDRESS")]
    pub listen: Option<String>,
    /// File of API keys, one a line: a name, a scope (read, write or admin), the key or sha256:<its hash>
    #[arg(long, env = "SIMCLR_API_KEYS", value_name = "FILE", help_heading = "Guard")]
    pub api_keys: Option<PathBuf>,
    /// Let everybody who reaches the address do everything; needed beyond loopback without --api-keys
    #[arg(long, env = "SIMCLR_ALLOW_EVERYBODY", help_heading = "Guard", num_args = 0..=1, default_missing_value = "true")]
    pub allow_everybody: Option<bool>,
    /// Origins whose pages may call this server from a browser, with commas between them [default: none]
    #[arg(
        long,
        env = "SIMCLR_CORS_ORIGINS",
        value_name = "ORIGINS",
        help_heading = "Guard",
        value_delimiter = ','
    )]
    pub cors_origins: Option<Vec<String>>,
    /// Hosts whose pictures may be fetched where a request names an address, with commas between them: example.org,
    /// *.example.org, example.org:8443 [default: none]
    #[arg(
        long,
        env = "SIMCLR_FETCH_ALLOW",
        value_name = "HOSTS",
        help_heading = "Guard",
        value_delimiter = ','
    )]
    pub fetch_allow: Option<Vec<String>>,
    /// Let the hosts of --fetch-allow lead to loopback and private addresses
    #[arg(long, env = "SIMCLR_FETCH_PRIVATE", help_heading = "Guard", num_args = 0..=1, default_missing_value = "true")]
    pub fetch_private: Option<bool>,
    /// Pictures fetched and not yet decoded, at most; more wait, each within its time [default: 16]
    #[arg(long, env = "SIMCLR_FETCHES_MAX", value_name = "COUNT", help_heading = "Guard")]
    pub fetches_max: Option<usize>,
    /// How long fetching one picture may take, in milliseconds; then 422 [default: 5000]
    #[arg(long, env = "SIMCLR_FETCH_TIMEOUT_MS", value_name = "MS", help_heading = "Guard")]
    pub fetch_timeout_ms: Option<u64>,
    /// Certificate chain for TLS, a PEM file; read again when it changes
    #[arg(long, env = "SIMCLR_TLS_CERTIFICATE", value_name = "FILE", help_heading = "Guard")]
    pub tls_certificate: Option<PathBuf>,
    /// The certificate's key, a PEM file
    #[arg(long, env = "SIMCLR_TLS_KEY", value_name = "FILE", help_heading = "Guard")]
    pub tls_key: Option<PathBuf>,
    /// Folder of more classifiers (*.safetensors), beside those of the model
    #[arg(long, env = "SIMCLR_CLASSIFIERS", value_name = "FOLDER")]
    pub classifiers: Option<PathBuf>,
    /// Folder whose folders are datasets, for evaluations; without it, nobody can start any
    #[arg(long, env = "SIMCLR_EVALUATION_DATA", value_name = "FOLDER")]
    pub evaluation_data: Option<PathBuf>,
    /// Niceness of evaluations, of fitting classifiers and of arranging maps, 0 to 19; at 19 they run only when nobody else does
    /// [default: 19]
    #[arg(long, env = "SIMCLR_EVALUATION_NICE", value_name = "NICE", help_heading = "Speed")]
    pub evaluation_nice: Option<u8>,
    /// What to compute on: cpu, cuda, tensorrt or openvino; not there is an error, never the CPU instead [default: cpu]
    #[arg(long, env = "SIMCLR_PROVIDER", value_name = "NAME", help_heading = "Speed")]
    pub provider: Option<String>,
    /// Encoder sessions that run side by side [default: what a measurement of a second at the start finds best]
    #[arg(long, env = "SIMCLR_SESSIONS", value_name = "COUNT", help_heading = "Speed")]
    pub sessions: Option<usize>,
    /// Threads of each session [default: cores ÷ sessions; given alone, one session has them]
    #[arg(long, env = "SIMCLR_SESSION_THREADS", value_name = "COUNT", help_heading = "Speed")]
    pub session_threads: Option<usize>,
    /// Pictures decoded and resized at the same time [default: cores]
    #[arg(long, env = "SIMCLR_DECODE_THREADS", value_name = "COUNT", help_heading = "Speed")]
    pub decode_threads: Option<usize>,
    /// Pictures in one run of the encoder, at most [default: 32]
    #[arg(long, env = "SIMCLR_BATCH_PICTURES_MAX", value_name = "COUNT", help_heading = "Speed")]
    pub batch_pictures_max: Option<usize>,
    /// How long a run waits for pictures that are still being decoded, in milliseconds [default: 5]
    #[arg(long, env = "SIMCLR_BATCH_WAIT_MS", value_name = "MS", help_heading = "Speed")]
    pub batch_wait_ms: Option<u64>,
    /// Bytes of one encoded picture, at most [default: 20971520]
    #[arg(long, env = "SIMCLR_PICTURE_BYTES_MAX", value_name = "BYTES", help_heading = "Limits")]
    pub picture_bytes_max: Option<usize>,
    /// Pixels of one picture, at most, judged by its header [default: 50000000]
    #[arg(long, env = "SIMCLR_PICTURE_PIXELS_MAX", value_name = "PIXELS", help_heading = "Limits")]
    pub picture_pixels_max: Option<u64>,
    /// Pictures in one request, at most [default: 64]
    #[arg(long, env = "SIMCLR_REQUEST_PICTURES_MAX", value_name = "COUNT", help_heading = "Limits")]
    pub request_pictures_max: Option<usize>,
    /// Records in one request or page, at most [default: 1000]
    #[arg(long, env = "SIMCLR_REQUEST_RECORDS_MAX", value_name = "COUNT", help_heading = "Limits")]
    pub request_records_max: Option<usize>,
    /// Collections, at most [default: 128]
    #[arg(
        long,
        env = "SIMCLR_COLLECTIONS_MAX",
        value_name = "COUNT",
        help_heading = "Limits",
        global = true
    )]
    pub collections_max: Option<usize>,
    /// Records in one collection, at most [default: 2000000]
    #[arg(
        long,
        env = "SIMCLR_RECORDS_PER_COLLECTION_MAX",
        value_name = "COUNT",
        help_heading = "Limits",
        global = true
    )]
    pub records_per_collection_max: Option<usize>,
    /// Bytes of one record's payload as JSON, at most [default: 65536]
    #[arg(
        long,
        env = "SIMCLR_PAYLOAD_BYTES_MAX",
        value_name = "BYTES",
        help_heading = "Limits",
        global = true
    )]
    pub payload_bytes_max: Option<usize>,
    /// Bytes of the disk that writes leave free; then 507 [default: 67108864]
    #[arg(
        long,
        env = "SIMCLR_DISK_RESERVE_BYTES",
        value_name = "BYTES",
        help_heading = "Limits",
        global = true
    )]
    pub disk_reserve_bytes: Option<u64>,
    /// Bytes of one request's body, at most [default: 67108864]
    #[arg(long, env = "SIMCLR_BODY_BYTES_MAX", value_name = "BYTES", help_heading = "Limits")]
    pub body_bytes_max: Option<usize>,
    /// Bytes of all bodies held at once, at most; then 429 [default: 536870912]
    #[arg(long, env = "SIMCLR_BODIES_BYTES_MAX", value_name = "BYTES", help_heading = "Limits")]
    pub bodies_bytes_max: Option<usize>,
    /// Requests served at once, at most; then 429 [default: 1024]
    #[arg(long, env = "SIMCLR_REQUESTS_MAX", value_name = "COUNT", help_heading = "Limits")]
    pub requests_max: Option<usize>,
    /// Pictures admitted and not yet embedded, at most; then 429 [default: 256]
    #[arg(long, env = "SIMCLR_QUEUE_PICTURES_MAX", value_name = "COUNT", help_heading = "Limits")]
    pub queue_pictures_max: Option<usize>,
    /// Connections held at once, at most; more wait to be accepted [default: 1024]
    #[arg(long, env = "SIMCLR_CONNECTIONS_MAX", value_name = "COUNT", help_heading = "Limits")]
    pub connections_max: Option<usize>,
    /// How long a request's header may take to arrive, or a connection may be idle, in milliseconds [default: 30000]
    #[arg(long, env = "SIMCLR_HEADER_TIMEOUT_MS", value_name = "MS", help_heading = "Limits")]
    pub header_timeout_ms: Option<u64>,
    /// How long a body may take to arrive, in milliseconds; then 408 [default: 30000]
    #[arg(long, env = "SIMCLR_BODY_TIMEOUT_MS", value_name = "MS", help_heading = "Limits")]
    pub body_timeout_ms: Option<u64>,
    /// How long a client may read nothing of its answer, in milliseconds; then its connection ends [default: 30000]
    #[arg(long, env = "SIMCLR_WRITE_TIMEOUT_MS", value_name = "MS", help_heading = "Limits")]
    pub write_timeout_ms: Option<u64>,
    /// How long a request may take in all, in milliseconds; then 503 [default: 60000]
    #[arg(long, env = "SIMCLR_REQUEST_DEADLINE_MS", value_name = "MS", help_heading = "Limits")]
    pub request_deadline_ms: Option<u64>,
    /// Evaluations that wait for their turn, at most; then 429 [default: 8]
    #[arg(long, env = "SIMCLR_EVALUATIONS_WAITING_MAX", value_name = "COUNT", help_heading = "Limits")]
    pub evaluations_waiting_max: Option<usize>,
    /// Bytes that evaluations keep of what they computed, at most, once one has ended; what was not used for longest goes first
    /// [default: 10737418240]
    #[arg(long, env = "SIMCLR_EVALUATION_CACHE_BYTES_MAX", value_name = "BYTES", help_heading = "Limits")]
    pub evaluation_cache_bytes_max: Option<u64>,
    /// Streams of evaluations' events held open at once, at most; then 429 [default: 64]
    #[arg(long, env = "SIMCLR_EVENT_STREAMS_MAX", value_name = "COUNT", help_heading = "Limits")]
    pub event_streams_max: Option<usize>,
    /// How long a stop still accepts connections while /health/ready says 503, in milliseconds [default: 0]
    #[arg(long, env = "SIMCLR_DRAIN_GRACE_MS", value_name = "MS", help_heading = "Limits")]
    pub drain_grace_ms: Option<u64>,
    /// How long a stop waits for requests in flight, in milliseconds; then 503 [default: 10000]
    #[arg(long, env = "SIMCLR_DRAIN_DEADLINE_MS", value_name = "MS", help_heading = "Limits")]
    pub drain_deadline_ms: Option<u64>,
}

impl RawConfig {
    /// Reads a TOML file whose keys are the flags' names.
    ///
    /// # Errors
    /// When the file cannot be read, is not TOML, or has a key that is not ours.
    pub fn from_file(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|reason| ConfigError::File { path: path.to_owned(), reason: reason.to_string() })?;
        toml::from_str(&text)
            .map_err(|reason| ConfigError::File { path: path.to_owned(), reason: reason.to_string() })
    }

    /// Keeps what is said here and takes the rest from `other`.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            model: self.model.or(other.model),
            watch_models_ms: self.watch_models_ms.or(other.watch_models_ms),
            models_dir: self.models_dir.or(other.models_dir),
            data_dir: self.data_dir.or(other.data_dir),
            store: self.store.or(other.store),
            store_token: self.store_token.or(other.store_token),
            durability: self.durability.or(other.durability),
            listen: self.listen.or(other.listen),
            api_keys: self.api_keys.or(other.api_keys),
            allow_everybody: self.allow_everybody.or(other.allow_everybody),
            cors_origins: self.cors_origins.or(other.cors_origins),
            fetch_allow: self.fetch_allow.or(other.fetch_allow),
            fetch_private: self.fetch_private.or(other.fetch_private),
            fetches_max: self.fetches_max.or(other.fetches_max),
            fetch_timeout_ms: self.fetch_timeout_ms.or(other.fetch_timeout_ms),
            provider: self.provider.or(other.provider),
            tls_certificate: self.tls_certificate.or(other.tls_certificate),
            tls_key: self.tls_key.or(other.tls_key),
            classifiers: self.classifiers.or(other.classifiers),
            evaluation_data: self.evaluation_data.or(other.evaluation_data),
            evaluation_nice: self.evaluation_nice.or(other.evaluation_nice),
            sessions: self.sessions.or(other.sessions),
            session_threads: self.session_threads.or(other.session_threads),
            decode_threads: self.decode_threads.or(other.decode_threads),
            batch_pictures_max: self.batch_pictures_max.or(other.batch_pictures_max),
            batch_wait_ms: self.batch_wait_ms.or(other.batch_wait_ms),
            picture_bytes_max: self.picture_bytes_max.or(other.picture_bytes_max),
            picture_pixels_max: self.picture_pixels_max.or(other.picture_pixels_max),
            request_pictures_max: self.request_pictures_max.or(other.request_pictures_max),
            request_records_max: self.request_records_max.or(other.request_records_max),
            collections_max: self.collections_max.or(other.collections_max),
            records_per_collection_max: self.records_per_collection_max.or(other.records_per_collection_max),
            payload_bytes_max: self.payload_bytes_max.or(other.payload_bytes_max),
            disk_reserve_bytes: self.disk_reserve_bytes.or(other.disk_reserve_bytes),
            body_bytes_max: self.body_bytes_max.or(other.body_bytes_max),
            bodies_bytes_max: self.bodies_bytes_max.or(other.bodies_bytes_max),
            requests_max: self.requests_max.or(other.requests_max),
            queue_pictures_max: self.queue_pictures_max.or(other.queue_pictures_max),
            connections_max: self.connections_max.or(other.connections_max),
            header_timeout_ms: self.header_timeout_ms.or(other.header_timeout_ms),
            body_timeout_ms: self.body_timeout_ms.or(other.body_timeout_ms),
            write_timeout_ms: self.write_timeout_ms.or(other.write_timeout_ms),
            request_deadline_ms: self.request_deadline_ms.or(other.request_deadline_ms),
            evaluations_waiting_max: self.evaluations_waiting_max.or(other.evaluations_waiting_max),
            evaluation_cache_bytes_max: self.evaluation_cache_bytes_max.or(other.evaluation_cache_bytes_max),
            event_streams_max: self.event_streams_max.or(other.event_streams_max),
            drain_grace_ms: self.drain_grace_ms.or(other.drain_grace_ms),
            drain_deadline_ms: self.drain_deadline_ms.or(other.drain_deadline_ms),
        }
    }
}
