//! A blocking client: what was answered, whatever the status, and the checks every answer must pass.

use std::io::{BufRead, BufReader, Cursor};

use serde_json::Value;

use crate::world::DEADLINE;

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
        assert!((200..300).contains(&self.status), "{} {}", self.status, String::from_utf8_lossy(&self.body));
        self.json()
    }

    pub(crate) fn json_or_null(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The refusal's code, after a look at its shape.
    pub(crate) fn refused(&self, status: u16) -> String {
        let text = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status, status, "{text}");
        let error = &self.json()["error"];
        assert!(error["message"].as_str().is_some_and(|message| message.len() > 10), "{text}");
        assert!(error["type"].is_string() && error.get("param").is_some(), "{text}");
        error["code"].as_str().unwrap().to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Client {
    pub(crate) fn new(base: &str) -> Self {
        let config = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(DEADLINE));
        Self { base: base.to_owned(), agent: config.build().into() }
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        answer(self.agent.get(format!("{}{path}", self.base)).call().unwrap())
    }

    pub(crate) fn delete(&self, path: &str) -> Answer {
        answer(self.agent.delete(format!("{}{path}", self.base)).call().unwrap())
    }

    pub(crate) fn put(&self, path: &str, body: &Value) -> Answer {
        let request =
            self.agent.put(format!("{}{path}", self.base)).header("content-type", "application/json");
        let body = if body.is_null() { String::new() } else { body.to_string() };
        answer(request.send(body).unwrap())
    }

    pub(crate) fn post(&self, path: &str, kind: &str, body: &[u8]) -> Answer {
        answer(
            self.agent.post(format!("{}{path}", self.base)).header("content-type", kind).send(body).unwrap(),
        )
    }

    pub(crate) fn try_post(&self, path: &str, kind: &str, body: &[u8]) -> Result<Answer, ureq::Error> {
        let request = self.agent.post(format!("{}{path}", self.base)).header("content-type", kind);
        request.send(body).map(answer)
    }

    pub(crate) fn post_for(&self, path: &str, accept: &str, body: &[u8]) -> Answer {
        answer(self.agent.post(format!("{}{path}", self.base)).header("accept", accept).send(body).unwrap())
    }

    pub(crate) fn post_with(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let request = self.agent.post(format!("{}{path}", self.base));
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        answer(request.send(body).unwrap())
    }

    pub(crate) fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.base));
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .allow_non_standard_methods(true)
            .timeout_global(Some(DEADLINE))
            .build();
        let agent = ureq::Agent::from(agent);
        if body.is_empty() && method != "POST" {
            return answer(agent.run(request.body(()).unwrap()).unwrap());
        }
        answer(agent.run(request.body(body.to_vec()).unwrap()).unwrap())
    }

    pub(crate) fn post_json(&self, path: &str, body: &Value) -> Answer {
        self.post(path, "application/json", body.to_string().as_bytes())
    }

    /// Without a content-length.
    pub(crate) fn post_chunked(&self, path: &str, body: &[u8]) -> Answer {
        let mut reader = Cursor::new(body);
        let body = ureq::SendBody::from_reader(&mut reader);
        answer(self.agent.post(format!("{}{path}", self.base)).send(body).unwrap())
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

    /// Server-sent events after one: id, kind and data of each, until the stream ends or `enough` says so.
    pub(crate) fn events(
        &self,
        path: &str,
        after: u64,
        mut enough: impl FnMut(&(u64, String, Value)) -> bool,
    ) -> Vec<(u64, String, Value)> {
        let request =
            self.agent.get(format!("{}{path}", self.base)).header("last-event-id", after.to_string());
        let response = request.call().unwrap();
        let mut found = Vec::new();
        let (mut id, mut kind) = (0, String::new());
        // A server that is killed breaks the stream.
        for line in BufReader::new(response.into_body().into_reader()).lines().map_while(Result::ok) {
            match line.split_once(": ") {
                Some(("id", text)) => id = text.parse().unwrap(),
                Some(("event", text)) => kind = text.to_owned(),
                Some(("data", text)) => {
                    found.push((id, kind.clone(), serde_json::from_str(text).unwrap()));
                    if found.last().is_some_and(&mut enough) {
                        return found;
                    }
                }
                _ => assert!(line.is_empty() || line.starts_with(':'), "{line}"),
            }
        }
        found
    }

    /// The value of one line of `/metrics`.
    pub(crate) fn metric(&self, name: &str) -> Option<f64> {
        let text = String::from_utf8(self.get("/metrics").body).unwrap();
        text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
    }
}

fn answer(response: ureq::http::Response<ureq::Body>) -> Answer {
    let (parts, mut body) = response.into_parts();
    Answer { status: parts.status.as_u16(), headers: parts.headers, body: body.read_to_vec().unwrap() }
}
