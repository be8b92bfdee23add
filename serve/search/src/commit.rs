//! Many waiting writers, one sync: whoever gets to write takes everybody's changes along.
//!
//! It knows nothing about files: it hands a group of changes to the function it is given and hands the answers back.

use std::sync::{Arc, Mutex, PoisonError};

use crate::SearchError;
use crate::store::{Applied, Change};

/// Changes in one commit; more would make the first one wait too long.
const GROUP_MAX: usize = 64;

type Answer = Arc<Mutex<Option<Result<Applied, SearchError>>>>;

/// The changes waiting for a collection's next commit.
#[derive(Debug, Default)]
pub(crate) struct CommitQueue {
    waiting: Mutex<Vec<(Change, Answer)>>,
    writing: Mutex<()>,
}

impl CommitQueue {
    /// Adds a change, waits until somebody has written it, and returns what came of it.
    pub(crate) fn submit(
        &self,
        change: Change,
        write: impl Fn(Vec<Change>) -> Vec<Result<Applied, SearchError>>,
    ) -> Result<Applied, SearchError> {
        let answer = Answer::default();
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push((change, Arc::clone(&answer)));
        loop {
            let writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(result) = answer.lock().unwrap_or_else(PoisonError::into_inner).take() {
                return result;
            }
            let (changes, answers) = self.next_group();
            if changes.is_empty() {
                // Only if the writer that took our change along has panicked.
                return Err(SearchError::storage("a commit", "it was interrupted; try again"));
            }
            for (answer, result) in answers.iter().zip(write(changes)) {
                *answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
            }
            drop(writing);
        }
    }

    /// Runs `work` while no commit is under way.
    pub(crate) fn pause<T>(&self, work: impl FnOnce() -> T) -> T {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        work()
    }

    fn next_group(&self) -> (Vec<Change>, Vec<Answer>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let group = waiting.len().min(GROUP_MAX);
        waiting.drain(..group).unzip()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn everyone_gets_their_own_answer_and_groups_form() {
        let (queue, groups, written) = (CommitQueue::default(), AtomicUsize::new(0), AtomicUsize::new(0));
        let write = |changes: Vec<Change>| {
            // The first group waits until everybody else stands in line, so that all of them share the second.
            if groups.fetch_add(1, Ordering::SeqCst) == 0 {
                while queue.waiting.lock().expect("not poisoned").len() + changes.len() < 8 {
                    std::thread::yield_now();
                }
            }
            written.fetch_add(changes.len(), Ordering::SeqCst);
            let length = |c: &Change| if let Change::Delete(ids) = c { ids.len() } else { 0 };
            changes.iter().map(|c| Ok(Applied { deleted: length(c), ..Applied::default() })).collect()
        };
        std::thread::scope(|scope| {
            for i in 0..8 {
                let (queue, write) = (&queue, &write);
                scope.spawn(move || {
                    let applied =
                        queue.submit(Change::Delete(vec![String::new(); i]), write).expect("written");
                    assert_eq!(applied.deleted, i);
                });
            }
        });
        assert_eq!(written.load(Ordering::SeqCst), 8);
        assert!(groups.load(Ordering::SeqCst) <= 2, "{groups:?} groups for eight writers");
    }
}
