//! A data set: instances with names and classes, wherever they are stored.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use selfsame_core::data::Instances;
use selfsame_core::{Error, Random, Result};

use super::cache::{Cache, default_cache_folder};
use super::folder::{self, EXTENSIONS, PICTURES};
use super::labels::Labels;
use super::pack::Pack;
use super::shards::Shards;

/// Files above this size are refused rather than read into memory.
const MAX_FILE_SIZE: u64 = 1 << 30;

/// How a data set is opened.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    /// Where the index is kept between runs; `None` makes it anew each time.
    pub cache: Option<PathBuf>,
    /// Places in the buffer that shuffles the pictures of tar shards. The more, the better the shuffling; the fewer,
    /// the more sequential the reading.
    pub shuffle_buffer: usize,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self { cache: default_cache_folder(), shuffle_buffer: 4096 }
    }
}

/// A data set of pictures: a folder, tar shards or a pack.
pub struct Dataset {
    path: PathBuf,
    storage: Storage,
    labels: Labels,
    warnings: Vec<String>,
    shuffle_buffer: usize,
}

enum Storage {
    /// Paths from the root.
    Folder(Vec<String>),
    Shards(Shards),
    Pack(Pack),
}

impl Dataset {
    /// Opens the pictures at `path`: a folder of tar files, a `.tar` file, a `.pack` file, or a folder with pictures
    /// in it or in its sub-folders. Sub-folders of the first level are classes when most pictures lie in them.
    ///
    /// # Errors
    /// [`Error::Data`] when there is nothing at `path`, nothing that is understood, or no picture; [`Error::Io`] when it
    /// cannot be read.
    pub fn open(path: impl AsRef<Path>, options: &OpenOptions) -> Result<Self> {
        let path = path.as_ref();
        let real = path.canonicalize().map_err(|source| Error::io("open", path, source))?;
        let cache = Cache::new(options.cache.clone());
        let extension = real.extension().unwrap_or_default().to_ascii_lowercase();
        let (storage, labels, warnings) = if real.is_dir() {
            let shards = tar_files(&real)?;
            if shards.is_empty() {
                let listing = folder::list(&real, PICTURES, &cache)?;
                let labels = Labels::from_folders(listing.files.iter().map(String::as_str));
                (Storage::Folder(listing.files), labels, listing.warnings)
            } else {
                open_shards(&real, real.clone(), shards, &cache)?
            }
        } else if extension == "tar" {
            let name = real.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let folder = real.parent().unwrap_or(Path::new("")).to_owned();
            open_shards(&real, folder, vec![name], &cache)?
        } else if extension == "pack" {
            let pack = Pack::open(&real)?;
            let labels = pack.labels();
            (Storage::Pack(pack), labels, Vec::new())
        } else {
            return Err(Error::data(
                path,
                "this is neither a folder nor a .tar or .pack file",
                "give the folder that the pictures are in",
            ));
        };
        let shuffle_buffer = options.shuffle_buffer;
        let dataset = Self { path: path.to_owned(), storage, labels, warnings, shuffle_buffer };
        if dataset.is_empty() {
            let extensions = EXTENSIONS.join(", ");
            return Err(Error::data(
                path,
                "there are no pictures here",
                format!("check the path; pictures are files ending in {extensions}, also in sub-folders"),
            ));
        }
        for warning in &dataset.warnings {
            tracing::warn!("{}: {warning}", path.display());
        }
        Ok(dataset)
    }

    /// Where it was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The number of instances.
    pub fn len(&self) -> usize {
        match &self.storage {
            Storage::Folder(pictures) => pictures.len(),
            Storage::Shards(shards) => shards.len(),
            Storage::Pack(pack) => pack.len(),
        }
    }

    /// A short name of the data set's contents: the same files under the same names in the same order have the same one.
    pub fn fingerprint(&self) -> String {
        let mut hash = xxhash_rust::xxh3::Xxh3::new();
        for index in 0..self.len() {
            hash.update(self.name(index).as_bytes());
            hash.update(&[0]);
        }
        format!("{:016x}-{}", hash.digest(), self.len())
    }

    /// The median of the pictures' shorter sides in pixels, of a sample of at most 64; 0 when none can be read.
    pub fn typical_side(&self) -> usize {
        let mut buffer = Vec::new();
        let sample = self.len().min(64);
        let mut sides: Vec<usize> = (0..sample)
            .filter_map(|place| {
                let bytes = self.read(place * self.len() / sample, &mut buffer).ok()?;
                let header = super::decode::probe(bytes).ok()?;
                Some(header.width.min(header.height))
            })
            .collect();
        sides.sort_unstable();
        sides.get(sides.len() / 2).copied().unwrap_or(0)
    }

