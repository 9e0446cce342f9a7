//! What a process uses of the machine's memory.

use std::fs;

/// The memory of this process, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// In use now, without what is swapped out.
    pub resident: u64,
    /// The most that ever was in use.
    pub peak: u64,
}

impl Memory {
    /// Now; none where the system does not tell, which only Linux does.
    pub fn now() -> Option<Self> {
        parse(&fs::read_to_string("/proc/self/status").ok()?)
    }
}

fn parse(status: &str) -> Option<Memory> {
    let bytes = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        Some(1024 * line.trim().strip_suffix(" kB")?.parse::<u64>().ok()?)
    };
    Some(Memory { resident: bytes("VmRSS:")?, peak: bytes("VmHWM:")? })
}

/// Bytes in megabytes, to a tenth.
pub fn megabytes(bytes: u64) -> f64 {
    (bytes as f64 / 1e5).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_the_system_are_understood() {
        let status = "Name:\tselfsame\nVmHWM:\t   12345 kB\nVmRSS:\t   10000 kB\nThreads:\t3\n";
        assert_eq!(parse(status), Some(Memory { resident: 10_240_000, peak: 12_641_280 }));
        assert_eq!(parse("Name:\tselfsame\n"), None);
        assert_eq!(parse("VmRSS:\tsome kB\nVmHWM:\t1 kB\n"), None);
        assert_eq!(megabytes(12_641_280), 12.6);
    }

    #[test]
    fn memory_that_is_taken_is_seen() {
        let taken = std::hint::black_box(vec![1u8; 64 << 20]);
        if let Some(memory) = Memory::now() {
            assert!(memory.peak >= memory.resident && memory.resident >= taken.len() as u64, "{memory:?}");
        }
        assert!(taken.iter().all(|byte| *byte == 1));
    }
}
