//! Checkpoints: everything that a run needs to go on as if it had never stopped.
//!
//! A checkpoint is a folder with two files, `state.safetensors` (all tensors by dotted names) and `checkpoint.toml`
//! (the method, its progress, and size and CRC-32C of the tensors' file; TOML because its numbers come back to the last
//! bit). What is too large to be held twice in memory, such as an agent's replay, may lie beside them in a file of its own ([`ATTACHED`]).
//! Reading one executes nothing. A run keeps `last`, `best` and every N epochs `epoch-0010`.
//!
//! [`save`] never leaves a name without a complete checkpoint, whenever the process dies and however full the disk is;
//! [`load`] tells a truncated or foreign file from a checkpoint.

mod format;
mod store;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use burn::tensor::TensorData;
use serde::{Serialize, de::DeserializeOwned};
use toml::Table;

use crate::{Error, Result};

pub use format::ATTACHED;
pub(crate) use store::{clear_all_leftovers, remove_all};
pub use store::{epoch_name, list, load, save, save_with};

const OTHER_VERSION: &str =
    "go on with the settings and the version of selfsame that wrote it, or train from the start";

/// A checkpoint in memory.
#[derive(Clone, Debug, Default)]
pub struct Checkpoint {
    /// The name of the method that was trained, such as `simclr`.
    pub method: String,
    /// Its tensors by dotted name: `model.backbone.conv1.weight`, `optimizer.backbone.conv1.weight.momentum` …
    pub tensors: BTreeMap<String, TensorData>,
    /// Where the training stands.
    progress: Table,
    /// Where it was loaded from, for messages.
    source: PathBuf,
}

impl Checkpoint {
    /// A checkpoint to save. `progress` is a struct that says where the training stands.
    ///
    /// # Errors
    ///
    /// `Error::Internal` when `progress` is not a struct or has numbers above 2⁶³.
    pub fn new(
        method: &str,
        progress: &impl Serialize,
        tensors: BTreeMap<String, TensorData>,
    ) -> Result<Self> {
        let progress = Table::try_from(progress)
            .map_err(|error| Error::Internal(format!("cannot save the progress of a training: {error}")))?;
        Ok(Self { method: method.to_owned(), tensors, progress, source: PathBuf::new() })
    }

    /// Where the training stands, as it was given to [`new`](Self::new).
    ///
    /// # Errors
    ///
    /// `Error::Data` when it is of another shape.
    pub fn progress<T: DeserializeOwned>(&self) -> Result<T> {
        self.progress.clone().try_into().map_err(|error| {
            let error = error.to_string();
            Error::data(
                &self.source,
                format!("unknown kind of progress: {}", error.trim_end()),
                OTHER_VERSION,
            )
        })
    }

    /// The folder that it was loaded from; empty for one that was not.
    pub fn source(&self) -> &Path {
        &self.source
    }

    /// Makes sure that the checkpoint is of this method.
    ///
    /// # Errors
    ///
    /// `Error::Data` when it is of another.
    pub fn check_method(&self, method: &str) -> Result<()> {
        if self.method == method {
            return Ok(());
        }
        Err(Error::data(
            &self.source,
            format!("the checkpoint was written by {}, this run trains {method}", self.method),
            format!("train {method} from the start, or go on with {}", self.method),
        ))
    }

    /// Takes out the tensor `name`, which must have this shape.
    ///
    /// # Errors
    ///
    /// `Error::Data` when it is not there or has another shape.
    pub fn take(&mut self, name: &str, shape: &[usize]) -> Result<TensorData> {
        let data = self.tensors.remove(name).ok_or_else(|| {
            Error::data(
                &self.source,
                format!("the checkpoint has no tensor `{name}` (it was written by {})", self.method),
                OTHER_VERSION,
            )
        })?;
        let found = data.shape().as_slice().to_vec();
        if found != shape {
            return Err(Error::data(
                &self.source,
                format!("`{name}` has shape {found:?}, this run needs {shape:?}"),
                "go on with the settings that the checkpoint was written with (config.toml of its run)",
            ));
        }
        Ok(data)
    }

    /// Takes out all tensors below `part`, by the rest of their names.
    pub fn take_part(&mut self, part: &str) -> Vec<(String, TensorData)> {
        let prefix = format!("{part}.");
        let names: Vec<String> =
            self.tensors.keys().filter(|name| name.starts_with(&prefix)).cloned().collect();
        let taken = names.into_iter().filter_map(|name| self.tensors.remove_entry(&name));
        taken.map(|(name, data)| (name[prefix.len()..].to_owned(), data)).collect()
    }

    /// Makes sure that all tensors were taken.
    ///
    /// # Errors
    ///
    /// `Error::Data` that names one that was not.
    pub fn finish(self) -> Result<()> {
        match self.tensors.keys().next() {
            None => Ok(()),
            Some(name) => Err(Error::data(
                &self.source,
                format!(
                    "this run does not know the checkpoint's tensor `{name}` ({} left)",
                    self.tensors.len()
                ),
                OTHER_VERSION,
            )),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;
