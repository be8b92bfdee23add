//! Which store keeps the collections: this process in its data folder, or a cluster of its own.
//!
//! Everything that is wrong with what was found at opening goes to the log here; nobody else asks.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use simclr_search::{CollectionConfig, Collections, Dtype, SearchError, VectorCollection, VectorStore};

use crate::app::StartError;
use crate::config::Config;

/// Opens the store that the configuration names.
pub(crate) fn open(config: &Config) -> Result<Arc<dyn VectorStore>, StartError> {
    let limits = search_limits(config);
    open_store(&config.data_dir, config.store.as_deref(), config.store_token.as_deref(), limits)
}

/// What is wrong with the store, without making anything: a folder that another process has open is a server's that runs.
pub(crate) fn check(config: &Config) -> Option<StartError> {
    let folder = collections_folder(&config.data_dir);
    if config.store.is_none() && !folder.exists() {
        let above = config.data_dir.ancestors().find(|above| above.exists())?;
        let reason = SearchError::Storage {
            what: format!("making {}", folder.display()),
            reason: format!("{} is not a folder", above.display()),
        };
        return (!above.is_dir()).then_some(StartError::Collections { folder, reason });
    }
    match open(config).err()? {
        StartError::Collections { reason: SearchError::InUse { .. }, .. } => None,
        error => Some(error),
    }
}

/// Opens the collections of a data folder, or those of the Milvus cluster at `milvus`, `host:port`, where one is named.
///
/// # Errors
/// When the folder is open elsewhere or cannot be read; when nobody answers at the address.
pub fn open_store(
    data_dir: &Path,
    milvus: Option<&str>,
    token: Option<&str>,
    limits: simclr_search::Limits,
) -> Result<Arc<dyn VectorStore>, StartError> {
    match milvus {
        None => embedded(data_dir, limits),
        Some(address) => cluster(address, token, limits),
    }
}

/// What a `--store` names: what follows `milvus://`, or a whole `https://` address.
pub fn milvus_address(store: &str) -> Result<String, &'static str> {
    let address = store.strip_prefix("milvus://").or(store.starts_with("https://").then_some(store));
    match address.map(|address| address.trim_end_matches('/')) {
        Some(address) if !address.is_empty() => Ok(address.to_owned()),
        _ => Err("must be milvus://HOST:PORT or https://HOST:PORT"),
    }
}

/// What a collection is to be that is made, where that is said; one that is there must be so.
#[derive(Clone, Copy, Debug, Default)]
pub struct Choice {
    /// How its numbers are stored.
    pub dtype: Option<Dtype>,
    /// Whether it keeps small pictures.
    pub thumbnails: Option<bool>,
    /// Whether it keeps the pictures themselves.
    pub originals: Option<bool>,
}

impl Choice {
    /// The collection of a name, which is made if it is not there.
    ///
    /// # Errors
    /// When one of that name is there and is another, or the store refuses.
    pub(crate) fn open(
        self,
        store: &dyn VectorStore,
        name: &str,
        mut config: CollectionConfig,
    ) -> Result<Arc<dyn VectorCollection>, SearchError> {
        // What is not said is as it is there.
        if let Ok(existing) = store.get(name) {
            (config.dtype, config.keep) = (existing.config().dtype, existing.config().keep);
        }
        config.dtype = self.dtype.unwrap_or(config.dtype);
        config.keep.thumbnails = self.thumbnails.unwrap_or(config.keep.thumbnails);
        config.keep.originals = self.originals.unwrap_or(config.keep.originals);
        store.create(name, config)
    }
}

/// Where in a data folder the collections are.
pub fn collections_folder(data_dir: &Path) -> PathBuf {
    data_dir.join("collections")
}

fn embedded(data_dir: &Path, limits: simclr_search::Limits) -> Result<Arc<dyn VectorStore>, StartError> {
    let folder = collections_folder(data_dir);
    let collections =
        Collections::open(&folder, limits).map_err(|reason| StartError::Collections { folder, reason })?;
    for problem in collections.problems() {
        tracing::error!(collection = problem.name, reason = %problem.error, "a collection is unusable");
    }
    for collection in collections.list() {
        for damage in collection.statistics().damage {
            let (collection, done) = (collection.name(), "it is made again from the records");
            tracing::error!(collection, damage, done, "a segment was damaged");
        }
    }
    Ok(Arc::new(collections))
}

#[cfg(feature = "milvus")]
fn cluster(
    address: &str,
    token: Option<&str>,
    limits: simclr_search::Limits,
) -> Result<Arc<dyn VectorStore>, StartError> {
    let store = simclr_search::MilvusStore::connect(address, token, limits);
    let store =
        store.map_err(|error| StartError::Store { store: address.to_owned(), reason: error.to_string() })?;
    Ok(Arc::new(store))
}

#[cfg(not(feature = "milvus"))]
fn cluster(
    address: &str,
    _: Option<&str>,
    _: simclr_search::Limits,
) -> Result<Arc<dyn VectorStore>, StartError> {
    let reason = "this program was built without Milvus; build it with `--features milvus`".to_owned();
    Err(StartError::Store { store: address.to_owned(), reason })
}

pub(crate) fn search_limits(config: &Config) -> simclr_search::Limits {
    let limits = config.limits;
    let records = limits.request_records_max;
    simclr_search::Limits {
        records_per_request_max: records,
        search_limit_max: records,
        page_limit_max: records,
        collections_max: limits.collections_max,
        records_per_collection_max: limits.records_per_collection_max,
        payload_bytes_max: limits.payload_bytes_max,
        disk_reserve_bytes: limits.disk_reserve_bytes,
        unsynced_max: config.unsynced_max,
        ..simclr_search::Limits::default()
    }
}
