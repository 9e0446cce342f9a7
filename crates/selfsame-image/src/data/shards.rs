//! Tar shards (WebDataset): pictures that lie one after another in a few large files.
//!
//! A member `a/0001.jpg` is a picture with the key `a/0001`; a member `a/0001.cls` is its class, as text. Without
//! any `.cls` the first folder of the members' names is the class. All other members are ignored. The headers
//! are scanned once and the places of the pictures cached; reading is then one positioned read.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;
use selfsame_core::{Error, Random, Result};
use serde::{Deserialize, Serialize};

use super::cache::{Cache, Stamp};
use super::folder::is_picture;
use super::labels::Labels;

/// How many shards are kept open.
const OPEN_FILES: usize = 64;

/// One tar file as the cache keeps it.
#[derive(Clone, Serialize, Deserialize)]
struct Shard {
    /// File name.
    name: String,
    stamp: Stamp,
    members: Vec<Member>,
    /// Why the file is not read to its end.
    damage: Option<String>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Member {
    /// Path in the tar file, without a leading `./`.
    name: String,
    offset: u64,
    size: u64,
    class: Option<String>,
}

/// The pictures in a set of tar files.
pub(super) struct Shards {
    folder: PathBuf,
    shards: Vec<Shard>,
    /// Number of the first picture of each shard, and the number of all pictures.
    starts: Vec<usize>,
    open: Mutex<Vec<(usize, Arc<File>)>>,
}

impl Shards {
    /// Indexes the tar files with these names in `folder`; `data` is the canonical path that the cache knows them by.
    pub fn open(data: &Path, folder: PathBuf, names: Vec<String>, cache: &Cache) -> Result<Self> {
        let cached: Vec<Shard> = cache.read(data).unwrap_or_default();
        let cached_count = cached.len();
        let known: HashMap<&str, &Shard> = cached.iter().map(|shard| (shard.name.as_str(), shard)).collect();
        let scanned: Vec<Result<(Shard, bool)>> = names
            .into_par_iter()
            .map(|name| {
                let path = folder.join(&name);
                let stamp = fs::metadata(&path).map(|metadata| Stamp::of(&metadata));
                let stamp = stamp.map_err(|source| Error::io("read", &path, source))?;
                match known.get(name.as_str()).filter(|shard| shard.stamp.still_holds(&stamp)) {
                    Some(&shard) => Ok((shard.clone(), false)),
                    None => Ok((scan(&path, name, stamp)?, true)),
                }
            })
            .collect();
        // Gathered first: of several shards that cannot be read, the first in order is told, whichever thread is ahead.
        let scanned = scanned.into_iter().collect::<Result<Vec<_>>>()?;
        let changed = scanned.iter().any(|(_, is_new)| *is_new);
        let shards: Vec<Shard> = scanned.into_iter().map(|(shard, _)| shard).collect();
        if changed || shards.len() != cached_count {
            cache.write(data, &shards);
        }
        let mut starts = vec![0];
        for shard in &shards {
            starts.push(starts[starts.len() - 1] + shard.members.len());
        }
        Ok(Self { folder, shards, starts, open: Mutex::default() })
    }

    pub fn len(&self) -> usize {
        self.starts.last().copied().unwrap_or(0)
    }

    pub fn labels(&self) -> Labels {
        let members: Vec<&Member> = self.shards.iter().flat_map(|shard| &shard.members).collect();
        if members.iter().any(|member| member.class.is_some()) {
            Labels::new(members.iter().map(|member| member.class.as_deref()))
        } else {
            Labels::from_folders(members.iter().map(|member| member.name.as_str()))
        }
    }

    pub fn warnings(&self) -> Vec<String> {
        let damage = |shard: &Shard| Some(format!("{}: {}", shard.name, shard.damage.as_ref()?));
        self.shards.iter().filter_map(damage).collect()
    }

    /// `shard.tar:member`.
    pub fn name(&self, index: usize) -> Option<String> {
        let (shard, member) = self.find(index)?;
        Some(format!("{}:{}", self.shards[shard].name, member.name))
    }

