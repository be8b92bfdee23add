//! What a collection keeps of pictures, made of their bytes: what they hash to, themselves, and a small one to show.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::try_join_all;
use simclr_models::{Limits, Picture, PictureError};
use simclr_search::{ContentHash, Keep, Pictured};
use tokio::sync::Semaphore;
use tokio::task::JoinError;

/// A thumbnail; nothing where none can be written.
type Decoded = Result<Option<Vec<u8>>, PictureError>;

/// Makes thumbnails on the threads that decode, no more of them at once than there is room for.
#[derive(Clone)]
pub(crate) struct Keeper {
    room: Arc<Semaphore>,
    limits: Limits,
}

impl Keeper {
    /// `room` is for as many pictures as are decoded at once.
    pub(crate) fn new(room: Arc<Semaphore>, limits: &crate::config::Limits) -> Self {
        let limits = Limits { bytes_max: limits.picture_bytes_max, pixels_max: limits.picture_pixels_max };
        Self { room, limits }
    }

    /// What is to be kept of pictures, in their order.
    ///
    /// One that cannot be decoded has no thumbnail: whoever embeds it says why.
    pub(crate) async fn pictured(
        &self,
        pictures: Vec<(ContentHash, Bytes)>,
        keep: Keep,
    ) -> Result<Vec<Pictured>, JoinError> {
        let one = async |(content, bytes): (ContentHash, Bytes)| {
            let thumbnail =
                if keep.thumbnails { self.thumbnail(bytes.clone()).await?.ok().flatten() } else { None };
            Ok(Pictured { content, thumbnail, original: keep.originals.then(|| bytes.into()) })
        };
        if keep == Keep::default() {
            return Ok(Vec::new());
        }
        try_join_all(pictures.into_iter().map(one)).await
    }

    /// A small picture of a picture, or why it cannot be decoded.
    pub(crate) async fn thumbnail(&self, bytes: Bytes) -> Result<Decoded, JoinError> {
        let (room, limits) = (Arc::clone(&self.room).acquire_owned().await, self.limits);
        // The place travels with the work: what goes on for a caller who left counts.
        let work = tokio::task::spawn_blocking(move || {
            let _room = room;
            Picture::decode(&bytes, &limits).map(|picture| picture.thumbnail())
        });
        work.await
    }
}
