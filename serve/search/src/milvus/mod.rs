//! Collections on a Milvus cluster: several stateless servers may stand before one.
//!
//! Our words go in and come out; Milvus' own stay in here. Each of our collections is one of Milvus', named after ours,
//! with the encoder's `space_key` among its properties. What Milvus cannot do, docs/decisions/0012 says.

mod collection;
mod contents;
mod expression;
mod parts;
mod reading;

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use milvus::v1::client::ClientBuilder;
use milvus::v2::prelude::{
    ClientV2, CollectionSchema, ConnectConfig, ConsistencyLevel, CreateCollectionRequest, DataType,
    DescribeCollectionRequest, DropCollectionRequest, Error, FieldSchema, HasCollectionRequest, IndexParam,
    IndexType, ListCollectionsRequest, LoadCollectionRequest, MetricType,
};
use tokio::runtime::Runtime;

use self::collection::MilvusCollection;
use crate::config::check_config;
use crate::folder::check_name;
use crate::{CollectionConfig, Limits, Problem, SearchError, VectorCollection, VectorStore};

const FIELD_ID: &str = "id";
const FIELD_VECTOR: &str = "vector";
const FIELD_PAYLOAD: &str = "payload";
/// What our collections' names begin with, among those of others.
const PREFIX: &str = "simclr_";
const PROPERTY_NAME: &str = "simclr.name";
const PROPERTY_SPACE: &str = "simclr.space_key";
/// How long one call may take; loading a large collection takes longest.
const CALL_MAX: Duration = Duration::from_secs(60);

/// A Milvus cluster as a store.
pub struct MilvusStore {
    link: Arc<Link>,
    limits: Arc<Limits>,
    address: String,
    token: Option<String>,
}

/// The connection, and the threads that its futures run on.
struct Link {
    client: ClientV2,
    /// Always there until this is dropped.
    runtime: Option<Runtime>,
}

