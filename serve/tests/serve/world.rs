//! A server over a tiny artefact of random weights, in a folder of its own.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use simclr_models::{
    Artefact, CardDraft, Embedding, EncodeError, Encoder, Filter, ImageBatch, Recipe, ResNet, Stem, Training,
    Weights,
};
use simclr_serve::{App, Config, RawConfig, Running, Stopped, serve};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::client::Client;

/// Pictures are made 16×16 for an encoder of 16×16: tests are about the server.
pub(crate) const SIDE: u32 = 16;
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// One artefact for all tests; nobody writes to it.
pub(crate) fn artefact() -> Artefact {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    let parent = FOLDER.get_or_init(|| {
        let parent = tempfile::tempdir().unwrap();
        make_artefact(&parent.path().join("tiny"), "tiny", 7);
        parent
    });
    Artefact::open(&parent.path().join("tiny")).unwrap()
}

pub(crate) fn make_artefact(folder: &Path, name: &str, seed: u64) -> Artefact {
    let network = ResNet::plain(10, 0.25, Stem::SmallPicture);
    let weights = Weights::initial(&network.describe().unwrap(), seed);
    let recipe =
        Recipe { side: SIDE, resize: SIDE, filter: Filter::Bicubic, mean: [0.0; 3], deviation: [1.0; 3] };
    let training = Training {
        method: "random".to_owned(),
        data: "nothing".to_owned(),
        epochs: 0,
        loss: None,
        recipe: String::new(),
        program: "test".to_owned(),
        earlier: vec![],
    };
    let card = CardDraft { name: name.to_owned(), recipe, licence: "CC0-1.0".to_owned(), training };
    Artefact::create(folder, &network, &weights, card).unwrap()
}

/// An encoder made of a function; its embeddings have the artefact's length.
pub(crate) struct Fake<F>(pub(crate) F);

impl<F: FnMut(&ImageBatch) -> Result<Vec<Embedding>, EncodeError> + Send> Encoder for Fake<F> {
    fn embedding_len(&self) -> usize {
        artefact().embedding_len()
    }

    fn embed(&mut self, images: &ImageBatch) -> Result<Vec<Embedding>, EncodeError> {
        (self.0)(images)
    }
}

/// Ones, one row a picture.
pub(crate) fn ones(images: &ImageBatch) -> Result<Vec<Embedding>, EncodeError> {
    let one = Embedding::new(vec![1.0; artefact().embedding_len()]).unwrap();
    Ok(vec![one; images.len()])
}

pub(crate) struct World {
    pub(crate) data: TempDir,
}

/// A server on a free port, stopped when dropped.
pub(crate) struct Server {
    pub(crate) runtime: Runtime,
    pub(crate) running: Option<Running>,
    pub(crate) client: Client,
}

impl World {
    pub(crate) fn new() -> Self {
        Self { data: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn config(&self, change: impl FnOnce(&mut RawConfig)) -> Config {
        let mut raw = RawConfig {
            model: Some(artefact().folder().to_owned()),
            data_dir: Some(self.data.path().join("data")),
            listen: Some("127.0.0.1:0".to_owned()),
            session_threads: Some(1),
            decode_threads: Some(2),
            ..RawConfig::default()
        };
        change(&mut raw);
        Config::check(raw).unwrap()
    }

    /// A server with ONNX Runtime.
    pub(crate) fn server(&self, change: impl FnOnce(&mut RawConfig)) -> Server {
        Server::over(App::open(self.config(change)).unwrap())
    }

    /// A server with an encoder of the test's own.
    pub(crate) fn server_with(
        &self,
        encoder: impl Encoder + 'static,
        change: impl FnOnce(&mut RawConfig),
    ) -> Server {
        Server::over(App::with_encoders(self.config(change), vec![Box::new(encoder)]).unwrap())
    }

    /// Writes a file beside the data.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.data.path().join(name)
    }
}

impl Server {
    pub(crate) fn over(app: Arc<App>) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let running = runtime.block_on(serve(app)).unwrap();
        let client = Client::new(&format!("http://{}", running.address));
        Self { runtime, running: Some(running), client }
    }

    pub(crate) fn stop(&mut self) -> Stopped {
        let running = self.running.take().unwrap();
        self.runtime.block_on(running.stop())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(running) = self.running.take()
            && !std::thread::panicking()
        {
            self.runtime.block_on(running.stop());
        }
    }
}

/// Waits for a condition, with a deadline.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < DEADLINE, "waited in vain until {what}");
        // A breath between two looks, so that looking does not starve what is looked at.
        std::thread::park_timeout(Duration::from_millis(2));
    }
}
