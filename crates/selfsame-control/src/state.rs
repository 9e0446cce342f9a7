//! An agent out of a checkpoint.

use burn::tensor::Tensor;
use selfsame_core::checkpoint::Checkpoint;
use selfsame_core::train::restore_part;
use selfsame_core::{Error, Result};

use crate::method::Agent;
use crate::pretrain::Control;

/// Makes sure that a checkpoint is of an agent in this environment.
///
/// # Errors
/// [`Error::Data`] when it is of another.
pub fn check_environment(checkpoint: &Checkpoint, control: &Control, environment: &str) -> Result<()> {
    if control.environment == environment {
        return Ok(());
    }
    Err(Error::data(
        checkpoint.source(),
        format!("the checkpoint is of an agent in {}, this run is in {environment}", control.environment),
        "restore the run's own checkpoint, or begin a new run",
    ))
}

/// Puts a checkpoint's networks into an agent of the same settings.
///
/// # Errors
/// Tensors that are missing or have another shape.
pub fn restore_agent(checkpoint: &mut Checkpoint, agent: &mut dyn Agent) -> Result<()> {
    agent.state().into_iter().try_for_each(|(part, module)| restore_part(checkpoint, part, module))
}

/// Puts the state of a checkpoint's optimisers into those of an agent whose networks are restored.
///
/// # Errors
/// State that is incomplete or of another optimiser.
pub fn restore_optimizers(checkpoint: &mut Checkpoint, agent: &mut dyn Agent) -> Result<()> {
    let device = agent
        .state()
        .iter()
        .find_map(|(_, module)| module.parameters().first().map(|parameter| parameter.value.device()))
        .ok_or_else(|| Error::Internal("an agent without parameters".into()))?;
    for (part, optimizer) in agent.optimizers() {
        let state = checkpoint.take_part(part).into_iter();
        let state = state.map(|(name, data)| (name, Tensor::from_data(data, &device))).collect();
        // The settings are those of the run, so that the checkpoint is what does not fit.
        optimizer.load_state(state).map_err(|error| match error {
            Error::Config { what, help } => Error::data(checkpoint.source(), what, help),
            other => other,
        })?;
    }
    Ok(())
}