impl Link {
    /// Waits for what Milvus answers; never to be called on a thread that runs futures.
    fn wait<T>(&self, what: &str, call: impl Future<Output = Result<T, Error>>) -> Result<T, SearchError> {
        let remote = |reason: String| SearchError::Remote { what: what.to_owned(), reason };
        let runtime = self.runtime.as_ref().ok_or_else(|| remote("it was closed".to_owned()))?;
        runtime.block_on(call).map_err(|error| remote(error.to_string()))
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // Whoever drops this may be a thread that must not wait.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl MilvusStore {
    /// Connects to `host:port`, or to a whole `http://` or `https://` address; `token` is `user:password` or a key.
    ///
    /// # Errors
    /// When nobody answers there.
    pub fn connect(address: &str, token: Option<&str>, limits: Limits) -> Result<Self, SearchError> {
        let address = if address.contains("://") { address.to_owned() } else { format!("http://{address}") };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.map_err(|e| SearchError::storage("starting the threads for Milvus", e))?;
        let mut config = ConnectConfig::new().uri(&address).rpc_timeout(CALL_MAX);
        if let Some(token) = token {
            config = config.token(token);
        }
        let client = runtime.block_on(ClientV2::new(&config));
        let what = format!("connecting to Milvus at {address}");
        let client = client.map_err(|error| SearchError::Remote { what, reason: error.to_string() })?;
        let (link, token) = (Arc::new(Link { client, runtime: Some(runtime) }), token.map(str::to_owned));
        Ok(Self { link, limits: Arc::new(limits), address, token })
    }

    /// The collection of a name of Milvus'.
    fn open(&self, stored: &str) -> Result<MilvusCollection, SearchError> {
        let client = &self.link.client;
        let described = self.link.wait("describing a collection", async {
            client
                .describe_collection(DescribeCollectionRequest::builder().collection_name(stored).build()?)
                .await
        })?;
        let description = described.description();
        let properties = description.get_properties();
        let vector =
            description.get_schema().get_fields().iter().find(|field| field.get_name() == FIELD_VECTOR);
        let (Some(name), Some(vector)) = (properties.get(PROPERTY_NAME), vector) else {
            let reason = "another program made it: it has no name of ours".to_owned();
            return Err(SearchError::Damaged { collection: stored.to_owned(), reason });
        };
        let space_key = properties.get(PROPERTY_SPACE).cloned().unwrap_or_default();
        let config = CollectionConfig::new(vector.get_dimension() as usize, space_key);
        Ok(MilvusCollection {
            name: name.clone(),
            stored: stored.to_owned(),
            config,
            limits: Arc::clone(&self.limits),
            link: Arc::clone(&self.link),
        })
    }

    fn has(&self, stored: &str) -> Result<bool, SearchError> {
        let client = &self.link.client;
        self.link.wait("looking for a collection", async {
            let request = HasCollectionRequest::builder().collection_name(stored).build()?;
            Ok(client.has_collection(request).await?.exists())
        })
    }

    fn stored_names(&self) -> Result<Vec<String>, SearchError> {
        let client = &self.link.client;
        let mut names = self.link.wait("listing collections", async {
            match client.list_collections(ListCollectionsRequest::builder().build()?).await {
                // milvus-lite leaves out what the client insists on beside the names.
                Err(Error::MalformedResponse(_)) => self.plain_names().await,
                listed => Ok(listed?.collection_names().to_vec()),
            }
        })?;
        names.retain(|name| name.starts_with(PREFIX));
        names.sort();
        Ok(names)
    }

    /// The names by the client's older half, which asks for nothing else.
    async fn plain_names(&self) -> Result<Vec<String>, Error> {
        let failed = |e: milvus::v1::error::Error| Error::MalformedResponse(e.to_string());
        let client = ClientBuilder::new(self.address.clone()).timeout(CALL_MAX);
        let client = match self.token.as_deref().and_then(|token| token.split_once(':')) {
            Some((user, password)) => client.username(user).password(password),
            None => client,
        };
        client.build().await.map_err(failed)?.list_collections().await.map_err(failed)
    }

    fn make(&self, name: &str, config: &CollectionConfig) -> Result<(), SearchError> {
        let field = |name: &str, kind| FieldSchema::new().name(name).data_type(kind);
        let id_bytes = u32::try_from(self.limits.id_bytes_max).unwrap_or(u32::MAX);
        let schema = CollectionSchema::new()
            .add_field(field(FIELD_ID, DataType::VarChar).max_length(id_bytes).primary_key(true))
            .add_field(field(FIELD_VECTOR, DataType::FloatVector).dimension(config.dimension as u32))
            .add_field(field(FIELD_PAYLOAD, DataType::Json));
        let graph =
            [("M", "16"), ("efConstruction", "200")].map(|(key, value)| (key.to_owned(), value.to_owned()));
        let index = IndexParam::new()
            .field_name(FIELD_VECTOR)
            .index_type(IndexType::Hnsw)
            .metric_type(MetricType::Cosine)
            .extra_params(HashMap::from(graph));
        let properties = [(PROPERTY_NAME, name), (PROPERTY_SPACE, config.space_key.as_str())];
        let properties = properties.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let (client, stored) = (&self.link.client, stored_name(name));
        self.link.wait("creating a collection", async {
            let request = CreateCollectionRequest::builder()
                .collection_name(&stored)
                .schema(schema)
                .index_params(vec![index])
                .properties(HashMap::from(properties))
                .consistency_level(ConsistencyLevel::Strong)
                .build()?;
            client.create_collection(request).await?;
            client.load_collection(LoadCollectionRequest::builder().collection_name(&stored).build()?).await
        })?;
        Ok(())
    }
}

impl VectorStore for MilvusStore {
    fn create(&self, name: &str, config: CollectionConfig) -> Result<Arc<dyn VectorCollection>, SearchError> {
        check_name(name)?;
        check_config(&config, &self.limits)?;
        if config != CollectionConfig::new(config.dimension, config.space_key.as_str()) {
            let reason =
                "a cluster keeps 32-bit numbers and no pictures; leave out dtype and keep".to_owned();
            return Err(SearchError::BadConfig { reason });
        }
        let stored = stored_name(name);
        if !self.has(&stored)? {
            if self.stored_names()?.len() >= self.limits.collections_max {
                return Err(SearchError::TooManyCollections { limit: self.limits.collections_max });
            }
            self.make(name, &config)?;
        }
        let collection = self.open(&stored)?;
        if collection.config == config {
            return Ok(Arc::new(collection));
        }
        Err(SearchError::CollectionExists { name: name.to_owned(), existing: collection.config })
    }

    fn get(&self, name: &str) -> Result<Arc<dyn VectorCollection>, SearchError> {
        let stored = stored_name(name);
        if !self.has(&stored)? {
            return Err(SearchError::CollectionNotFound { name: name.to_owned() });
        }
        Ok(Arc::new(self.open(&stored)?))
    }

    fn list(&self) -> Result<Vec<Arc<dyn VectorCollection>>, SearchError> {
        let open = |stored: &String| Some(Arc::new(self.open(stored).ok()?) as Arc<dyn VectorCollection>);
        let mut collections: Vec<_> = self.stored_names()?.iter().filter_map(open).collect();
        collections.sort_by(|a, b| a.name().cmp(b.name()));
        Ok(collections)
    }

    fn problems(&self) -> Vec<Problem> {
        let problem = |stored: String| self.open(&stored).err().map(|error| Problem { name: stored, error });
        self.stored_names().unwrap_or_default().into_iter().filter_map(problem).collect()
    }

    fn delete(&self, name: &str) -> Result<(), SearchError> {
        let stored = stored_name(name);
        if !self.has(&stored)? {
            return Err(SearchError::CollectionNotFound { name: name.to_owned() });
        }
        let client = &self.link.client;
        self.link.wait("deleting a collection", async {
            client.drop_collection(DropCollectionRequest::builder().collection_name(&stored).build()?).await
        })?;
        Ok(())
    }
}

/// A name as Milvus takes it: letters and digits, anything else as an underscore and its number.
fn stored_name(name: &str) -> String {
    let letter = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
        _ => format!("_{byte:02x}"),
    };
    PREFIX.to_owned() + &name.bytes().map(letter).collect::<String>()
}
