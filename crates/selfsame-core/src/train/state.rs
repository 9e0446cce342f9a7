//! A training as a checkpoint and back.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use burn::tensor::{Tensor, TensorData};

use super::Progress;
use crate::checkpoint::{self, Checkpoint};
use crate::method::Method;
use crate::nn::Parameters;
use crate::optimizer::Optimizer;
use crate::{Error, Result, host};

/// Where and how often a training is saved.
#[derive(Clone, Debug)]
pub struct Checkpoints {
    folder: Option<PathBuf>,
    method: String,
    every: usize,
}

impl Checkpoints {
    /// Saves into `folder` for the method of this name, and keeps one checkpoint every `every` epochs (0: none but `last` and `best`).
    pub fn new(folder: impl AsRef<Path>, method: &str, every: usize) -> Self {
        Self { folder: Some(folder.as_ref().to_owned()), method: method.into(), every }
    }

    /// Saves nothing.
    pub fn none() -> Self {
        Self { folder: None, method: String::new(), every: 0 }
    }

    /// Saves the whole state under this name.
    ///
    /// # Errors
    /// When it cannot be written; the previous checkpoint of the name stays. When a weight is not finite.
    pub(super) fn save<M: Method + ?Sized>(
        &self,
        name: &str,
        method: &mut M,
        optimizer: &Optimizer,
        progress: &Progress,
    ) -> Result<()> {
        let Some(folder) = &self.folder else { return Ok(()) };
        let mut tensors = BTreeMap::new();
        for (part, module) in method.state() {
            for parameter in module.parameters() {
                let values = host::values(parameter.value)?;
                finite(&parameter.name, &values, progress)?;
                tensors
                    .insert(format!("{part}.{}", parameter.name), TensorData::new(values, parameter.shape));
            }
        }
        for (name, value) in optimizer.state() {
            tensors.insert(format!("optimizer.{name}"), value.into_data());
        }
        checkpoint::save(folder, name, &Checkpoint::new(&self.method, progress, tensors)?)
    }

    /// Saves `best` and `epoch-0010` where they are due, then `last`: a training that dies in between makes up for what
    /// is missing when it goes on from the `last` before.
    pub(super) fn save_epoch<M: Method + ?Sized>(
        &self,
        method: &mut M,
        optimizer: &Optimizer,
        progress: &Progress,
        best: bool,
    ) -> Result<()> {
        if best {
            self.save("best", method, optimizer, progress)?;
        }
        if self.every > 0 && progress.epoch.is_multiple_of(self.every) {
            self.save(&checkpoint::epoch_name(progress.epoch), method, optimizer, progress)?;
        }
        self.save("last", method, optimizer, progress)
    }
}

/// Puts a checkpoint's tensors into a method and an optimiser of the same configuration.
///
/// # Errors
/// Tensors that are missing or have another shape: the checkpoint was written by another method, version, backbone or
/// optimiser.
pub fn restore<M: Method + ?Sized>(
    checkpoint: &mut Checkpoint,
    method: &mut M,
    optimizer: Option<&mut Optimizer>,
) -> Result<()> {
    for (part, module) in method.state() {
        restore_part(checkpoint, part, module)?;
    }
    if let Some(optimizer) = optimizer {
        let device = method.trained().parameters().first().map(|parameter| parameter.value.device());
        let device = device.ok_or_else(|| Error::Internal("a method without parameters".into()))?;
        let state = checkpoint.take_part("optimizer");
        let state = state.into_iter().map(|(name, data)| (name, Tensor::from_data(data, &device))).collect();
        // The settings are those of the run, so that the checkpoint is what does not fit.
        optimizer.load_state(state).map_err(|error| match error {
            Error::Config { what, help } => Error::data(checkpoint.source(), what, help),
            other => other,
        })?;
    }
    Ok(())
}

/// Puts the tensors below `part` into a module.
///
/// # Errors
/// As [`restore`].
pub fn restore_part(checkpoint: &mut Checkpoint, part: &str, module: &mut dyn Parameters) -> Result<()> {
    let mut values = BTreeMap::new();
    for parameter in module.parameters() {
        let data = checkpoint.take(&format!("{part}.{}", parameter.name), &parameter.shape)?;
        let flat = data.try_into_vec::<f32>().map_err(|error| {
            let what = format!("tensor {part}.{} is not f32: {error}", parameter.name);
            Error::data(checkpoint.source(), what, "the checkpoint is not of this version; begin a new run")
        })?;
        values.insert(parameter.name, Tensor::<1>::from_floats(flat.as_slice(), &parameter.value.device()));
    }
    module.update(&mut |name, _| values.remove(name));
    Ok(())
}

fn finite(name: &str, values: &[f32], progress: &Progress) -> Result<()> {
    if values.iter().all(|value| value.is_finite()) {
        return Ok(());
    }
    Err(Error::diverged(
        format!("{name} holds a value that is not finite after step {}", progress.step),
        "the last good checkpoint is kept; train anew with a lower optimizer.lr or optimizer.clip = 1.0",
    ))
}
