//! A typed client of `simclr-serve`: pictures' bytes in; embeddings, labels and neighbours out.
//!
//! Blocking, over plain HTTP; where TLS is wanted, put a proxy of the machine's own between. Knows the routes that programs use
//! most; the rest is in `docs/openapi.json`, and [`Client::get`] and [`Client::post`] reach it.

mod answers;

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use ureq::Body;
use ureq::http::Response;

pub use answers::{Describe, Embeddings, Label, Neighbour, Prediction, Refusal};

/// How long a request may take, unless the client is told otherwise.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The server said no; `retry_after` says when to come back, where that helps.
    #[error("{status} {}: {}", .refusal.code, .refusal.message)]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Why.
        refusal: Refusal,
        /// When to come back.
        retry_after: Option<Duration>,
    },
    /// The server was not reached, or left; ask again.
    #[error("the server was not reached: {0}")]
    Unreached(#[from] ureq::Error),
    /// Whatever answered is no simclr-serve, or one of another version.
    #[error("the answer of {path} was not understood: {reason}")]
    Answer {
        /// What was asked.
        path: String,
        /// What is wrong with it.
        reason: serde_json::Error,
    },
}

/// One server.
#[derive(Debug, Clone)]
pub struct Client {
    base: String,
    key: Option<String>,
    agent: ureq::Agent,
}

impl Client {
    /// A client of the server at an address such as `http://localhost:8080`.
    pub fn new(address: &str) -> Self {
        let agent = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE));
        Self { base: address.trim_end_matches('/').to_owned(), key: None, agent: agent.build().into() }
    }

    /// Sends this API key with every request.
    #[must_use]
    pub fn with_key(self, key: &str) -> Self {
        Self { key: Some(key.to_owned()), ..self }
    }

    /// What is served.
    ///
    /// # Errors
    /// When the server is not reached or refuses.
    pub fn describe(&self) -> Result<Describe, ClientError> {
        self.get("/v1/describe")
    }

    /// One embedding a picture, in order; a picture is the bytes of its file.
    ///
    /// # Errors
    /// When the server is not reached or refuses; `refusal.param` names the picture.
    pub fn embed(&self, pictures: &[impl AsRef<[u8]>]) -> Result<Embeddings, ClientError> {
        self.post("/v1/embed", &json!({ "images": encoded(pictures) }))
    }

    /// The `top_k` most probable labels of each picture, by one classifier.
    ///
    /// # Errors
    /// When the server is not reached or refuses.
    pub fn classify(
        &self,
        classifier: &str,
        pictures: &[impl AsRef<[u8]>],
        top_k: usize,
    ) -> Result<Vec<Prediction>, ClientError> {
        let body = json!({ "images": encoded(pictures), "top_k": top_k });
        let answer: answers::Classified =
            self.post(&format!("/v1/classify/{}", escaped(classifier)), &body)?;
        Ok(answer.predictions)
    }

    /// Makes a collection for the default model's embeddings; one that is there already is left as it is.
    ///
    /// # Errors
    /// When the server is not reached or refuses otherwise.
    pub fn make_collection(&self, name: &str) -> Result<(), ClientError> {
        let request = self.agent.put(format!("{}/v1/collections/{}", self.base, escaped(name)));
        match self.read::<Value>("/v1/collections", self.signed(request).send_empty()?) {
            Err(ClientError::Refused { refusal, .. }) if refusal.code == "collection_exists" => Ok(()),
            answer => answer.map(|_| ()),
        }
    }

    /// Stores a picture's embedding under an id, with anything to get back with it.
    ///
    /// # Errors
    /// When the server is not reached or refuses.
    pub fn store(
        &self,
        collection: &str,
        id: &str,
        picture: &[u8],
        payload: &impl Serialize,
    ) -> Result<(), ClientError> {
        let record = json!({ "id": id, "image": STANDARD.encode(picture), "payload": payload });
        let path = format!("/v1/collections/{}/records", escaped(collection));
        self.post::<Value>(&path, &json!({ "records": [record] })).map(|_| ())
    }

    /// The records most like a picture, best first.
    ///
    /// # Errors
    /// When the server is not reached or refuses.
    pub fn search(
        &self,
        collection: &str,
        picture: &[u8],
        limit: usize,
    ) -> Result<Vec<Neighbour>, ClientError> {
        let path = format!("/v1/collections/{}/search", escaped(collection));
        let body = json!({ "image": STANDARD.encode(picture), "limit": limit });
        self.post(&path, &body).map(|answer: answers::Found| answer.neighbours)
    }

    /// Any other route that is asked with GET.
    ///
    /// # Errors
    /// When the server is not reached or refuses.
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        let request = self.agent.get(format!("{}{path}", self.base));
        self.read(path, self.signed(request).call()?)
    }

    /// Any other route that takes JSON with POST.
    ///
    /// # Errors
    /// When the server is not reached or refuses.
    pub fn post<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T, ClientError> {
        let request =
            self.agent.post(format!("{}{path}", self.base)).header("content-type", "application/json");
        self.read(path, self.signed(request).send(body.to_string())?)
    }

    fn signed<B>(&self, request: ureq::RequestBuilder<B>) -> ureq::RequestBuilder<B> {
        match &self.key {
            Some(key) => request.header("authorization", format!("Bearer {key}")),
            None => request,
        }
    }

    fn read<T: DeserializeOwned>(&self, path: &str, mut answer: Response<Body>) -> Result<T, ClientError> {
        let status = answer.status().as_u16();
        let seconds = answer.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
        let body = answer.body_mut().with_config().limit(u64::MAX).read_to_vec()?;
        let failed = |reason| ClientError::Answer { path: path.to_owned(), reason };
        if !(200..300).contains(&status) {
            let answers::Refused { error: refusal } = serde_json::from_slice(&body).map_err(failed)?;
            return Err(ClientError::Refused {
                status,
                refusal,
                retry_after: seconds.map(Duration::from_secs),
            });
        }
        serde_json::from_slice(if body.is_empty() { b"null" } else { &body }).map_err(failed)
    }
}

fn encoded(pictures: &[impl AsRef<[u8]>]) -> Vec<String> {
    pictures.iter().map(|picture| STANDARD.encode(picture)).collect()
}

/// A name as part of a path.
fn escaped(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let letter = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    name.bytes().map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_to_their_part_of_the_path() {
        assert_eq!(escaped("cats-1.x"), "cats-1.x");
        assert_eq!(escaped("a/../b?c é"), "a%2F..%2Fb%3Fc%20%C3%A9");
    }
}
