//! How the C allocator, which libtorch takes its memory from, should treat tensors.

#[cfg(all(target_os = "linux", target_env = "gnu"))]
const HUGE_PAGE: usize = 2 << 20;

/// Makes the C allocator keep what libtorch frees, in huge pages where the system has them: activations are tens of
/// megabytes, and fetching them from the system for every operation costs a fifth of a training step in page faults;
/// small pages cost another twentieth in address translation.
pub fn keep_freed_memory() {
    // SAFETY: sets limits of the allocator, and advises on memory that is ours between `malloc` and `free`.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    unsafe {
        libc::mallopt(libc::M_MMAP_MAX, 0);
        libc::mallopt(libc::M_TRIM_THRESHOLD, -1);
        libc::mallopt(libc::M_TOP_PAD, 64 << 20);
        // Addresses alone: the heap grows to this once, keeps the advice, and takes memory only where it is touched.
        let half = libc::sysconf(libc::_SC_PHYS_PAGES) / 2 * libc::sysconf(libc::_SC_PAGESIZE);
        let Ok(len) = usize::try_from(half) else { return };
        let start = libc::malloc(len);
        if !start.is_null() {
            let skipped = start.align_offset(HUGE_PAGE).min(len);
            libc::madvise(start.byte_add(skipped), len - skipped, libc::MADV_HUGEPAGE);
            libc::free(start);
        }
    }
}
