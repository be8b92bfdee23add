//! A classification's request and the embeddings it is about, whether it brought pictures or embeddings that are ready.

use std::sync::Arc;

use axum::extract::Request;
use simclr_eval::Probe;
use simclr_models::Embedding;

use super::classify::{ClassifyBody, ClassifyOptions, Prediction, most_probable};
use super::drafts::check_finite;
use super::error::ApiError;
use super::skipping::{Choice, Skipped};
use super::upload::{self, Content, Upload};
use crate::app::App;
use crate::models::Served;

/// Labels in an answer that does not ask for a number of them.
const TOP_K: usize = 5;

/// A request, understood and not yet embedded.
pub(super) struct Asked {
    subject: Subject,
    pub(super) classifiers: Option<Vec<String>>,
    pub(super) model: Option<String>,
    on_error: Choice,
    top_k: usize,
}

enum Subject {
    Pictures(Vec<Upload>),
    Embeddings(Vec<Embedding>),
}

/// Embeddings and what to say of them.
pub(super) struct Ready {
    embeddings: Vec<Embedding>,
    kept: Vec<usize>,
    skipped: Option<Skipped>,
    top_k: usize,
}

/// What classifiers said, and of which pictures they said nothing.
pub(super) struct Said {
    /// One list a classifier, in the order asked.
    pub(super) predictions: Vec<Vec<Prediction>>,
    pub(super) skipped: Option<Skipped>,
}

impl Asked {
    pub(super) async fn read(
        app: &App,
        options: ClassifyOptions,
        request: Request,
    ) -> Result<Self, ApiError> {
        let (mut classifiers, mut options) = (None, options);
        let subject = match upload::read(app, request).await? {
            Content::Pictures(uploads, fields) => {
                upload::check_count(app, uploads.len())?;
                options = fields.read()?;
                Subject::Pictures(uploads)
            }
            Content::Json(bytes) => {
                let body: ClassifyBody = upload::json(app, bytes).await?;
                classifiers = body.classifiers;
                options.top_k = body.top_k.or(options.top_k);
                options.model = body.model.or(options.model);
                options.on_error = body.on_error.or(options.on_error);
                match body.embeddings {
                    Some(rows) if body.image.is_none() && body.images.is_none() => ready_ones(rows)?,
                    _ => Subject::Pictures(upload::from_json(body.image, body.images)?),
                }
            }
        };
        let top_k = options.top_k.unwrap_or(TOP_K);
        if top_k == 0 {
            return Err(ApiError::bad("invalid_top_k", "top_k must be at least 1").at("top_k"));
        }
        let on_error = options.on_error.unwrap_or_default();
        Ok(Self { subject, classifiers, model: options.model, on_error, top_k })
    }

    pub(super) async fn embed(self, app: &App, model: &Served) -> Result<Ready, ApiError> {
        let top_k = self.top_k;
        let uploads = match self.subject {
            Subject::Pictures(uploads) => uploads,
            Subject::Embeddings(embeddings) => {
                check_lengths(model, &embeddings)?;
                let kept = (0..embeddings.len()).collect();
                return Ok(Ready { embeddings, kept, skipped: None, top_k });
            }
        };
        let embedded = upload::embed(app, model, uploads, self.on_error.into()).await?;
        let skipped = self.on_error.tell(&embedded);
        Ok(Ready { embeddings: embedded.embeddings, kept: embedded.kept, skipped, top_k })
    }
}

impl Ready {
    /// What each of the probes says of each embedding; thousands of products a label, so not on a request thread.
    pub(super) async fn judge(self, app: &App, probes: Vec<Arc<Probe>>) -> Result<Said, ApiError> {
        let Self { embeddings, kept, skipped, top_k } = self;
        let work = move || {
            let one = |probe: &Probe| -> Result<Vec<Prediction>, ApiError> {
                let row = |(&index, embedding): (&usize, &Embedding)| {
                    most_probable(probe, embedding, top_k).map(|top| Prediction { index, top })
                };
                kept.iter().zip(&embeddings).map(row).collect()
            };
            probes.iter().map(|probe| one(probe)).collect::<Result<Vec<_>, ApiError>>()
        };
        let predictions = app.aside(work).await.ok_or_else(|| ApiError::ours("a classifier died"))??;
        Ok(Said { predictions, skipped })
    }
}

fn ready_ones(rows: Vec<Vec<f32>>) -> Result<Subject, ApiError> {
    let mut embeddings = Vec::with_capacity(rows.len());
    for (index, row) in rows.into_iter().enumerate() {
        check_finite(&row, || format!("embeddings[{index}]"))?;
        embeddings.push(Embedding::new(row).map_err(|_| ApiError::ours("a finite number is not"))?);
    }
    Ok(Subject::Embeddings(embeddings))
}

fn check_lengths(model: &Served, embeddings: &[Embedding]) -> Result<(), ApiError> {
    let expected = model.embedding_len();
    if embeddings.is_empty() {
        return Err(ApiError::bad("no_picture", "the request brings no embedding").at("embeddings"));
    }
    match embeddings.iter().position(|embedding| embedding.as_slice().len() != expected) {
        Some(index) => {
            let message = format!("this model's embeddings have {expected} numbers");
            Err(ApiError::bad("wrong_dimension", message).at(format!("embeddings[{index}]")))
        }
        None => Ok(()),
    }
}
