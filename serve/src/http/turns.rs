//! Work that takes a processor for seconds: one at a time, and a few callers who wait for it.
//!
//! A turn belongs to the work and not to whoever asked, since work on a thread goes on when its caller has left.

use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

use super::error::ApiError;

/// Callers who have a turn or wait for one; the next is told to come back.
const CALLERS_MAX: usize = 4;

/// The turns of one kind of work.
pub(super) struct Turns {
    one: Semaphore,
    callers: Semaphore,
}

/// One of them; it ends when it is dropped.
pub(super) struct Turn {
    _one: SemaphorePermit<'static>,
    _caller: SemaphorePermit<'static>,
}

impl Turns {
    pub(super) const fn new() -> Self {
        Self { one: Semaphore::const_new(1), callers: Semaphore::const_new(CALLERS_MAX) }
    }

    /// Waits for a turn, or refuses where enough do; to be dropped by the work itself.
    pub(super) async fn next(&'static self) -> Result<Turn, ApiError> {
        let caller = self.callers.try_acquire().map_err(|_| {
            let message = format!("{CALLERS_MAX} requests of this kind are being worked on; ask again");
            ApiError::busy("busy", message, Duration::from_secs(2))
        })?;
        let one = self.one.acquire().await.map_err(ApiError::ours)?;
        Ok(Turn { _one: one, _caller: caller })
    }

    /// Does work in its turn, off the request threads.
    pub(super) async fn work<T: Send + 'static>(
        &'static self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let turn = self.next().await?;
        let task = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(turn);
            done
        });
        task.await.map_err(ApiError::ours)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn the_turn_of_a_caller_who_left_ends_with_the_work_and_few_wait() {
        static TURNS: Turns = Turns::new();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let (began_sender, began) = mpsc::channel();
        let (go, wait) = mpsc::channel::<()>();
        let first = runtime.spawn(TURNS.work(move || {
            began_sender.send(()).unwrap();
            wait.recv().unwrap();
        }));
        began.recv().unwrap();
        first.abort();
        assert!(runtime.block_on(first).unwrap_err().is_cancelled());
        assert_eq!(TURNS.one.available_permits(), 0, "the work goes on and its turn is over");
        let waiting: Vec<_> = (1..CALLERS_MAX).map(|n| runtime.spawn(TURNS.work(move || n))).collect();
        while TURNS.callers.available_permits() > 0 {
            std::thread::yield_now();
        }
        assert_eq!(runtime.block_on(TURNS.work(|| 0)).unwrap_err().code(), "busy");
        // Whoever leaves while waiting makes room.
        waiting[0].abort();
        while TURNS.callers.available_permits() == 0 {
            std::thread::yield_now();
        }
        go.send(()).unwrap();
        for (n, task) in waiting.into_iter().enumerate().skip(1) {
            assert_eq!(runtime.block_on(task).unwrap().unwrap(), n + 1);
        }
        assert_eq!(runtime.block_on(TURNS.work(|| 7)).unwrap(), 7);
    }
}
