//! A file as memory.

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::path::Path;

use memmap2::Mmap;

/// A file that is read as if it were memory: the system fetches its pages when they are touched, and drops them when
/// memory is short.
#[derive(Debug)]
pub(super) struct MemoryMap(Mmap);

impl MemoryMap {
    #[allow(unsafe_code)]
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        // SAFETY: the map is read-only, and shared with whoever writes to the file. Packs are never changed in place:
        // `write_pack` makes a new file and renames it, which leaves this one as it is until the map is gone.
        // Somebody who overwrites or cuts the file by other means can make us see changed bytes, which checksums
        // catch, or end the process with SIGBUS; the same holds for every program that maps files.
        let map = unsafe { Mmap::map(&file)? };
        Ok(Self(map))
    }
}

impl Deref for MemoryMap {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}