    pub fn read(&self, index: usize, buffer: &mut Vec<u8>) -> Result<()> {
        let (shard, member) = self
            .find(index)
            .ok_or_else(|| Error::Internal(format!("no picture {index} in {} of the shards", self.len())))?;
        let path = self.folder.join(&self.shards[shard].name);
        // The scan made sure that the member ends before the file does.
        buffer.resize(member.size as usize, 0);
        self.file(shard, &path)
            .and_then(|file| read_exact_at(&file, buffer, member.offset))
            .map_err(|source| Error::io("read", &path, source))
    }

    fn find(&self, index: usize) -> Option<(usize, &Member)> {
        let shard = self.starts.partition_point(|&start| start <= index).checked_sub(1)?;
        Some((shard, self.shards.get(shard)?.members.get(index - self.starts[shard])?))
    }

    /// The open file of a shard; the least recently used one is closed when there are too many.
    fn file(&self, shard: usize, path: &Path) -> io::Result<Arc<File>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = match open.iter().position(|(number, _)| *number == shard) {
            Some(position) => open.remove(position),
            None => (shard, Arc::new(File::open(path)?)),
        };
        let file = entry.1.clone();
        open.push(entry);
        if open.len() > OPEN_FILES {
            open.remove(0);
        }
        Ok(file)
    }

    /// An order that reads almost sequentially: the shards in a random order, their pictures passed through a buffer
    /// of `buffer` places, from which a random one leaves whenever the next one comes in.
    pub fn order(&self, random: &Random, buffer: usize) -> Vec<u32> {
        let shards = random.named("shards").permutation(self.shards.len());
        let stream = shards.into_iter().flat_map(|shard| self.starts[shard]..self.starts[shard + 1]);
        let mut random = random.named("buffer");
        let mut order = Vec::with_capacity(self.len());
        let mut held: Vec<u32> = Vec::with_capacity(buffer);
        for index in stream {
            if held.len() < buffer.max(1) {
                held.push(index as u32);
            } else {
                let place = random.below(held.len());
                order.push(std::mem::replace(&mut held[place], index as u32));
            }
        }
        random.shuffle(&mut held);
        order.append(&mut held);
        order
    }
}

fn scan(path: &Path, name: String, stamp: Stamp) -> Result<Shard> {
    let open = || -> io::Result<(File, u64)> {
        let file = File::open(path)?;
        let size = file.metadata()?.len();
        Ok((file, size))
    };
    let (file, size) = open().map_err(|source| Error::io("read", path, source))?;
    let mut members = Vec::new();
    let mut classes = HashMap::new();
    // What stands before the damage can be used all the same.
    let damage = scan_members(file, size, &mut members, &mut classes)
        .err()
        .map(|error| format!("the shard is damaged after {} pictures: {error}", members.len()));
    for member in &mut members {
        member.class = classes.get(key(&member.name)).cloned();
    }
    Ok(Shard { name, stamp, members, damage })
}

fn scan_members(
    file: File,
    size: u64,
    members: &mut Vec<Member>,
    classes: &mut HashMap<String, String>,
) -> io::Result<()> {
    let mut archive = tar::Archive::new(file);
    for entry in archive.entries_with_seek()? {
        let mut entry = entry?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let path = entry.path()?.to_string_lossy().into_owned();
        let name = path.trim_start_matches("./").to_owned();
        let file_name = name.rsplit_once('/').map_or(name.as_str(), |(_, file_name)| file_name);
        let (offset, length) = (entry.raw_file_position(), entry.size());
        if offset.checked_add(length).is_none_or(|end| end > size) {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, format!("{name} is cut off")));
        }
        if is_picture(file_name) {
            members.push(Member { name, offset, size: length, class: None });
        } else if file_name.ends_with(".cls") {
            let mut class = String::new();
            entry.by_ref().take(4096).read_to_string(&mut class)?;
            classes.insert(key(&name).to_owned(), class.trim().to_owned());
        }
    }
    Ok(())
}

/// WebDataset's key of a member: its path up to the first dot in the file name.
fn key(name: &str) -> &str {
    let file_name = name.rfind('/').map_or(0, |slash| slash + 1);
    name[file_name..].find('.').map_or(name, |dot| &name[..file_name + dot])
}

#[cfg(unix)]
fn read_exact_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, offset)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut buffer: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !buffer.is_empty() {
        let count = std::os::windows::fs::FileExt::seek_read(file, buffer, offset)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        buffer = &mut buffer[count..];
        offset += count as u64;
    }
    Ok(())
}
