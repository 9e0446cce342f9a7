//! A file of named tensors, whatever its format.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn_store::pytorch_reader::{self, PytorchReader};
use half::{bf16, f16};
use safetensors::SafeTensors;
use safetensors::tensor::Dtype;

use crate::{Error, Result};

/// A file of named tensors. Only names and shapes are read until a tensor is asked for.
pub struct WeightFile {
    path: PathBuf,
    tensors: BTreeMap<String, StoredTensor>,
}

/// A tensor in a file.
pub struct StoredTensor {
    /// Its shape.
    pub shape: Vec<usize>,
    /// `None` for whole numbers and whatever else is no weight.
    precision: Option<Precision>,
    bytes: Box<dyn Fn() -> Result<Vec<u8>, String>>,
}

#[derive(Clone, Copy)]
enum Precision {
    Double,
    Single,
    Half,
    Brain,
}

impl WeightFile {
    /// Opens a safetensors or PyTorch file; its content decides which it is.
    ///
    /// # Errors
    /// When it cannot be read or is neither.
    pub fn open(path: &Path) -> Result<Self> {
        let mut start = Vec::new();
        let file = fs::File::open(path).map_err(|error| Error::io("open", path, error))?;
        file.take(64).read_to_end(&mut start).map_err(|error| Error::io("read", path, error))?;
        let is_safetensors = start.get(8) == Some(&b'{');
        let tensors = if is_safetensors { read_safetensors(path)? } else { read_pytorch(path, &start)? };
        Ok(Self { path: path.to_owned(), tensors })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The tensor of this name.
    pub fn get(&self, name: &str) -> Option<&StoredTensor> {
        self.tensors.get(name)
    }

    /// The names of all tensors, sorted.
    pub fn names(&self) -> Vec<&str> {
        self.tensors.keys().map(String::as_str).collect()
    }

    /// Names of the weights that are not in `used`, sorted.
    pub fn others(&self, used: &[String]) -> Vec<String> {
        let weights = self.tensors.iter().filter(|(_, tensor)| tensor.precision.is_some());
        weights.map(|(name, _)| name).filter(|name| !used.contains(name)).cloned().collect()
    }

    /// The values of a tensor in row-major order.
    ///
    /// # Errors
    /// When it is missing, damaged, or holds something else than finite floating point numbers.
    pub fn read(&self, name: &str) -> Result<Vec<f32>> {
        let broken = |what: String| {
            Error::data(&self.path, what, "the file is damaged or cut short: copy or download it again")
        };
        let stored = self.get(name).ok_or_else(|| broken(format!("{name} is missing")))?;
        let Some(precision) = stored.precision else {
            let help = "export the weights as 32-bit or 16-bit floating point numbers";
            return Err(Error::data(
                &self.path,
                format!("{name} does not hold floating point numbers"),
                help,
            ));
        };
        let values = precision.decode(&(stored.bytes)().map_err(broken)?);
        match values.iter().position(|value| !value.is_finite()) {
            Some(at) => {
                let what = format!("{name} holds {} at position {at}", values[at]);
                Err(Error::data(&self.path, what, "these weights diverged: use an earlier checkpoint"))
            }
            None => Ok(values),
        }
    }
}

impl Precision {
    fn decode(self, bytes: &[u8]) -> Vec<f32> {
        match self {
            Self::Double => bytes.as_chunks().0.iter().map(|&b| f64::from_le_bytes(b) as f32).collect(),
            Self::Single => bytes.as_chunks().0.iter().map(|&b| f32::from_le_bytes(b)).collect(),
            Self::Half => bytes.as_chunks().0.iter().map(|&b| f16::from_le_bytes(b).to_f32()).collect(),
            Self::Brain => bytes.as_chunks().0.iter().map(|&b| bf16::from_le_bytes(b).to_f32()).collect(),
        }
    }
}

fn read_safetensors(path: &Path) -> Result<BTreeMap<String, StoredTensor>> {
    let bytes = Arc::new(fs::read(path).map_err(|error| Error::io("read", path, error))?);
    let (header, metadata) = SafeTensors::read_metadata(&bytes).map_err(|error| {
        let what = format!("not a whole safetensors file: {error}");
        Error::data(path, what, "the file is damaged or cut short: copy or download it again")
    })?;
    let start = header + size_of::<u64>();
    let stored = metadata.tensors().into_iter().map(|(name, info)| {
        let range = start + info.data_offsets.0..start + info.data_offsets.1;
        let bytes = bytes.clone();
        let precision = match info.dtype {
            Dtype::F64 => Some(Precision::Double),
            Dtype::F32 => Some(Precision::Single),
            Dtype::F16 => Some(Precision::Half),
            Dtype::BF16 => Some(Precision::Brain),
            _ => None,
        };
        let bytes =
            move || bytes.get(range.clone()).map(<[u8]>::to_vec).ok_or_else(|| "cut short".to_owned());
        (name, StoredTensor { shape: info.shape.clone(), precision, bytes: Box::new(bytes) })
    });
    Ok(stored.collect())
}

fn read_pytorch(path: &Path, start: &[u8]) -> Result<BTreeMap<String, StoredTensor>> {
    let reader = PytorchReader::new(path).map_err(|error| {
        let help = match start {
            [] => "the file is empty: copy or download it again",
            _ if start.starts_with(b"version https://git-lfs") => "this is a Git LFS pointer: run `git lfs pull`",
            _ if start.trim_ascii_start().starts_with(b"<") => "this is a web page: download the file behind it",
            _ => "give a safetensors file, or a state dictionary that PyTorch saved (`.pth`); a damaged file must be copied again",
        };
        Error::data(path, format!("cannot be read as weights: {error}"), help)
    })?;
    let stored = reader.into_tensors().into_iter().map(|(name, tensor)| {
        let precision = match tensor.dtype() {
            pytorch_reader::DType::F64 => Some(Precision::Double),
            pytorch_reader::DType::F32 => Some(Precision::Single),
            pytorch_reader::DType::F16 => Some(Precision::Half),
            pytorch_reader::DType::BF16 => Some(Precision::Brain),
            _ => None,
        };
        let shape = tensor.shape().to_vec();
        let bytes = move || tensor.read().map_err(|error| error.to_string());
        (name, StoredTensor { shape, precision, bytes: Box::new(bytes) })
    });
    Ok(stored.collect())
}
