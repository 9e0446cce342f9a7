//! `selfsame doctor`: what this program and this machine can do.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use burn::tensor::{Device, DeviceType};
use serde::Serialize;
use serde_json::{Value, json};

use super::table::{Align, Table};
use super::terminal::Terminal;

/// The optional parts that this program may be compiled with, and whether it was.
const FEATURES: [(&str, bool); 6] = [
    ("video", cfg!(feature = "video")),
    ("cuda", cfg!(feature = "cuda")),
    ("rocm", cfg!(feature = "rocm")),
    ("metal", cfg!(feature = "metal")),
    ("vulkan", cfg!(feature = "vulkan")),
    ("wgpu", cfg!(feature = "wgpu")),
];

/// What this program and this machine can do. What cannot be found out is `None`.
#[derive(Clone, Debug, Serialize)]
pub struct Doctor {
    /// The program's version.
    pub version: &'static str,
    /// Optional parts that are compiled in.
    pub features: Vec<&'static str>,
    /// Optional parts that are not.
    pub missing_features: Vec<&'static str>,
    /// The devices that can train, as `--device` takes them.
    pub devices: Vec<String>,
    /// The processor's kind.
    pub architecture: &'static str,
    /// Vector instructions that the processor has.
    pub cpu_features: Vec<&'static str>,
    /// Threads that may run at once.
    pub threads: usize,
    /// Memory in bytes that this process may use.
    pub memory: Option<u64>,
    /// The current folder.
    pub folder: Option<PathBuf>,
    /// Free disk space there in bytes.
    pub free_disk: Option<u64>,
    /// Where indexes of data are kept.
    pub cache: Option<PathBuf>,
    /// A Python, for environments of control.
    pub python: Option<Python>,
}

/// A Python interpreter.
#[derive(Clone, Debug, Serialize)]
pub struct Python {
    /// The command that starts it.
    pub command: String,
    /// What it says of itself.
    pub version: String,
}

impl Doctor {
    /// Looks around. `cache` is where indexes of data are kept, if anywhere.
    pub fn examine(cache: Option<PathBuf>) -> Self {
        let features =
            |wanted: bool| FEATURES.iter().filter(|(_, is)| *is == wanted).map(|(name, _)| *name).collect();
        let folder = std::env::current_dir().ok();
        Self {
            version: env!("CARGO_PKG_VERSION"),
            features: features(true),
            missing_features: features(false),
            devices: devices(),
            architecture: std::env::consts::ARCH,
            cpu_features: cpu_features(),
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            memory: memory(),
            free_disk: folder.as_deref().and_then(free_disk),
            folder,
            cache,
            python: python(),
        }
    }

    /// One line a finding.
    pub fn table(&self, terminal: Terminal) -> String {
        let mut table = Table::new([("selfsame", Align::Left), (self.version, Align::Left)]);
        let unknown = || "unknown".to_owned();
        let path =
            |path: &Option<PathBuf>| path.as_ref().map_or_else(unknown, |path| path.display().to_string());
        let add = self.missing_features.join(", ");
        let python = match &self.python {
            Some(python) => format!("{} ({})", python.version, python.command),
            None => "not found (only environments of control need it)".to_owned(),
        };
        for (what, found) in [
            ("features", list(&self.features)),
            (
                "not compiled in",
                if add.is_empty() { add } else { add + " (cargo build --release --features NAME)" },
            ),
            ("devices", self.devices.join(", ")),
            ("processor", format!("{}, {} threads", self.architecture, self.threads)),
            ("vector units", list(&self.cpu_features)),
            ("memory", self.memory.map_or_else(unknown, gibibytes)),
            ("folder", path(&self.folder)),
            ("free disk there", self.free_disk.map_or_else(unknown, gibibytes)),
            ("cache", path(&self.cache)),
            ("python", python),
        ] {
            table.row([what.to_owned(), found]);
        }
        table.render(terminal)
    }

    /// The same as one JSON object.
    pub fn json(&self) -> Value {
        json!(self)
    }
}

fn list(names: &[&str]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn gibibytes(bytes: u64) -> String {
    format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30))
}

