//! A server over a tiny artefact of random weights, a client for it, and pictures to send.

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use image::{ImageFormat, Rgb, RgbImage};
use serde_json::{Value, json};
use simclr_models::{
    Artefact, CardDraft, Embedding, EncodeError, Encoder, Filter, ImageBatch, Limits, OnnxEncoder, Picture,
    Recipe, ResNet, Stem, Training, Weights,
};
use simclr_serve::{App, Config, RawConfig, Running, Stopped, serve};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// Pictures are made 16×16 for an encoder of 16×16: tests are about the server.
pub(crate) const SIDE: u32 = 16;
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// One artefact for all tests; nobody writes to it.
pub(crate) fn artefact() -> Artefact {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    let parent = FOLDER.get_or_init(|| {
        let parent = tempfile::tempdir().unwrap();
        make_artefact(&parent.path().join("tiny"), 7);
        parent
    });
    Artefact::open(&parent.path().join("tiny")).unwrap()
}

pub(crate) fn make_artefact(folder: &Path, seed: u64) -> Artefact {
    let network = ResNet {
        depth: 10,
        width: 0.25,
        stem: Stem::SmallPicture,
    };
    let weights = Weights::initial(&network.describe().unwrap(), seed);
    let recipe = Recipe {
        side: SIDE,
        resize: SIDE,
        filter: Filter::Bicubic,
        mean: [0.0; 3],
        deviation: [1.0; 3],
    };
    let training = Training {
        method: "random".to_owned(),
        data: "nothing".to_owned(),
        epochs: 0,
        loss: None,
        recipe: String::new(),
        program: "test".to_owned(),
    };
    let card = CardDraft {
        name: "tiny".to_owned(),
        recipe,
        licence: "CC0-1.0".to_owned(),
        training,
    };
    Artefact::create(folder, &network, &weights, card).unwrap()
}

/// What the server should say of a picture, by the same crate without a server.
pub(crate) fn embedding_of(file: &[u8]) -> Vec<f32> {
    let artefact = artefact();
    let picture = Picture::decode(file, &Limits::default()).unwrap();
    let batch = artefact.recipe().prepare_batch(&[picture]);
    static ENCODER: OnceLock<Mutex<OnnxEncoder>> = OnceLock::new();
    let encoder = ENCODER.get_or_init(|| Mutex::new(OnnxEncoder::open(&artefact, 1).unwrap()));
    encoder
        .lock()
        .unwrap()
        .embed(&batch)
        .unwrap()
        .remove(0)
        .into_vec()
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
        Self {
            data: tempfile::tempdir().unwrap(),
        }
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
    fn over(app: Arc<App>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let running = runtime.block_on(serve(app)).unwrap();
        let client = Client::new(&format!("http://{}", running.address));
        Self {
            runtime,
            running: Some(running),
            client,
        }
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

#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) base: String,
    agent: ureq::Agent,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: ureq::http::HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The JSON of an answer that must be a success.
    pub(crate) fn ok(&self) -> Value {
        assert!(
            (200..300).contains(&self.status),
            "{} {}",
            self.status,
            String::from_utf8_lossy(&self.body)
        );
        self.json()
    }

    /// The refusal's code, after a look at its shape.
    pub(crate) fn refused(&self, status: u16) -> String {
        let text = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status, status, "{text}");
        let error = &self.json()["error"];
        assert!(
            error["message"]
                .as_str()
                .is_some_and(|message| message.len() > 10),
            "{text}"
        );
        assert!(
            error["type"].is_string() && error.get("param").is_some(),
            "{text}"
        );
        error["code"].as_str().unwrap().to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Client {
    pub(crate) fn new(base: &str) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(DEADLINE));
        Self {
            base: base.to_owned(),
            agent: config.build().into(),
        }
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        answer(self.agent.get(format!("{}{path}", self.base)).call().unwrap())
    }

    pub(crate) fn delete(&self, path: &str) -> Answer {
        answer(self.agent.delete(format!("{}{path}", self.base)).call().unwrap())
    }

    pub(crate) fn put(&self, path: &str, body: &Value) -> Answer {
        let request = self
            .agent
            .put(format!("{}{path}", self.base))
            .header("content-type", "application/json");
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        answer(request.send(body).unwrap())
    }

    pub(crate) fn post(&self, path: &str, kind: &str, body: &[u8]) -> Answer {
        answer(
            self.agent
                .post(format!("{}{path}", self.base))
                .header("content-type", kind)
                .send(body)
                .unwrap(),
        )
    }

    pub(crate) fn try_post(&self, path: &str, kind: &str, body: &[u8]) -> Result<Answer, ureq::Error> {
        let request = self
            .agent
            .post(format!("{}{path}", self.base))
            .header("content-type", kind);
        request.send(body).map(answer)
    }

    pub(crate) fn post_for(&self, path: &str, accept: &str, body: &[u8]) -> Answer {
        answer(
            self.agent
                .post(format!("{}{path}", self.base))
                .header("accept", accept)
                .send(body)
                .unwrap(),
        )
    }

    pub(crate) fn post_json(&self, path: &str, body: &Value) -> Answer {
        self.post(path, "application/json", body.to_string().as_bytes())
    }

    /// Without a content-length.
    pub(crate) fn post_chunked(&self, path: &str, body: &[u8]) -> Answer {
        let mut reader = Cursor::new(body);
        let body = ureq::SendBody::from_reader(&mut reader);
        answer(
            self.agent
                .post(format!("{}{path}", self.base))
                .send(body)
                .unwrap(),
        )
    }

    pub(crate) fn post_form(&self, path: &str, parts: &[(&str, Option<&str>, &[u8])]) -> Answer {
        let mut body = Vec::new();
        for (name, file, bytes) in parts {
            let file = file.map_or(String::new(), |file| format!("; filename=\"{file}\""));
            let head = format!("--frontier\r\ncontent-disposition: form-data; name=\"{name}\"{file}\r\n\r\n");
            body.extend_from_slice(head.as_bytes());
            body.extend_from_slice(bytes);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"--frontier--\r\n");
        self.post(path, "multipart/form-data; boundary=frontier", &body)
    }

    /// The value of one line of `/metrics`.
    pub(crate) fn metric(&self, name: &str) -> Option<f64> {
        let text = String::from_utf8(self.get("/metrics").body).unwrap();
        text.lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
    }
}

fn answer(response: ureq::http::Response<ureq::Body>) -> Answer {
    let (parts, mut body) = response.into_parts();
    Answer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body: body.read_to_vec().unwrap(),
    }
}

/// A picture that no other number gives.
pub(crate) fn picture(number: u8) -> RgbImage {
    RgbImage::from_fn(SIDE, SIDE, |x, y| {
        Rgb([
            number.wrapping_mul(37).wrapping_add((x * 9) as u8),
            number.wrapping_add((y * 13) as u8),
            number,
        ])
    })
}

pub(crate) fn encoded(picture: &RgbImage, format: ImageFormat) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    picture.write_to(&mut file, format).unwrap();
    file.into_inner()
}

pub(crate) fn png(number: u8) -> Vec<u8> {
    encoded(&picture(number), ImageFormat::Png)
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

pub(crate) fn data_uri(bytes: &[u8]) -> Value {
    json!(format!("data:image/png;base64,{}", base64(bytes)))
}

pub(crate) fn floats(value: &Value) -> Vec<f32> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|number| number.as_f64().unwrap() as f32)
        .collect()
}

pub(crate) fn assert_near(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    let worst = found
        .iter()
        .zip(expected)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f32::max);
    assert!(worst < 1e-4, "they differ by {worst}");
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
