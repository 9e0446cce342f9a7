//! Where the frames of a replay lie: they are nearly all of it.

use std::ops::{Deref, DerefMut};

use selfsame_core::data::FileMemory;
use selfsame_core::run::memory::{self, megabytes};
use selfsame_core::{Error, Result};

use super::ReplaySettings;

/// Bytes of frames, in memory or in a file that is used like memory.
#[derive(Debug)]
pub(super) enum Frames {
    Memory(Vec<u8>),
    File(FileMemory),
}

impl Frames {
    /// As many as these settings have.
    pub fn new(settings: &ReplaySettings) -> Result<Self> {
        let bytes = settings.lane_capacity() * settings.environments * settings.pixels.bytes();
        if let Some(folder) = &settings.folder {
            let refused = |error| {
                let what = format!(
                    "cannot keep the {:.1} MB of the replay's frames there: {error}",
                    megabytes(bytes as u64)
                );
                Error::data(folder, what, "name a folder on a disk with so much room with data.replay_folder")
            };
            return FileMemory::zeroed(folder, bytes).map(Self::File).map_err(refused);
        }
        // Given back before it is asked for again: two of them at once might not fit.
        if Vec::<u8>::new().try_reserve_exact(bytes).is_err() {
            return Err(settings.too_large(memory::available().unwrap_or(0)));
        }
        // Zeroed memory is not touched before frames are written to it.
        Ok(Self::Memory(vec![0; bytes]))
    }
}

impl Deref for Frames {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Memory(bytes) => bytes,
            Self::File(bytes) => bytes,
        }
    }
}

impl DerefMut for Frames {
    fn deref_mut(&mut self) -> &mut [u8] {
        match self {
            Self::Memory(bytes) => bytes,
            Self::File(bytes) => bytes,
        }
    }
}
