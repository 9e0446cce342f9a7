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

/// Bytes that the machine can still give without swapping, or fewer where the process's group may not have so many; none where the system
/// does not tell, which only Linux does.
pub fn available() -> Option<u64> {
    let machine = kilobytes(&fs::read_to_string("/proc/meminfo").ok()?, "MemAvailable:")?;
    let number = |path: &str| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    let group = number("/sys/fs/cgroup/memory.max").zip(number("/sys/fs/cgroup/memory.current"));
    Some(group.map_or(machine, |(most, used)| machine.min(most.saturating_sub(used))))
}

fn parse(status: &str) -> Option<Memory> {
    Some(Memory { resident: kilobytes(status, "VmRSS:")?, peak: kilobytes(status, "VmHWM:")? })
}

/// The bytes that the line of this name tells in kilobytes.
fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(1024 * line.trim().strip_suffix(" kB")?.parse::<u64>().ok()?)
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
        assert!(available().is_none_or(|bytes| bytes > 0));
        if let Some(memory) = Memory::now() {
            assert!(memory.peak >= memory.resident && memory.resident >= taken.len() as u64, "{memory:?}");
        }
        assert!(taken.iter().all(|byte| *byte == 1));
    }
}
