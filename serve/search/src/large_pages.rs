//! Large pages for large tables that are read here and there, where most of the time would go into finding the page.
//!
//! Only Linux is told anything, and it may do as it likes.

/// Smaller tables are not worth it.
const LARGE: usize = 4 << 20;

/// An empty vector with room for so many, in large pages if they are many.
pub(crate) fn roomy<T>(capacity: usize) -> Vec<T> {
    let vec = Vec::<T>::with_capacity(capacity);
    // Before anything is written there, for then each page has its size.
    advise(vec.as_ptr().addr(), capacity * size_of::<T>());
    vec
}

#[cfg(target_os = "linux")]
fn advise(start: usize, bytes: usize) {
    const PAGE: usize = 4096;
    let (first, end) = (start.next_multiple_of(PAGE), (start + bytes) / PAGE * PAGE);
    if bytes >= LARGE && first < end {
        // SAFETY: whole pages of an allocation of ours; the advice changes neither what they hold nor who may read them.
        unsafe { libc::madvise(std::ptr::without_provenance_mut(first), end - first, libc::MADV_HUGEPAGE) };
    }
}

#[cfg(not(target_os = "linux"))]
fn advise(_: usize, _: usize) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_room_and_holds_what_is_written() {
        for capacity in [0, 1, 1000, (LARGE + 5) / 8] {
            let mut vec = roomy::<u64>(capacity);
            assert!(vec.capacity() >= capacity && vec.is_empty());
            vec.extend(0..capacity as u64);
            assert!((0..capacity as u64).eq(vec.iter().copied()));
        }
    }
}