    /// Whether there is no instance. Never so for one that was [opened](Dataset::open).
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The name of an instance: its path from the data set's folder, or `shard.tar:member`.
    pub fn name(&self, index: usize) -> String {
        let name = match &self.storage {
            Storage::Folder(pictures) => pictures.get(index).cloned(),
            Storage::Shards(shards) => shards.name(index),
            Storage::Pack(pack) => pack.name(index),
        };
        name.unwrap_or_else(|| format!("instance {index}"))
    }

    /// The class of an instance, a number in [`classes`](Dataset::classes).
    pub fn label(&self, index: usize) -> Option<usize> {
        self.labels.get(index)
    }

    /// The names of the classes; empty when there are none. Two data sets may number the same classes differently:
    /// compare names.
    pub fn classes(&self) -> &[String] {
        &self.labels.classes
    }

    /// What was odd when the data set was opened: folders that could not be read, classes without pictures, damaged
    /// shards.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The bytes of an instance's file, in `buffer` or in the mapped pack.
    ///
    /// # Errors
    /// [`Error::Io`] when the file is gone or cannot be read; [`Error::Data`] when it is damaged or absurdly large.
    pub fn read<'a>(&'a self, index: usize, buffer: &'a mut Vec<u8>) -> Result<&'a [u8]> {
        buffer.clear();
        match &self.storage {
            Storage::Pack(pack) => return pack.read(index),
            Storage::Shards(shards) => shards.read(index, buffer)?,
            Storage::Folder(pictures) => {
                let picture = pictures.get(index);
                let picture = picture.ok_or_else(|| Error::Internal(format!("no picture {index}")))?;
                let path = self.path.join(picture);
                let file = File::open(&path).map_err(|source| Error::io("read", &path, source))?;
                file.take(MAX_FILE_SIZE + 1)
                    .read_to_end(buffer)
                    .map_err(|source| Error::io("read", &path, source))?;
            }
        }
        if buffer.len() as u64 > MAX_FILE_SIZE {
            let what = format!("the file has more than {MAX_FILE_SIZE} bytes");
            return Err(Error::data(self.name(index), what, "remove it"));
        }
        Ok(buffer)
    }

    /// The order in which an epoch visits the instances: every one once. It depends on `random` (the run's root) and
    /// `epoch` alone.
    ///
    /// Tar shards are visited in a random order and their pictures shuffled in a buffer, so that reading is almost
    /// sequential; all else is permuted freely.
    pub fn order(&self, epoch: u64, random: &Random) -> Vec<u32> {
        let mut random = random.named("order").at(epoch);
        match &self.storage {
            Storage::Shards(shards) => shards.order(&random, self.shuffle_buffer),
            Storage::Folder(_) | Storage::Pack(_) => {
                let mut order: Vec<u32> = (0..self.len() as u32).collect();
                random.shuffle(&mut order);
                order
            }
        }
    }
}

impl Instances for Dataset {
    const NAME: &'static str = "picture";
    const FIELD: &'static str = "images";
    const EXAMPLE: &'static str = "cats/1.jpg and dogs/2.jpg";
    type Options = OpenOptions;

    fn open(path: &Path, options: &OpenOptions) -> Result<Self> {
        Self::open(path, options)
    }

    fn path(&self) -> &Path {
        self.path()
    }

    fn len(&self) -> usize {
        self.len()
    }

    fn name(&self, index: usize) -> String {
        self.name(index)
    }

    fn label(&self, index: usize) -> Option<usize> {
        self.label(index)
    }

    fn classes(&self) -> &[String] {
        self.classes()
    }

    fn order(&self, epoch: u64, random: &Random) -> Vec<u32> {
        self.order(epoch, random)
    }
}

fn open_shards(
    data: &Path,
    folder: PathBuf,
    names: Vec<String>,
    cache: &Cache,
) -> Result<(Storage, Labels, Vec<String>)> {
    let shards = Shards::open(data, folder, names, cache)?;
    let (labels, warnings) = (shards.labels(), shards.warnings());
    Ok((Storage::Shards(shards), labels, warnings))
}

/// The names of the tar files in a folder, sorted.
fn tar_files(folder: &Path) -> Result<Vec<String>> {
    let list = || -> std::io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(folder)? {
            if let Ok(name) = entry?.file_name().into_string()
                && name.to_ascii_lowercase().ends_with(".tar")
                && !name.starts_with('.')
            {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    };
    list().map_err(|source| Error::io("list", folder, source))
}
