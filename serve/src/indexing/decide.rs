//! What becomes of each file: stored, left alone, left out, or its record deleted. Decided in the order of the paths, so that of
//! equal files the first is stored.

use std::sync::Arc;

use simclr_search::{ContentHash, SearchError};

use super::Told;
use super::part::{self, Read};
use super::run::{Part, Run};
use super::walk::File;
use crate::embedder::{Embedded, Input, OnError};

impl Run<'_> {
    /// Deletes what an index stored whose file is gone; not below a folder that could not be read.
    pub(super) fn prune(&mut self) -> Result<(), SearchError> {
        let unseen = |id: &str| {
            let below =
                |path: &str| id.strip_prefix(path).map(|rest| rest.is_empty() || rest.starts_with('/'));
            self.found.unreadable.iter().any(|(path, _)| path.is_empty() || below(path) == Some(true))
        };
        let mut gone = self.known.indexed();
        gone.retain(|id| self.place(id).is_none() && !unseen(id));
        for ids in gone.chunks(self.records_max) {
            self.outcome.pruned += self.collection.delete(ids)?;
            ids.iter().for_each(|id| self.known.take(id));
        }
        Ok(())
    }

    fn place(&self, id: &str) -> Option<usize> {
        self.found.files.binary_search_by(|file| file.id.as_str().cmp(id)).ok()
    }

    /// Decides about a part's files and has those embedded that are to be stored.
    pub(super) fn begin(
        &mut self,
        read: Vec<Result<Read<'_>, (&File, String)>>,
        files: usize,
        told: &mut dyn FnMut(Told<'_>),
    ) {
        let (mut pictures, mut encoded, mut gone) = (Vec::new(), Vec::new(), Vec::new());
        for read in read {
            let Read { file, bytes, content } = match read {
                Ok(read) => read,
                Err((file, reason)) => {
                    self.broken(&file.id, reason, told);
                    continue;
                }
            };
            if self.known.holds(&file.id, &content) {
                self.outcome.unchanged += 1;
            } else if let Some(other) = self.twin(&file.id, &content) {
                if self.known.is_indexed(&file.id) {
                    self.known.take(&file.id);
                    gone.push(file.id.clone());
                }
                self.outcome.duplicates.push((file.id.clone(), other));
            } else {
                self.known.put(&file.id, content);
                pictures.push((file.id.clone(), content));
                encoded.push(bytes);
            }
        }
        let inputs: Vec<Input> = encoded.iter().cloned().map(Input::Encoded).collect();
        let contents = pictures.iter().map(|(_, content)| *content);
        let (keeper, keep) = (self.keeper.clone(), self.collection.config().keep);
        let encoded = contents.zip(encoded).collect();
        let kept = self.runtime.spawn(async move { keeper.pictured(encoded, keep).await });
        let served = Arc::clone(&self.served);
        let answer = self.runtime.spawn(async move {
            if inputs.is_empty() {
                Ok(Embedded::default())
            } else {
                served.embedder.embed(inputs, OnError::Skip).await
            }
        });
        self.embedding.push_back(Part { pictures, gone, files, kept, answer });
    }

    /// The record that has the same bytes, where such a file is not to be stored again.
    fn twin(&mut self, id: &str, content: &ContentHash) -> Option<String> {
        if self.indexing.keep_duplicates {
            return None;
        }
        let other = self.known.other_of(content, id)?.to_owned();
        // Those before are as they were found; one that comes later may have changed since it was stored.
        let later = self.place(&other).filter(|_| other.as_str() > id);
        let changed = later.is_some_and(|place| {
            let read = part::one(&self.found.files[place], self.picture_bytes_max);
            read.is_ok_and(|read| read.content != *content)
        });
        (!changed).then_some(other)
    }
}
