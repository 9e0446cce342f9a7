//! Weights out, for torchvision, timm and everything that reads safetensors.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::nn::Parameter;
use crate::{Error, Result, atomic_file};

/// Who will load the weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// `torchvision.models.*`. The names are its own; batch norm's `num_batches_tracked` is added, so
    /// that a strict load of a backbone misses nothing but its classifier.
    Torchvision,
    /// `timm.create_model("resnet*", num_classes=0)`, whose names and tensors are torchvision's; the same
    /// file.
    Timm,
    /// Anyone: the parameters and running statistics, nothing added.
    Safetensors,
}

impl Format {
    /// The name that the program uses.
    pub fn name(self) -> &'static str {
        match self {
            Self::Torchvision => "torchvision",
            Self::Timm => "timm",
            Self::Safetensors => "safetensors",
        }
    }
}

/// Writes the weights to `path`, with `metadata` in the file's header, and `preprocess.json` beside it, which holds `about`; returns
/// the paths of both. Missing folders are made. `steps` are those of the optimiser. A `backbone.` before a name is left out.
///
/// # Errors
/// When a file cannot be written, or the name does not end in `.safetensors`.
pub fn export(
    parameters: &[Parameter],
    format: Format,
    steps: usize,
    metadata: Value,
    about: &impl Serialize,
    path: &Path,
) -> Result<[PathBuf; 2]> {
    if path.extension().is_none_or(|extension| extension != "safetensors") {
        let what = format!("weights are written as safetensors, not as `{}`", path.display());
        return Err(Error::config(
            what,
            "choose a name that ends in `.safetensors`; PyTorch loads it with `safetensors.torch.load_file`",
        ));
    }
    let mut tensors = Vec::new();
    for parameter in parameters {
        let name = parameter.name.strip_prefix("backbone.").unwrap_or(&parameter.name).to_owned();
        if let (Format::Torchvision | Format::Timm, Some(norm)) = (format, name.strip_suffix("running_var")) {
            let tracked = (steps as i64).to_le_bytes().to_vec();
            tensors.push(Stored {
                name: format!("{norm}num_batches_tracked"),
                kind: "I64",
                shape: &[],
                bytes: tracked,
            });
        }
        tensors.push(Stored { name, kind: "F32", shape: &parameter.shape, bytes: values(parameter)? });
    }
    atomic_file::make_folder_of(path)?;
    write_safetensors(path, metadata, &mut tensors)?;

    let beside = path.with_file_name("preprocess.json");
    let text = format!("{:#}\n", json!(about));
    atomic_file::write(&beside, |file| file.write_all(text.as_bytes()))?;
    Ok([path.to_owned(), beside])
}

struct Stored<'a> {
    name: String,
    kind: &'static str,
    shape: &'a [usize],
    bytes: Vec<u8>,
}

fn values(parameter: &Parameter) -> Result<Vec<u8>> {
    let values = parameter.value.to_data().convert::<f32>().try_to_vec::<f32>();
    let values = values.map_err(|error| Error::Internal(format!("reading {}: {error:?}", parameter.name)))?;
    Ok(values.iter().flat_map(|value| value.to_le_bytes()).collect())
}

/// The crate's own writer orders the metadata by random hashes; here equal weights make equal files.
fn write_safetensors(path: &Path, metadata: Value, tensors: &mut [Stored<'_>]) -> Result<()> {
    // The wider type comes first, so that everything is aligned.
    tensors.sort_by_key(|tensor| tensor.kind != "I64");
    let mut header = Map::new();
    header.insert("__metadata__".into(), metadata);
    let mut offset = 0;
    for tensor in tensors.iter() {
        let end = offset + tensor.bytes.len();
        let entry = json!({ "dtype": tensor.kind, "shape": tensor.shape, "data_offsets": [offset, end] });
        header.insert(tensor.name.clone(), entry);
        offset = end;
    }
    let mut header = Value::Object(header).to_string().into_bytes();
    header.resize(header.len().next_multiple_of(8), b' ');
    atomic_file::write(path, |file| {
        file.write_all(&(header.len() as u64).to_le_bytes())?;
        file.write_all(&header)?;
        tensors.iter().try_for_each(|tensor| file.write_all(&tensor.bytes))
    })
}
