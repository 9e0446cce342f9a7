//! The machine that trains.

use std::fs;

use serde::{Deserialize, Serialize};

/// What `run.json` says about the machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// Its name in the network.
    pub name: String,
    /// The processor's model.
    pub cpu: String,
    /// Threads that may run at once.
    pub threads: usize,
    /// The operating system, such as `linux`.
    pub system: String,
}

impl Host {
    /// This machine. What the system does not tell is `unknown`.
    pub fn this() -> Self {
        Self {
            name: name(),
            cpu: cpu().unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            system: std::env::consts::OS.to_owned(),
        }
    }
}

/// This machine's name.
pub(crate) fn name() -> String {
    let kernel = fs::read_to_string("/proc/sys/kernel/hostname").ok();
    kernel
        .or_else(|| std::env::var("HOSTNAME").ok())
        .or_else(|| std::env::var("COMPUTERNAME").ok())
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "unknown".to_owned())
}

fn cpu() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_described() {
        let host = Host::this();
        assert!(!host.name.is_empty() && !host.cpu.is_empty() && host.threads > 0);
    }
}
