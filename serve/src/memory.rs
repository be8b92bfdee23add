//! How the allocator keeps memory: in few places, and given back to the system when nobody needs it soon.
//!
//! Only glibc is told anything; other allocators do as they like.

/// Has threads share as many arenas as there are cores, where there would be eight times as many: what one thread freed, another
/// can use. To be called before there are threads.
pub fn share_arenas() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        // SAFETY: it takes numbers alone.
        unsafe { libc::mallopt(libc::M_ARENA_MAX, i32::try_from(cores).unwrap_or(i32::MAX)) };
    }
}

/// Gives back what is free. It takes milliseconds, in which other threads may wait for the allocator.
pub(crate) fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: it takes no pointer and may be called at any time from any thread.
    unsafe {
        libc::malloc_trim(0);
    }
}
