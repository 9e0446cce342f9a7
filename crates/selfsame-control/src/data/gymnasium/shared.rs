//! What goes between the program and the process of an environment: a file in memory, mapped by the process and read here.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use selfsame_core::{Error, Result};
use tempfile::{NamedTempFile, TempPath};

use crate::data::{Actions, Pixels};

/// Where Linux keeps files in memory.
const IN_MEMORY: &str = "/dev/shm";

/// Bytes between actions and frame: the reward in eight, three ends, and five that are not used.
const HEAD: usize = 16;

/// Actions, reward, ends and frame, one after the other.
#[derive(Debug)]
pub(super) struct Shared {
    file: File,
    path: Option<TempPath>,
    actions: usize,
    /// The bytes after the actions.
    step: Vec<u8>,
}

/// What a step has led to.
pub(super) struct Step<'a> {
    pub reward: f64,
    pub terminated: bool,
    pub truncated: bool,
    pub life_lost: bool,
    /// `[height, width, channels]`.
    pub frame: &'a [u8],
}

impl Shared {
    /// Room for these frames and actions.
    pub fn new(pixels: Pixels, actions: Actions) -> Result<Self> {
        let actions = match actions {
            Actions::Discrete(_) => 1,
            Actions::Continuous(count) => count,
        };
        let folder =
            if Path::new(IN_MEMORY).is_dir() { PathBuf::from(IN_MEMORY) } else { std::env::temp_dir() };
        let step = vec![0; HEAD + pixels.bytes()];
        let failed = |error| Error::io("write", &folder, error);
        let mut file = NamedTempFile::with_prefix_in("selfsame-", &folder).map_err(failed)?;
        // Written, not only sized: a full memory shows here rather than as a crash of the process that writes to its map.
        file.write_all(&vec![0; 8 * actions + step.len()]).map_err(failed)?;
        let (file, path) = file.into_parts();
        Ok(Self { file, path: Some(path), actions, step })
    }

    /// Where the process finds the file.
    pub fn path(&self) -> Option<String> {
        self.path.as_ref().and_then(|path| path.to_str()).map(str::to_owned)
    }

    /// Removes the file's name, once the process has it: nothing is left behind however the two end.
    pub fn forget_path(self) -> Self {
        Self { path: None, ..self }
    }

    /// Gives the process an action.
    pub fn write(&mut self, action: &[f64]) -> Result<()> {
        let bytes: Vec<u8> = action.iter().flat_map(|number| number.to_ne_bytes()).collect();
        let written = self.file.seek(SeekFrom::Start(0)).and_then(|_| self.file.write_all(&bytes));
        written.map_err(|error| Error::io("write", "the memory shared with an environment", error))
    }

    /// What the process has left after a step.
    pub fn read(&mut self) -> Result<Step<'_>> {
        let start = SeekFrom::Start(8 * self.actions as u64);
        let read = self.file.seek(start).and_then(|_| self.file.read_exact(&mut self.step));
        read.map_err(|error| Error::io("read", "the memory shared with an environment", error))?;
        let (head, frame) = self.step.split_at(HEAD);
        let mut reward = [0; 8];
        reward.copy_from_slice(&head[..8]);
        Ok(Step {
            reward: f64::from_ne_bytes(reward),
            terminated: head[8] != 0,
            truncated: head[9] != 0,
            life_lost: head[10] != 0,
            frame,
        })
    }
}
