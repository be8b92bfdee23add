//! Which store a command works on: a data folder that no server has open, or a cluster.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use simclr_search::{Limits, VectorStore};
use simclr_serve::{milvus_address, open_store};

/// Where the collections are.
#[derive(Args)]
pub(super) struct StoreArgs {
    /// Folder of the collections, as given to the server
    #[arg(long, env = "SIMCLR_DATA_DIR", value_name = "FOLDER", required_unless_present = "store")]
    pub(super) data_dir: Option<PathBuf>,
    /// The Milvus cluster that keeps them instead, milvus://HOST:PORT
    #[arg(long, env = "SIMCLR_STORE", value_name = "ADDRESS", value_parser = milvus_address)]
    pub(super) store: Option<String>,
    /// What to show the cluster: user:password, or an API key
    #[arg(long, env = "SIMCLR_STORE_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    pub(super) store_token: Option<String>,
    /// One JSON object instead of text
    #[arg(long)]
    pub(super) json: bool,
}

impl StoreArgs {
    /// The store; a data folder that is not there is made for writing only.
    pub(super) fn open(&self, writes: bool, limits: Limits) -> anyhow::Result<Arc<dyn VectorStore>> {
        let data_dir = self.data_dir.clone().unwrap_or_default();
        let there = self.store.is_some() || writes || simclr_serve::collections_folder(&data_dir).is_dir();
        anyhow::ensure!(
            there,
            "{}: there are no collections here; name a server's --data-dir",
            data_dir.display()
        );
        Ok(open_store(&data_dir, self.store.as_deref(), self.store_token.as_deref(), limits)?)
    }

    /// Prints one or the other.
    pub(super) fn say(&self, line: &serde_json::Value, text: &str) {
        if self.json { println!("{line}") } else { println!("{text}") }
    }
}