/// The devices of the backends that are compiled in. A backend whose driver is missing may panic instead of saying so.
fn devices() -> Vec<String> {
    let kinds = [
        ("cpu", DeviceType::Flex),
        #[cfg(feature = "cuda")]
        ("cuda", DeviceType::Cuda),
        #[cfg(feature = "rocm")]
        ("rocm", DeviceType::Rocm),
        #[cfg(feature = "metal")]
        ("metal", DeviceType::Metal),
        #[cfg(feature = "vulkan")]
        ("vulkan", DeviceType::Vulkan),
        #[cfg(feature = "wgpu")]
        ("wgpu", DeviceType::Wgpu),
    ];
    let names = kinds.into_iter().flat_map(|(name, kind)| {
        let count = std::panic::catch_unwind(|| Device::enumerate(kind).into_vec().len()).unwrap_or(0);
        (0..count).map(move |index| match name {
            "cpu" => name.to_owned(),
            _ => format!("{name}:{index}"),
        })
    });
    names.collect()
}

#[cfg(target_arch = "x86_64")]
fn cpu_features() -> Vec<&'static str> {
    let features = [
        ("AVX2", is_x86_feature_detected!("avx2")),
        ("FMA", is_x86_feature_detected!("fma")),
        ("AVX-512F", is_x86_feature_detected!("avx512f")),
        ("AVX-512BW", is_x86_feature_detected!("avx512bw")),
        ("AVX-512VNNI", is_x86_feature_detected!("avx512vnni")),
    ];
    features.into_iter().filter(|(_, has)| *has).map(|(name, _)| name).collect()
}

#[cfg(not(target_arch = "x86_64"))]
fn cpu_features() -> Vec<&'static str> {
    // Every 64-bit ARM processor has NEON.
    if cfg!(target_arch = "aarch64") { vec!["NEON"] } else { vec![] }
}

/// The machine's memory, or the container's limit if that is less.
fn memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let machine = total_memory(&text)?;
    let limit = std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok();
    let limit = limit.and_then(|text| text.trim().parse().ok());
    Some(limit.map_or(machine, |limit: u64| limit.min(machine)))
}

/// `MemTotal` of `/proc/meminfo` in bytes.
fn total_memory(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// Bytes that this user may still write.
#[cfg(unix)]
fn free_disk(folder: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    Some(disk.f_bavail * disk.f_frsize)
}

#[cfg(not(unix))]
fn free_disk(_folder: &Path) -> Option<u64> {
    None
}

fn python() -> Option<Python> {
    let named = std::env::var("SELFSAME_PYTHON").ok();
    // As environments take it: no other one in place of one that was named.
    let candidates = named.map_or_else(|| vec!["python3".into(), "python".into()], |named| vec![named]);
    candidates.into_iter().find_map(|command: String| {
        let output = Command::new(&command).arg("--version").stdin(Stdio::null()).output().ok()?;
        let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        (output.status.success() && !version.is_empty()).then_some(Python { command, version })
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_can_train() {
        let doctor = Doctor::examine(Some("some/cache".into()));
        assert_eq!(doctor.devices[0], "cpu");
        assert!(doctor.threads > 0);
        assert_eq!(doctor.features.len() + doctor.missing_features.len(), FEATURES.len());
        let table = doctor.table(Terminal::PLAIN);
        for word in [env!("CARGO_PKG_VERSION"), "cpu", "some/cache", "threads"] {
            assert!(table.contains(word), "{word} in\n{table}");
        }
        let json = doctor.json();
        assert_eq!((&json["devices"][0], &json["cache"]), (&json!("cpu"), &json!("some/cache")));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn linux_tells_memory_and_disk() {
        let doctor = Doctor::examine(None);
        assert!(doctor.memory.unwrap() > 1 << 20 && doctor.free_disk.is_some());
    }

    #[test]
    fn memory_is_read_in_bytes() {
        assert_eq!(total_memory("MemTotal:       24000000 kB\nMemFree: 1 kB\n"), Some(24_000_000 * 1024));
        assert_eq!(total_memory("something else"), None);
    }
}
