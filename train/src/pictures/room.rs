//! Whether pictures are kept in memory.

/// Memory that the pictures may take before they are read from disk batch by batch, in bytes: on any device, however much the
/// machine has.
const BYTES_MAX: u64 = 16 << 30;

/// Whether pictures of so many bytes are to be kept in memory.
pub(super) fn is_there_for(bytes: usize) -> bool {
    let free = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| free(&text));
    u64::try_from(bytes).is_ok_and(|bytes| bytes <= most(free))
}

/// Half of what is free, if that is known: the steps need memory too.
fn most(free: Option<u64>) -> u64 {
    free.map_or(BYTES_MAX, |free| BYTES_MAX.min(free / 2))
}

/// What programs can have without swapping, in bytes.
fn free(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    #[test]
    fn pictures_take_half_of_what_is_free_and_16_gib_at_most() {
        for (free, expected) in [(Some(0), 0), (Some(22 * GIB), 11 * GIB), (Some(100 * GIB), 16 * GIB)] {
            assert_eq!(most(free), expected);
        }
        assert_eq!(most(None), 16 * GIB);
        assert!(is_there_for(0) && !is_there_for(17 << 30));
    }

    #[test]
    fn what_is_free_is_read_where_linux_says_it() {
        let text = "MemTotal:       24612524 kB\nMemFree:         1 kB\nMemAvailable:   23068672 kB\n";
        assert_eq!(free(text), Some(22 * GIB));
        for other in
            ["", "MemAvailable: many kB", "MemAvailable: 5 MB", "MemAvailable: 18446744073709551615 kB"]
        {
            assert_eq!(free(other), None, "{other}");
        }
        #[cfg(target_os = "linux")]
        assert!(free(&std::fs::read_to_string("/proc/meminfo").unwrap()).is_some());
    }
}
