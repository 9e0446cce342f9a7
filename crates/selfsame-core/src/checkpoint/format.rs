//! The two files of a checkpoint, and how to tell them from broken ones.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

use burn::tensor::{DType, TensorData};
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};
use toml::Table;

use super::Checkpoint;
use crate::{Error, Result};

pub(super) const STATE: &str = "state.safetensors";
pub(super) const META: &str = "checkpoint.toml";

/// The file of a checkpoint that its owner writes, and checks when it is read.
pub const ATTACHED: &str = "replay.bin";

/// Rises when older versions of selfsame could misread new checkpoints.
const FORMAT: u32 = 1;

const BROKEN: &str =
    "resume from another checkpoint of the run (--checkpoint epoch-0010), or train from the start";

/// `checkpoint.toml`.
#[derive(Serialize, Deserialize)]
struct Contents {
    format: u32,
    /// The version of selfsame that wrote it.
    version: String,
    method: String,
    state: Checksum,
    progress: Table,
}

#[derive(Serialize, Deserialize, PartialEq)]
struct Checksum {
    bytes: u64,
    crc32c: u32,
}

impl Checksum {
    fn of(bytes: &[u8]) -> Self {
        Self { bytes: bytes.len() as u64, crc32c: crc32c::crc32c(bytes) }
    }
}

/// Writes the two files into a folder that is there, and syncs them. `open` opens a file for writing.
pub(super) fn write<W: SyncWrite>(
    folder: &Path,
    checkpoint: &Checkpoint,
    open: impl Fn(&Path) -> io::Result<W>,
) -> Result<()> {
    let path = folder.join(STATE);
    let views = checkpoint.tensors.iter().map(|(name, data)| Ok((name, View::new(name, data)?)));
    let views: Vec<_> = views.collect::<Result<_>>()?;
    let state = safetensors::serialize(views, None)
        .map_err(|error| Error::Internal(format!("cannot encode the checkpoint: {error}")))?;
    write_file(&path, &state, &open)?;

    let contents = Contents {
        format: FORMAT,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        method: checkpoint.method.clone(),
        state: Checksum::of(&state),
        progress: checkpoint.progress.clone(),
    };
    let path = folder.join(META);
    let text = toml::to_string(&contents)
        .map_err(|error| Error::Internal(format!("cannot encode the checkpoint: {error}")))?;
    write_file(&path, text.as_bytes(), &open)
}

fn write_file<W: SyncWrite>(path: &Path, bytes: &[u8], open: impl Fn(&Path) -> io::Result<W>) -> Result<()> {
    open(path)
        .and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync()
        })
        .map_err(|error| Error::io("write", path, error))
}

/// A file, or what a test puts in its place to run out of disk.
pub(super) trait SyncWrite: Write {
    fn sync(&self) -> io::Result<()>;
}

impl SyncWrite for fs::File {
    fn sync(&self) -> io::Result<()> {
        self.sync_all()
    }
}

/// Reads a checkpoint's folder. `Ok(None)` when there is none.
pub(super) fn read(folder: &Path) -> Result<Option<Checkpoint>> {
    let path = folder.join(META);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            return Err(Error::data(path, "not the description of a checkpoint: not text", BROKEN));
        }
        Err(error) => return Err(Error::io("read", &path, error)),
    };
    let contents = parse(&path, &text)?;

    let path = folder.join(STATE);
    let bytes = fs::read(&path).map_err(|error| Error::io("read", &path, error))?;
    let found = Checksum::of(&bytes);
    if found.bytes != contents.state.bytes {
        let what = format!("has {} bytes instead of {}: it is truncated", found.bytes, contents.state.bytes);
        return Err(Error::data(path, what, BROKEN));
    }
    if found != contents.state {
        return Err(Error::data(path, "its checksum is wrong: the file is damaged", BROKEN));
    }
    let tensors = decode(&bytes).map_err(|error| Error::data(&path, error, BROKEN))?;
    let Contents { method, progress, .. } = contents;
    Ok(Some(Checkpoint { method, tensors, progress, source: folder.to_owned() }))
}

fn parse(path: &Path, text: &str) -> Result<Contents> {
    #[derive(Deserialize)]
    struct Version {
        format: u32,
        #[serde(default)]
        version: String,
    }
    let foreign = |error: toml::de::Error| {
        Error::data(path, format!("not the description of a checkpoint: {}", error.message()), BROKEN)
    };
    // The format first: what else is in the file depends on it.
    let Version { format, version } = toml::from_str(text).map_err(foreign)?;
    if format != FORMAT {
        return Err(Error::data(
            path,
            format!("written in format {format} by selfsame {version}; this version reads format {FORMAT}"),
            format!("use selfsame {version} for this run, or train from the start"),
        ));
    }
    toml::from_str(text).map_err(foreign)
}

fn decode(bytes: &[u8]) -> Result<BTreeMap<String, TensorData>, String> {
    let tensors =
        SafeTensors::deserialize(bytes).map_err(|error| format!("not a safetensors file: {error}"))?;
    let tensor = |(name, view): (&str, safetensors::tensor::TensorView<'_>)| {
        let (bytes, shape) = (view.data(), view.shape());
        // Copied element by element type, because the bytes in the file are not aligned.
        let data = match view.dtype() {
            Dtype::F32 => TensorData::new(bytemuck::pod_collect_to_vec::<u8, f32>(bytes), shape),
            Dtype::F64 => TensorData::new(bytemuck::pod_collect_to_vec::<u8, f64>(bytes), shape),
            Dtype::I64 => TensorData::new(bytemuck::pod_collect_to_vec::<u8, i64>(bytes), shape),
            Dtype::I32 => TensorData::new(bytemuck::pod_collect_to_vec::<u8, i32>(bytes), shape),
            Dtype::U8 => TensorData::new(bytes.to_vec(), shape),
            other => return Err(format!("`{name}` has the element type {other:?}, which is not supported")),
        };
        Ok((name.to_owned(), data))
    };
    tensors.iter().map(tensor).collect()
}

/// A tensor as the safetensors crate wants to see it.
struct View<'a> {
    data: &'a TensorData,
    dtype: Dtype,
}

impl<'a> View<'a> {
    fn new(name: &str, data: &'a TensorData) -> Result<Self> {
        let dtype = match data.dtype() {
            DType::F32 => Dtype::F32,
            DType::F64 => Dtype::F64,
            DType::I64 => Dtype::I64,
            DType::I32 => Dtype::I32,
            DType::U8 => Dtype::U8,
            other => {
                let what = format!("cannot save `{name}`: checkpoints hold no tensors of type {other:?}");
                return Err(Error::Internal(what));
            }
        };
        Ok(Self { data, dtype })
    }
}

impl safetensors::View for View<'_> {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        self.data.shape().as_slice()
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(self.data.bytes())
    }

    fn data_len(&self) -> usize {
        self.data.bytes().len()
    }
}
