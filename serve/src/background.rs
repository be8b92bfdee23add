//! Work that must not be felt: on threads of its own, at a priority below every request's.

use std::panic::resume_unwind;

/// Does the work on `threads` threads of rayon at a niceness (0: one a core); blocks until it is done.
///
/// # Errors
/// When the system gives no thread.
pub(crate) fn quietly<T: Send>(
    nice: u8,
    threads: usize,
    work: impl FnOnce() -> T + Send,
) -> std::io::Result<T> {
    // A thread of its own, since a priority once lowered cannot be raised again.
    let lowered = || {
        yield_to_others(nice);
        // Its threads inherit the priority of the one that makes them.
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.map_err(std::io::Error::other).map(|pool| pool.install(work))
    };
    std::thread::scope(|scope| {
        let thread =
            std::thread::Builder::new().name("background".to_owned()).spawn_scoped(scope, lowered)?;
        thread.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}

/// Lowers the priority of the calling thread and of those it makes; at the highest niceness, 19, they ask for the processor
/// only when nobody else does.
pub fn yield_to_others(nice: u8) {
    #[cfg(unix)]
    // SAFETY: both calls change the calling thread alone and take no pointer that outlives them.
    unsafe {
        libc::setpriority(libc::PRIO_PROCESS, 0, nice.into());
        #[cfg(target_os = "linux")]
        if nice == 19 {
            libc::sched_setscheduler(0, libc::SCHED_IDLE, &libc::sched_param { sched_priority: 0 });
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    /// The niceness of a thread and whether it is idle's.
    fn priority() -> (i32, bool) {
        // SAFETY: both calls only ask about the calling thread.
        unsafe { (libc::getpriority(libc::PRIO_PROCESS, 0), libc::sched_getscheduler(0) == libc::SCHED_IDLE) }
    }

    #[test]
    fn the_work_is_low_and_the_caller_stays_as_it_was() {
        let before = priority();
        let inside = |nice, threads| quietly(nice, threads, || (priority(), rayon::current_num_threads()));
        assert_eq!(inside(19, 1).unwrap(), ((19, true), 1));
        assert_eq!(inside(12, 3).unwrap(), ((12.max(before.0), before.1), 3));
        assert_eq!(priority(), before);
        assert!(std::panic::catch_unwind(|| quietly(19, 1, || panic!("as meant"))).is_err());
    }
}
