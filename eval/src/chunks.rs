//! Features of many samples, kept chunk by chunk, so that a run that is stopped in the middle of a split goes on there.
//!
//! A chunk is one safetensors file: `embeddings` f32 [sound pictures, embedding length] and, in its header, the broken ones
//! by their place in the chunk. Chunks hold whole batches: what is computed does not depend on where a run was stopped.

use std::collections::HashMap;
use std::ops::Range;

use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};
use simclr_datasets::{DatasetError, Sample};

use crate::pipeline::{Embedded, Pictures, batch_len, embed_ranges, ranges};
use crate::{Broken, Cache, EvalError, Features, Labels, Options, Source, Storage, Watch, fingerprint};

/// Broken pictures that an error names.
const NAMED: usize = 5;

/// The features of those samples that could be read.
pub(crate) struct Extracted {
    /// Of the sound samples, in order.
    pub(crate) features: Features,
    /// Places of the sound samples among all.
    pub(crate) sound: Vec<usize>,
    /// The others, by place.
    pub(crate) broken: Vec<(usize, Broken)>,
}

/// Embeds the samples that are not in the cache, and leaves them there.
///
/// # Errors
/// When more pictures are broken than `options.broken_max` allows, the encoder fails, or a chunk cannot be kept.
pub(crate) fn extract_kept(
    source: &mut Source,
    samples: &[Sample],
    options: &Options,
    cache: &Cache,
    watch: &mut dyn Watch,
) -> Result<Extracted, EvalError> {
    let place = place(source, samples, cache);
    let batch = batch_len(&source.recipe).min(options.chunk.max(1));
    let len = source.encoders.embedding_len();
    let mut split = Split::open(samples, batch * options.chunk.div_ceil(batch), len, place.as_ref())?;
    let batches: Vec<_> = split.lacking().into_iter().flat_map(|range| ranges(range, batch)).collect();
    watch.done(split.done);
    split.tolerate(options.broken_max)?;
    let pictures = Pictures { samples, recipe: &source.recipe, limits: &options.limits };
    embed_ranges(&mut source.encoders, &pictures, &batches, &|_| (), &mut |embedded| {
        split.take(embedded)?;
        watch.done(split.done);
        split.tolerate(options.broken_max)
    })?;
    split.join()
}

/// How many of the samples have features in the cache.
///
/// # Errors
/// When the cache cannot be listed.
pub(crate) fn kept(source: &Source, samples: &[Sample], cache: &Cache) -> Result<usize, EvalError> {
    let Some(place) = place(source, samples, cache) else {
        return Ok(0);
    };
    let length = |name: &String| {
        let (start, end) = name.strip_suffix(".safetensors")?.split_once('-')?;
        end.parse::<usize>().ok()?.checked_sub(start.parse().ok()?)
    };
    Ok(place.list()?.iter().filter_map(length).sum())
}

fn place(source: &Source, samples: &[Sample], cache: &Cache) -> Option<Storage> {
    cache.place(&format!("features/{}", fingerprint::of_features(source, samples)))
}

/// Some samples on their way to features.
struct Split<'a> {
    samples: &'a [Sample],
    embedding_len: usize,
    place: Option<&'a Storage>,
    pieces: Vec<Range<usize>>,
    /// Of each piece, in order; none where it is still to be made.
    chunks: Vec<Option<Chunk>>,
    growing: Chunk,
    done: usize,
    broken: Vec<(usize, Broken)>,
}

impl<'a> Split<'a> {
    fn open(
        samples: &'a [Sample],
        piece: usize,
        embedding_len: usize,
        place: Option<&'a Storage>,
    ) -> Result<Self, EvalError> {
        let pieces = ranges(0..samples.len(), piece);
        let mut split = Self {
            samples,
            embedding_len,
            place,
            pieces: pieces.clone(),
            chunks: Vec::new(),
            growing: Chunk::default(),
            done: 0,
            broken: Vec::new(),
        };
        for range in pieces {
            let bytes = place.map_or(Ok(None), |place| place.read(&file(&range)))?;
            let chunk = bytes.and_then(|bytes| Chunk::from_bytes(&bytes, range.len(), embedding_len));
            for (at, reason) in chunk.iter().flat_map(|chunk| &chunk.broken) {
                split.name(range.start + at, reason.clone());
            }
            split.done += chunk.as_ref().map_or(0, |_| range.len());
            split.chunks.push(chunk);
        }
        Ok(split)
    }

