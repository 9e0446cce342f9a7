//! The pack: a whole data set in one file that is read as memory.
//!
//! All numbers are little endian.
//!
//! | offset | bytes | content |
//! |---|---|---|
//! | 0 | 8 | `SSPACK\r\n`: the line end reveals transfers that took the file for text |
//! | 8 | 4 | version, 1 |
//! | 12 | 4 | zero |
//! | 16 | 8 | number of instances *n* |
//! | 24 | 8 | number of classes *c* |
//! | 32 | 8 | offset of the index |
//! | 40 | 8 | size of the index, which ends the file |
//! | 48 | 8 | XXH3 (64 bits) of the index |
//! | 56 | 8 | XXH3 of bytes 0 to 55 |
//! | 64 | | the payloads, one after another |
//!
//! The index holds *n* records of 40 bytes, then *c* pairs of u64 (place and length of a class name), then the names.
//!
//! | offset in the record | bytes | content |
//! |---|---|---|
//! | 0 | 8 | offset of the payload |
//! | 8 | 8 | its size |
//! | 16 | 8 | its XXH3 |
//! | 24 | 8 | place of the instance's name (UTF-8) in the names |
//! | 32 | 4 | length of the name |
//! | 36 | 4 | class, or 4294967295 for none |
//!
//! A payload is the picture's original file, or `SSRAWRGB`, width and height (u32 each) and its pixels as RGB, row by
//! row.

use std::path::{Path, PathBuf};

use selfsame_core::data::MemoryMap;
use selfsame_core::{Error, Result};
use xxhash_rust::xxh3::xxh3_64;

use super::labels::{Labels, NONE};

pub(super) const MAGIC: &[u8; 8] = b"SSPACK\r\n";
pub(super) const VERSION: u32 = 1;
pub(super) const HEADER: usize = 64;
const RECORD: usize = 40;

/// An instance's record in the index.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    pub offset: u64,
    pub size: u64,
    pub checksum: u64,
    pub name: u64,
    pub name_length: u32,
    pub class: u32,
}

impl Record {
    pub fn to_bytes(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(RECORD);
        for number in [self.offset, self.size, self.checksum, self.name] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(&self.name_length.to_le_bytes());
        bytes.extend_from_slice(&self.class.to_le_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(Self {
            offset: u64_at(bytes, 0)?,
            size: u64_at(bytes, 8)?,
            checksum: u64_at(bytes, 16)?,
            name: u64_at(bytes, 24)?,
            name_length: u32_at(bytes, 32)?,
            class: u32_at(bytes, 36)?,
        })
    }
}

pub(super) fn header(instances: u64, classes: u64, index_offset: u64, index: &[u8]) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&0u32.to_le_bytes());
    for number in [instances, classes, index_offset, index.len() as u64, xxh3_64(index)] {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    let checksum = xxh3_64(&bytes);
    bytes.extend_from_slice(&checksum.to_le_bytes());
    bytes
}

/// An open pack.
#[derive(Debug)]
pub(super) struct Pack {
    path: PathBuf,
    map: MemoryMap,
    instances: usize,
    classes: usize,
    index: usize,
}

impl Pack {
    pub fn open(path: &Path) -> Result<Self> {
        let map = MemoryMap::open(path).map_err(|source| Error::io("read", path, source))?;
        let damaged = |what: &str| Error::data(path, what, "make it anew with `selfsame data pack`");
        if !map.starts_with(MAGIC) {
            return Err(damaged("the file is not a pack"));
        }
        let version = u32_at(&map, 8).unwrap_or(0);
        if version != VERSION {
            let what = format!("the pack is of version {version}, but this program reads version {VERSION}");
            return Err(damaged(&what));
        }
        let truncated = || damaged("the pack is truncated");
        let number = |offset| u64_at(&map, offset).and_then(|number| usize::try_from(number).ok());
        let checksum = u64_at(&map, 56).ok_or_else(truncated)?;
        if xxh3_64(&map[..56]) != checksum {
            return Err(damaged("the pack's header is damaged"));
        }
        let (instances, classes, index, size) =
            (|| Some((number(16)?, number(24)?, number(32)?, number(40)?)))()
                .ok_or_else(|| damaged("the pack is too large for this machine"))?;
        let stored = index.checked_add(size).and_then(|end| map.get(index..end)).ok_or_else(truncated)?;
        if Some(xxh3_64(stored)) != u64_at(&map, 48) {
            return Err(damaged("the pack's index is damaged"));
        }
        Ok(Self { path: path.to_owned(), instances, classes, index, map })
    }

    pub fn len(&self) -> usize {
        self.instances
    }

    pub fn labels(&self) -> Labels {
        let class = |number: usize| {
            let pair = self.index + self.instances * RECORD + number * 16;
            self.text(u64_at(&self.map, pair)?, u64_at(&self.map, pair + 8)?)
        };
        let classes = (0..self.classes).map(|number| class(number).unwrap_or_default()).collect();
        let of =
            (0..self.instances).map(|index| self.record(index).map_or(NONE, |record| record.class)).collect();
        Labels { classes, of }
    }

    pub fn name(&self, index: usize) -> Option<String> {
        let record = self.record(index)?;
        self.text(record.name, u64::from(record.name_length))
    }

    /// The payload of an instance.
    pub fn read(&self, index: usize) -> Result<&[u8]> {
        let find = || {
            let record = self.record(index)?;
            let start = usize::try_from(record.offset).ok()?;
            let payload = self.map.get(start..start.checked_add(usize::try_from(record.size).ok()?)?)?;
            Some((record, payload))
        };
        let damaged = |what: &str| {
            Error::data(
                &self.path,
                format!("instance {index}: {what}"),
                "make the pack anew with `selfsame data pack`",
            )
        };
        let (record, payload) = find().ok_or_else(|| damaged("not in the file"))?;
        if xxh3_64(payload) != record.checksum {
            return Err(damaged("the checksum differs, the file was changed"));
        }
        Ok(payload)
    }

    fn record(&self, index: usize) -> Option<Record> {
        let start = self.index.checked_add(index.checked_mul(RECORD)?)?;
        (index < self.instances).then(|| Record::from_bytes(self.map.get(start..)?)).flatten()
    }

    fn text(&self, place: u64, length: u64) -> Option<String> {
        let names = self.index + self.instances * RECORD + self.classes * 16;
        let start = names.checked_add(usize::try_from(place).ok()?)?;
        let bytes = self.map.get(start..start.checked_add(usize::try_from(length).ok()?)?)?;
        String::from_utf8(bytes.to_vec()).ok()
    }
}

fn u64_at(bytes: &[u8], offset: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(offset..offset.checked_add(8)?)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(offset..offset.checked_add(4)?)?.try_into().ok()?))
}
