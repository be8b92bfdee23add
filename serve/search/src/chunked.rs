//! A list that is cheap to keep as it is now: who does so shares it, and what is changed afterwards is copied a chunk at a time.

use std::ops::Index;
use std::sync::Arc;

/// Entries in one chunk.
const CHUNK: usize = 256;

/// A list; its clones are the list as it was.
#[derive(Debug)]
pub(crate) struct Chunked<T> {
    chunks: Arc<Vec<Arc<Vec<T>>>>,
    len: usize,
}

impl<T> Chunked<T> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flat_map(|chunk| chunk.iter())
    }

    /// The place of the first entry that `before` does not hold for; those that it holds for come first.
    pub(crate) fn partition_point(&self, before: impl Fn(&T) -> bool) -> usize {
        let chunk = self.chunks.partition_point(|chunk| chunk.last().is_some_and(&before));
        match self.chunks.get(chunk) {
            Some(entries) => chunk * CHUNK + entries.partition_point(&before),
            None => self.len,
        }
    }
}

impl<T: Clone> Chunked<T> {
    pub(crate) fn push(&mut self, entry: T) {
        let chunks = Arc::make_mut(&mut self.chunks);
        match chunks.last_mut() {
            Some(last) if last.len() < CHUNK => Arc::make_mut(last).push(entry),
            _ => chunks.push(Arc::new(vec![entry])),
        }
        self.len += 1;
    }

    /// An entry, to be changed.
    pub(crate) fn at(&mut self, place: usize) -> &mut T {
        &mut Arc::make_mut(&mut Arc::make_mut(&mut self.chunks)[place / CHUNK])[place % CHUNK]
    }
}

impl<T> Index<usize> for Chunked<T> {
    type Output = T;

    #[inline]
    fn index(&self, place: usize) -> &T {
        &self.chunks[place / CHUNK][place % CHUNK]
    }
}

impl<T> Default for Chunked<T> {
    fn default() -> Self {
        Self { chunks: Arc::default(), len: 0 }
    }
}

impl<T> Clone for Chunked<T> {
    fn clone(&self) -> Self {
        Self { chunks: Arc::clone(&self.chunks), len: self.len }
    }
}

impl<T> FromIterator<T> for Chunked<T> {
    fn from_iter<I: IntoIterator<Item = T>>(entries: I) -> Self {
        let (mut entries, mut chunks, mut len) = (entries.into_iter(), Vec::new(), 0);
        loop {
            let chunk: Vec<T> = entries.by_ref().take(CHUNK).collect();
            if chunk.is_empty() {
                return Self { chunks: Arc::new(chunks), len };
            }
            len += chunk.len();
            chunks.push(Arc::new(chunk));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn behaves_like_a_list_and_clones_stay_as_they_were() {
        for count in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK] {
            let (mut list, mut plain) = ((0..count).collect::<Chunked<_>>(), (0..count).collect::<Vec<_>>());
            let (before, was) = (list.clone(), plain.clone());
            for entry in count..2 * count + 5 {
                list.push(entry);
                plain.push(entry);
                *list.at(entry / 2) = entry / 2;
            }
            assert!(list.iter().eq(&plain) && list.len() == plain.len() && !list.is_empty());
            for wanted in 0..plain.len() + 2 {
                assert_eq!(
                    list.partition_point(|&x| x < wanted),
                    plain.partition_point(|&x| x < wanted),
                    "{wanted} of {count}"
                );
            }
            *list.at(count) = 7_000_000;
            assert_eq!(list[count], 7_000_000);
            assert!(before.iter().eq(&was) && before.len() == count, "a clone changed");
        }
    }
}
