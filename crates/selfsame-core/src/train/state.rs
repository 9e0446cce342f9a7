//! A training as a checkpoint and back.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use burn::tensor::{Tensor, TensorData};
use serde::Serialize;

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
        if self.folder.is_none() {
            return Ok(());
        }
        let mut tensors = tensors_of(method.state(), progress.step)?;
        for (name, value) in optimizer.state() {
            tensors.insert(format!("optimizer.{name}"), value.into_data());
        }
        self.write(name, progress, tensors, &mut |_| Ok(()))
    }

    /// Saves these tensors and this progress under this name; `attach` puts what is too large for tensors into the checkpoint's folder, in the
    /// file [`checkpoint::ATTACHED`].
    ///
    /// # Errors
    /// When it cannot be written; the previous checkpoint of the name stays.
    pub fn write(
        &self,
        name: &str,
        progress: &impl Serialize,
        tensors: BTreeMap<String, TensorData>,
        attach: &mut dyn FnMut(&Path) -> Result<()>,
    ) -> Result<()> {
        let Some(folder) = &self.folder else { return Ok(()) };
        checkpoint::save_with(folder, name, &Checkpoint::new(&self.method, progress, tensors)?, attach)
    }

    /// The name under which the state after `epoch` epochs is kept, if it is.
    pub fn kept(&self, epoch: usize) -> Option<String> {
        (self.every > 0 && epoch.is_multiple_of(self.every)).then(|| checkpoint::epoch_name(epoch))
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
        if let Some(name) = self.kept(progress.epoch) {
            self.save(&name, method, optimizer, progress)?;
        }
        self.save("last", method, optimizer, progress)
    }
}

/// The parameters of modules as a checkpoint holds them: `part.name`.
///
/// # Errors
/// When a value is not finite after so many `steps`, or a device fails to hand it out.
pub fn tensors_of(
    modules: Vec<(&'static str, &mut dyn Parameters)>,
    steps: usize,
) -> Result<BTreeMap<String, TensorData>> {
    let mut tensors = BTreeMap::new();
    for (part, module) in modules {
        for parameter in module.parameters() {
            let values = host::values(parameter.value)?;
            finite(&parameter.name, &values, steps)?;
            tensors.insert(format!("{part}.{}", parameter.name), TensorData::new(values, parameter.shape));
        }
    }
    Ok(tensors)
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

fn finite(name: &str, values: &[f32], steps: usize) -> Result<()> {
    if values.iter().all(|value| value.is_finite()) {
        return Ok(());
    }
    Err(Error::diverged(
        format!("{name} holds a value that is not finite after step {steps}"),
        "the last good checkpoint is kept; train anew with a lower optimizer.lr or optimizer.clip = 1.0",
    ))
}
