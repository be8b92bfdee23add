//! Named bytes as objects of a bucket, through the `object_store` crate. Calls wait for their answer.

use std::fmt;
use std::sync::Arc;

use futures_util::TryStreamExt;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, RetryConfig};
use tokio::runtime::{Builder, Runtime};

use crate::EvalError;

/// Attempts before a request is given up.
const RETRIES: usize = 5;

/// A prefix in a bucket.
#[derive(Debug, Clone)]
pub(super) struct Bucket {
    store: Arc<dyn ObjectStore>,
    runtime: Arc<Runtime>,
    name: String,
    prefix: String,
}

impl Bucket {
    pub(super) fn open(
        url: &str,
        settings: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, EvalError> {
        let refuse = |problem: String| EvalError::Place { place: url.to_owned(), problem };
        let rest = url.strip_prefix("s3://").ok_or_else(|| refuse("is not s3://bucket/prefix".to_owned()))?;
        let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if name.is_empty() {
            return Err(refuse("names no bucket".to_owned()));
        }
        // Another part of the process may have chosen already; any choice will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let retry = RetryConfig { max_retries: RETRIES, ..RetryConfig::default() };
        let mut builder = AmazonS3Builder::new().with_bucket_name(name).with_retry(retry);
        for (key, value) in settings {
            let is_endpoint = key.starts_with("AWS_ENDPOINT_URL") || key == "AWS_ENDPOINT";
            if !key.starts_with("AWS_") || value.is_empty() {
                continue;
            }
            if let Ok(key) = key.to_ascii_lowercase().parse::<AmazonS3ConfigKey>() {
                if is_endpoint && value.starts_with("http://") {
                    builder = builder.with_allow_http(true);
                }
                builder = builder.with_config(key, value);
            }
        }
        let store = builder.build().map_err(|e| refuse(e.to_string()))?;
        let runtime =
            Builder::new_current_thread().enable_all().build().map_err(|e| refuse(e.to_string()))?;
        let prefix = prefix.trim_matches('/').to_owned();
        Ok(Self { store: Arc::new(store), runtime: Arc::new(runtime), name: name.to_owned(), prefix })
    }

    pub(super) fn under(&self, prefix: &str) -> Self {
        Self { prefix: self.whole(prefix), ..self.clone() }
    }

    pub(super) fn read(&self, name: &str) -> Result<Option<Vec<u8>>, EvalError> {
        let path = Path::from(self.whole(name));
        let got = self.runtime.block_on(async { self.store.get(&path).await?.bytes().await });
        match got {
            Ok(bytes) => Ok(Some(bytes.to_vec())),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.failed(name, &error)),
        }
    }

    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), EvalError> {
        let path = Path::from(self.whole(name));
        let put = self.store.put(&path, bytes.to_vec().into());
        self.runtime.block_on(put).map(|_| ()).map_err(|error| self.failed(name, &error))
    }

    pub(super) fn list(&self) -> Result<Vec<String>, EvalError> {
        let prefix = Path::from(self.prefix.as_str());
        let objects = self.store.list(Some(&prefix)).map_ok(|object| object.location.to_string());
        let all: Vec<String> =
            self.runtime.block_on(objects.try_collect()).map_err(|error| self.failed("", &error))?;
        let start = if prefix.as_ref().is_empty() { 0 } else { prefix.as_ref().len() + 1 };
        let mut names: Vec<String> =
            all.iter().filter_map(|name| name.get(start..)).map(Into::into).collect();
        names.sort();
        Ok(names)
    }

    fn whole(&self, name: &str) -> String {
        if self.prefix.is_empty() { name.to_owned() } else { format!("{}/{name}", self.prefix) }
    }

    fn failed(&self, name: &str, error: &object_store::Error) -> EvalError {
        let place = format!("s3://{}/{}", self.name, self.whole(name));
        EvalError::Place { place, problem: error.to_string() }
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.name, self.prefix)
    }
}