    fn lacking(&self) -> Vec<Range<usize>> {
        let all = self.pieces.iter().zip(&self.chunks);
        all.filter(|(_, chunk)| chunk.is_none()).map(|(range, _)| range.clone()).collect()
    }

    fn name(&mut self, place: usize, reason: String) {
        self.broken.push((place, Broken { name: self.samples[place].name(), reason }));
    }

    fn take(&mut self, embedded: Embedded<()>) -> Result<(), EvalError> {
        let Embedded { range, embeddings, broken, .. } = embedded;
        let index = self.pieces.partition_point(|piece| piece.end < range.end);
        let piece = self.pieces[index].clone();
        self.growing.embeddings.extend(embeddings);
        for (place, error) in broken {
            self.growing.broken.push((place - piece.start, reason(&error)));
            self.name(place, reason(&error));
        }
        self.done += range.len();
        if range.end == piece.end {
            let chunk = std::mem::take(&mut self.growing);
            if let Some(place) = self.place {
                place.write(&file(&piece), &chunk.to_bytes(self.embedding_len)?)?;
            }
            self.chunks[index] = Some(chunk);
        }
        Ok(())
    }

    fn tolerate(&self, most: f64) -> Result<(), EvalError> {
        let (count, of) = (self.broken.len(), self.samples.len());
        #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
        if count as f64 <= of as f64 * most {
            return Ok(());
        }
        let named = self.broken.iter().take(NAMED);
        let named = named.map(|(_, b)| format!("\n  {}: {}", b.name, b.reason)).collect();
        Err(EvalError::Broken { count, of, most, named })
    }

    fn join(mut self) -> Result<Extracted, EvalError> {
        self.broken.sort_by_key(|(place, _)| *place);
        let is_sound = |at: &usize| self.broken.binary_search_by_key(at, |(place, _)| *place).is_err();
        let sound: Vec<usize> = (0..self.samples.len()).filter(is_sound).collect();
        let embedding_len = self.embedding_len;
        let mut embeddings = Vec::with_capacity(sound.len() * embedding_len);
        self.chunks.into_iter().flatten().for_each(|chunk| embeddings.extend(chunk.embeddings));
        let labels = Labels::of(self.samples)?.select(&sound);
        Ok(Extracted { features: Features { embedding_len, embeddings, labels }, sound, broken: self.broken })
    }
}

/// What is wrong with a picture, in words that are the same on every machine.
fn reason(error: &DatasetError) -> String {
    match error {
        DatasetError::Picture { source, .. } => source.to_string(),
        DatasetError::Io { source, .. } => source.kind().to_string(),
        other => other.to_string(),
    }
}

fn file(range: &Range<usize>) -> String {
    format!("{:09}-{:09}.safetensors", range.start, range.end)
}

/// What is kept of some samples in a row.
#[derive(Debug, Clone, PartialEq, Default)]
struct Chunk {
    embeddings: Vec<f32>,
    /// Place in the chunk and what is wrong.
    broken: Vec<(usize, String)>,
}

impl Chunk {
    fn to_bytes(&self, len: usize) -> Result<Vec<u8>, EvalError> {
        let numbers: Vec<u8> = self.embeddings.iter().flat_map(|x| x.to_le_bytes()).collect();
        let shape = vec![self.embeddings.len() / len.max(1), len];
        let broken = serde_json::json!(self.broken).to_string();
        let tensors = [("embeddings", TensorView::new(Dtype::F32, shape, &numbers)?)];
        Ok(serialize(tensors, Some(HashMap::from([("broken".to_owned(), broken)])))?)
    }

    /// A chunk of so many samples; none where the bytes are not those of one, and it is to be made again.
    fn from_bytes(bytes: &[u8], samples: usize, len: usize) -> Option<Self> {
        let (_, header) = SafeTensors::read_metadata(bytes).ok()?;
        let broken: Vec<_> = serde_json::from_str(header.metadata().as_ref()?.get("broken")?).ok()?;
        let file = SafeTensors::deserialize(bytes).ok()?;
        let tensor = file.tensor("embeddings").ok().filter(|t| t.dtype() == Dtype::F32)?;
        let is_whole = tensor.shape() == [samples.checked_sub(broken.len())?, len]
            && broken.iter().all(|(at, _): &(usize, String)| *at < samples);
        let numbers = tensor.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        is_whole.then(|| Self { embeddings: numbers.collect(), broken })
    }
}
