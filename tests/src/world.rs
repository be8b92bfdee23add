//! A product in a folder of its own: an encoder with random weights, and a server that can be stopped and started again.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use simclr_models::{Artefact, CardDraft, Filter, Recipe, ResNet, Stem, Training, Weights};
use simclr_serve::{Config, RawConfig, Running, Stopped, start};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::pictures::SIDE;

/// Everything that a test needs; gone when dropped.
pub struct World {
    folder: TempDir,
    runtime: Runtime,
    agent: ureq::Agent,
    server: Option<Running>,
}

/// What the server said.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The decoded JSON body; null where it was none.
    pub body: Value,
}

impl World {
    /// A world with an encoder and no server yet.
    pub fn new() -> Self {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(60)))
            .build()
            .new_agent();
        let runtime = Runtime::new().expect("a runtime");
        let world = Self { folder: tempfile::tempdir().expect("a folder"), runtime, agent, server: None };
        make_artefact(&world.artefact_folder());
        world
    }

    /// A world whose server answers.
    pub fn serving() -> Self {
        let mut world = Self::new();
        world.start();
        world
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The encoder's folder.
    pub fn artefact_folder(&self) -> PathBuf {
        self.folder().join("encoder")
    }

    /// The encoder.
    pub fn artefact(&self) -> Artefact {
        Artefact::open(&self.artefact_folder()).expect("the artefact that was made here")
    }

    /// Starts the server on a free port; it is ready when this returns.
    pub fn start(&mut self) {
        let raw = RawConfig {
            model: Some(self.artefact_folder()),
            data_dir: Some(self.folder().join("data")),
            listen: Some("127.0.0.1:0".to_owned()),
            sessions: Some(1),
            session_threads: Some(1),
            ..RawConfig::default()
        };
        let config = Config::check(raw).expect("a whole configuration");
        self.server = Some(self.runtime.block_on(start(config)).expect("the server starts"));
    }

    /// Stops it as Ctrl-C does; fails the test unless every request was answered.
    pub fn stop(&mut self) {
        let server = self.server.take().expect("a server that runs");
        assert_eq!(self.runtime.block_on(server.stop()), Stopped::Drained);
    }

    /// Asks for something.
    pub fn get(&self, path: &str) -> Answer {
        Answer::of(self.agent.get(self.url(path)).call())
    }

    /// Deletes something.
    pub fn delete(&self, path: &str) -> Answer {
        Answer::of(self.agent.delete(self.url(path)).call())
    }

    /// Makes something of which nothing more is said.
    pub fn put(&self, path: &str) -> Answer {
        Answer::of(self.agent.put(self.url(path)).send_empty())
    }

    /// Sends raw bytes, as `curl --data-binary` does.
    pub fn post_bytes(&self, path: &str, bytes: &[u8]) -> Answer {
        Answer::of(self.agent.post(self.url(path)).content_type("application/octet-stream").send(bytes))
    }

    /// Sends JSON.
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        let text = body.to_string();
        Answer::of(self.agent.post(self.url(path)).content_type("application/json").send(&text))
    }

    fn url(&self, path: &str) -> String {
        let server = self.server.as_ref().expect("a server that runs");
        format!("http://{}{path}", server.address)
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

impl Answer {
    fn of(result: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Self {
        let mut response = result.expect("an answer, whatever it says");
        let text = response.body_mut().read_to_string().expect("a whole answer");
        Self { status: response.status().as_u16(), body: serde_json::from_str(&text).unwrap_or(Value::Null) }
    }

    /// The body, if the server agreed; fails the test with its words if not.
    pub fn ok(self) -> Value {
        assert!((200..300).contains(&self.status), "{}: {}", self.status, self.body);
        self.body
    }
}

/// The smallest network there is, as its first weights fall.
fn make_artefact(folder: &Path) {
    let network = ResNet::plain(10, 0.25, Stem::SmallPicture);
    let description = network.describe().expect("a network that exists");
    let recipe =
        Recipe { side: SIDE, resize: SIDE, filter: Filter::Bilinear, mean: [0.5; 3], deviation: [0.25; 3] };
    let training = Training {
        method: "none: random weights".to_owned(),
        data: "none".to_owned(),
        epochs: 0,
        loss: None,
        recipe: String::new(),
        program: "end-to-end tests".to_owned(),
        earlier: vec![],
    };
    let draft = CardDraft { name: "random".to_owned(), recipe, licence: "MIT".to_owned(), training };
    Artefact::create(folder, &network, &Weights::initial(&description, 7), draft).expect("an artefact");
}
