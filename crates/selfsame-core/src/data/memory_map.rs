//! Files as memory.

use std::fs::File;
use std::io;
use std::ops::{Deref, DerefMut};
use std::path::Path;

use memmap2::{Mmap, MmapMut};

/// A file that is read as if it were memory: the system fetches its pages when they are touched, and drops them when memory is short.
#[derive(Debug)]
pub struct MemoryMap(Mmap);

impl MemoryMap {
    /// Opens a file that nobody changes in place.
    ///
    /// # Errors
    /// Those of the system.
    #[allow(unsafe_code)]
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        // SAFETY: the map is read-only, and shared with whoever writes to the file. Ours are never changed in place: `atomic_file` makes a
        // new file and renames it, which leaves this one as it is until the map is gone. Somebody who overwrites or cuts the file by other
        // means can make us see changed bytes, which checksums catch, or end the process with SIGBUS; the same holds for every program
        // that maps files.
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

/// Memory that lies in a file without a name: what is not in use may leave the machine's memory, and all of it is gone with the process,
/// however that ends.
#[derive(Debug)]
pub struct FileMemory(MmapMut);

impl FileMemory {
    /// So many bytes of zeros, on the disk that `folder` lies on.
    ///
    /// # Errors
    /// Those of the system: of a folder that cannot be written to, and of a disk without room for all of it.
    #[allow(unsafe_code)]
    pub fn zeroed(folder: &Path, bytes: usize) -> io::Result<Self> {
        let file = tempfile::tempfile_in(folder)?;
        reserve(&file, bytes as u64)?;
        // SAFETY: the file has no name and nobody else has it open, so that no other process can change or cut it. Its blocks are reserved:
        // writing to a page cannot run out of disk, which would be SIGBUS.
        let map = unsafe { MmapMut::map_mut(&file)? };
        Ok(Self(map))
    }
}

impl Deref for FileMemory {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl DerefMut for FileMemory {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

/// Takes the room on the disk now, so that a full one is an error here.
fn reserve(file: &File, bytes: u64) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    match rustix::fs::fallocate(file, rustix::fs::FallocateFlags::empty(), 0, bytes) {
        // Not every file system can.
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => {}
        reserved => return reserved.map_err(io::Error::from),
    }
    let mut file = file;
    io::copy(&mut io::Read::take(io::repeat(0), bytes), &mut file).map(|_| ())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_memory() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bytes");
        std::fs::write(&path, b"twelve bytes").unwrap();
        assert_eq!(&*MemoryMap::open(&path).unwrap(), b"twelve bytes");
        assert!(MemoryMap::open(&folder.path().join("nothing")).is_err());
    }

    #[test]
    fn memory_in_a_file_is_kept_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut memory = FileMemory::zeroed(folder.path(), 10_001).unwrap();
        assert!(memory.len() == 10_001 && memory.iter().all(|byte| *byte == 0));
        memory[10_000] = 7;
        assert_eq!(memory[9_999..], [0, 7]);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        assert!(FileMemory::zeroed(&folder.path().join("nothing"), 1).is_err());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_disk_without_room_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(FileMemory::zeroed(folder.path(), 1 << 60).is_err());
    }
}
