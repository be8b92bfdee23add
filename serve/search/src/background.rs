//! Work in a thread that lets others go first.
//!
//! A thread may give up its priority but, without privileges, never take it back, so each piece of work gets a thread of
//! its own, and locks that searches wait for are taken outside of it.

use std::panic::resume_unwind;

/// Does `work` in a thread of low priority, and waits for it.
///
/// # Errors
/// When the system gives no thread.
pub(crate) fn behind_others<T: Send>(work: impl FnOnce() -> T + Send) -> std::io::Result<T> {
    std::thread::scope(|scope| {
        let quiet = || {
            give_way();
            work()
        };
        let thread =
            std::thread::Builder::new().name("graph-background".into()).spawn_scoped(scope, quiet)?;
        Ok(thread.join().unwrap_or_else(|panic| resume_unwind(panic)))
    })
}

/// How far this gives way: where every core is busy such a thread gets a tenth of what another one gets, and not less, for
/// what it does must be done some time on a busy machine, too.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// Lets other threads go before this one; where that is refused, nothing changes but latencies.
#[cfg(target_os = "linux")]
fn give_way() {
    // SAFETY: takes and returns numbers only. On Linux it is this thread's priority that changes, nobody else's.
    unsafe { libc::nice(NICE) };
}

#[cfg(not(target_os = "linux"))]
fn give_way() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn only_the_background_gives_way() {
        // SAFETY: 0 is this thread.
        let nice = || unsafe { libc::getpriority(libc::PRIO_PROCESS as _, 0) };
        let before = nice();
        assert_eq!(behind_others(nice).expect("a thread"), (before + NICE).min(19));
        assert_eq!(nice(), before);
    }

    #[test]
    fn a_panic_comes_through() {
        let told = std::panic::catch_unwind(|| behind_others(|| panic!("told")));
        assert_eq!(told.expect_err("panicked").downcast_ref::<&str>(), Some(&"told"));
    }
}
