//! What evaluations left: reports of one, and the comparison of two encoders.

use std::path::Path;

use serde::Deserialize;
use simclr_eval::compare::{Compared, compare_places};
use simclr_eval::report::{Document, Pictures, gather, html, markdown};
use simclr_eval::{CLASSIFIERS, EvalError, Probe, Storage, folder_name};
use utoipa::ToSchema;

use super::pair::Pair;
use super::{EvaluationError, Evaluations};

/// How a report is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    /// As docs/report.schema.json says.
    #[default]
    Json,
    /// One page that fetches nothing.
    Html,
    /// Tables.
    Markdown,
}

impl Evaluations {
    /// The report of what an evaluation has finished so far; reads files and counts, so not for a request's thread.
    pub(crate) fn report(&self, id: &str, format: Format) -> Result<String, EvaluationError> {
        self.get(id)?;
        let results = gather(&[Storage::folder(&self.shared.out(id))])?;
        let document = Document::of(&results);
        match format {
            Format::Json => {
                let failed = |error| EvalError::io(Path::new("report"))(std::io::Error::other(error));
                Ok(document.json().map_err(failed)?)
            }
            Format::Html => Ok(html(&document, &results, &Pictures::of(&[]))),
            Format::Markdown => Ok(markdown(&document)),
        }
    }

    /// The probe that one of an evaluation's encoders got on a dataset.
    pub(crate) fn probe(&self, id: &str, encoder: &str, dataset: &str) -> Result<Probe, EvaluationError> {
        let record = self.get(id)?;
        let is_it = |pair: &&Pair| pair.encoder == encoder && pair.dataset == dataset;
        // A name leads to a file only where the evaluation says that it has one.
        record.pairs.iter().find(is_it).ok_or_else(|| EvaluationError::NoSuch {
            what: "encoder",
            name: format!("{encoder} on {dataset}"),
        })?;
        let folder = self.shared.out(id).join(folder_name(encoder)).join(CLASSIFIERS);
        let file = folder.join(format!("{dataset}.safetensors"));
        if !file.is_file() {
            let problem = "there is no probe yet, or none was asked for".to_owned();
            let name = format!("{dataset}.safetensors");
            return Err(EvalError::Result { place: encoder.to_owned(), name, problem }.into());
        }
        Ok(Probe::load(&file)?)
    }

    /// Whether the one encoder of an evaluation is better than the other of the same or another one; takes seconds.
    pub(crate) fn compare(&self, a: (&str, &str), b: (&str, &str)) -> Result<Compared, EvaluationError> {
        let place = |(id, encoder): (&str, &str)| {
            let record = self.get(id)?;
            // A name leads to a folder only where the evaluation says that it has one.
            match record.pairs.iter().any(|pair| pair.encoder == encoder) {
                true => Ok(self.shared.out(id).join(folder_name(encoder))),
                false => Err(EvaluationError::NoSuch { what: "encoder", name: encoder.to_owned() }),
            }
        };
        Ok(compare_places(&Storage::folder(&place(a)?), &Storage::folder(&place(b)?), 0)?)
    }
}
