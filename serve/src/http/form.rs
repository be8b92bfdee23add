//! `multipart/form-data` → pictures and options: files are pictures, text fields say what the query may say too.

use std::collections::BTreeMap;

use axum::extract::multipart::{Multipart, MultipartError};
use axum::extract::{FromRequest, Request};
use serde::de::DeserializeOwned;

use super::bounded::{Bounds, Of};
use super::error::ApiError;
use super::source::Sent;
use super::upload::Upload;

/// Text fields in one form; no route has as many options.
const FIELDS_MAX: usize = 16;

/// A request's options by name, of its query and of its form.
#[derive(Debug, Default)]
pub(crate) struct Fields(BTreeMap<String, String>);

impl Fields {
    /// The query's.
    pub(super) fn of_query(query: Option<&str>) -> Result<Self, ApiError> {
        let pairs: Vec<(String, String)> = serde_urlencoded::from_str(query.unwrap_or_default())
            .map_err(|error| ApiError::bad("invalid_query", error.to_string()))?;
        Ok(Self(pairs.into_iter().collect()))
    }

    /// The options as a route knows them; a word that is none is refused as it is in the query.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        let read = serde_urlencoded::to_string(&self.0).map_err(|error| error.to_string());
        let read = read.and_then(|text| serde_urlencoded::from_str(&text).map_err(|error| error.to_string()));
        read.map_err(|error| invalid(format!("its text fields are options: {error}")))
    }

    /// Adds a form's field, which must not say otherwise than the query or another field.
    fn add(&mut self, name: String, text: String) -> Result<(), ApiError> {
        match self.0.get(&name) {
            Some(other) if *other != text => {
                let message = "it is given twice, and not the same: give each option once";
                Err(ApiError::bad("option_twice", message).at(name))
            }
            Some(_) => Ok(()),
            None if self.0.len() >= FIELDS_MAX => {
                Err(invalid(format!("it has more than {FIELDS_MAX} text fields")))
            }
            None => {
                self.0.insert(name, text);
                Ok(())
            }
        }
    }
}

/// Reads a form's pictures, and adds its text fields to what the query says.
pub(super) async fn read(
    request: Request,
    bounds: Bounds,
    mut fields: Fields,
) -> Result<(Vec<Upload>, Fields), ApiError> {
    let broken = |error: MultipartError| invalid(error.body_text());
    let form = Multipart::from_request(request, &()).await;
    let mut form = form.map_err(|error| invalid(error.body_text()))?;
    let mut pictures = Vec::new();
    while let Some(part) = form.next_field().await.map_err(broken)? {
        let file_name = part.file_name().map(str::to_owned);
        let is_picture = part.content_type().is_some_and(|kind| kind.starts_with("image/"));
        let name = part.name().unwrap_or_default().to_owned();
        let bytes = part.bytes().await.map_err(broken)?;
        if file_name.is_some() || is_picture {
            Of::Pictures.check(bounds, pictures.len() + 1)?;
            let label = file_name.as_deref().unwrap_or(&name);
            let place = format!("part {} ({label})", pictures.len());
            pictures.push(Upload { place, file_name, sent: Sent::Bytes(bytes) });
        } else {
            let text = String::from_utf8(bytes.to_vec())
                .map_err(|_| invalid(format!("field {name:?} is neither text nor has a file name")))?;
            fields.add(name, text)?;
        }
    }
    Ok((pictures, fields))
}

fn invalid(message: impl std::fmt::Display) -> ApiError {
    ApiError::bad("invalid_multipart", format!("the multipart body: {message}"))
}
