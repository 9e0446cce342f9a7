//! Where indexes of data sets are kept between runs: the user's cache folder, never the data's own.

use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use selfsame_core::atomic_file;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

/// Raised whenever an index changes its form: older ones are then made anew.
const VERSION: u32 = 1;

/// `$XDG_CACHE_HOME/selfsame`, or `~/.cache/selfsame`; `%LOCALAPPDATA%\selfsame` on Windows.
pub fn default_cache_folder() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    folder("XDG_CACHE_HOME")
        .or_else(|| folder("LOCALAPPDATA"))
        .or_else(|| Some(folder("HOME")?.join(".cache")))
        .map(|cache| cache.join("selfsame"))
}

/// Keeps one index for each data set. Nothing depends on it: when it cannot be read or written, indexes are made anew.
pub struct Cache {
    folder: Option<PathBuf>,
    /// What the indexes are of: one data set may have several.
    kind: &'static str,
}

#[derive(Serialize, Deserialize)]
struct Stored<T> {
    version: u32,
    data: PathBuf,
    index: T,
}

impl Cache {
    /// Indexes of pictures in this folder; `None` keeps nothing.
    pub fn new(folder: Option<PathBuf>) -> Self {
        Self::of(folder, "index")
    }

    /// Indexes of another kind, the beginning of their files' names.
    pub fn of(folder: Option<PathBuf>, kind: &'static str) -> Self {
        Self { folder, kind }
    }

    /// The index of the data set at `data`, a canonical path.
    pub fn read<T: DeserializeOwned>(&self, data: &Path) -> Option<T> {
        let bytes = fs::read(self.path_of(data)?).ok()?;
        let stored: Stored<T> = serde_json::from_slice(&bytes).ok()?;
        (stored.version == VERSION && stored.data == data).then_some(stored.index)
    }

    /// Keeps the index of the data set at `data`, a canonical path.
    pub fn write<T: Serialize>(&self, data: &Path, index: T) {
        let (Some(folder), Some(path)) = (&self.folder, self.path_of(data)) else { return };
        let stored = Stored { version: VERSION, data: data.to_owned(), index };
        let written = fs::create_dir_all(folder)
            .map_err(|source| selfsame_core::Error::io("create", folder, source))
            .and_then(|()| atomic_file::write(&path, |writer| Ok(serde_json::to_writer(writer, &stored)?)));
        if let Err(error) = written {
            tracing::debug!("the index is not cached: {error}");
        }
    }

    fn path_of(&self, data: &Path) -> Option<PathBuf> {
        let name = format!("{}-{:016x}.json", self.kind, xxh3_64(data.as_os_str().as_encoded_bytes()));
        Some(self.folder.as_ref()?.join(name))
    }
}

/// What tells whether a file or folder changed since it was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    size: u64,
    /// Nanoseconds since 1970.
    modified: u64,
    /// When it was looked at, in nanoseconds since 1970.
    seen: u64,
}

/// File systems count time in steps of up to two seconds (FAT): what changed that shortly before it was looked at may
/// have changed again without a trace.
const COARSEST_CLOCK: u64 = 2_000_000_000;

impl Stamp {
    /// The stamp of what has this metadata now.
    pub fn of(metadata: &Metadata) -> Self {
        let modified = metadata.modified().map_or(0, nanoseconds);
        Self { size: metadata.len(), modified, seen: nanoseconds(SystemTime::now()) }
    }

    /// Whether `now` is the stamp of the same content.
    pub fn still_holds(&self, now: &Self) -> bool {
        self.size == now.size
            && self.modified == now.modified
            && self.modified.saturating_add(COARSEST_CLOCK) < self.seen
    }
}

fn nanoseconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_index_comes_back_for_its_own_data_only() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(Some(folder.path().join("deep/er")));
        cache.write(Path::new("a"), vec![1, 2]);
        assert_eq!(cache.read::<Vec<i32>>(Path::new("a")), Some(vec![1, 2]));
        assert_eq!(cache.read::<Vec<i32>>(Path::new("b")), None);
        // Of another form, or damaged: made anew.
        assert_eq!(cache.read::<String>(Path::new("a")), None);
        fs::write(cache.path_of(Path::new("a")).unwrap(), "{").unwrap();
        assert_eq!(cache.read::<Vec<i32>>(Path::new("a")), None);
    }

    #[test]
    fn stamps_see_changes_and_distrust_what_is_fresh() {
        let second = 1_000_000_000;
        let old = Stamp { size: 5, modified: 10 * second, seen: 20 * second };
        assert!(old.still_holds(&Stamp { seen: 30 * second, ..old }));
        assert!(!old.still_holds(&Stamp { size: 6, ..old }));
        assert!(!old.still_holds(&Stamp { modified: 11 * second, ..old }));
        let fresh = Stamp { modified: 19 * second, ..old };
        assert!(!fresh.still_holds(&fresh));
    }
}
