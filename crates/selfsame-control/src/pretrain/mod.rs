//! A whole training of an agent: from settings to a finished run folder.

mod learner;
mod observation;
mod session;
mod standing;

pub use observation::Observation;
pub use standing::{Control, Episode, Standing};

use std::time::Instant;

use selfsame_core::optimizer::OptimizerConfig;
use selfsame_core::pretrain::{Common, Modality, Prepared};
use selfsame_core::settings::Resolved;
use selfsame_core::tensor::Device;
use selfsame_core::train::Yardstick;
use selfsame_core::{Error, Random, Result, device};

use crate::data::replay::{Replay, ReplaySettings, Segmentation};
use crate::data::{Environment, EnvironmentOptions, VectorEnvironment};
use crate::method::{self, Agent, Build, Entry, Plan, SegmentReward};
use crate::settings::{DEFAULTS, DataSettings, RunSettings, ScheduleSettings};
use learner::ControlLearner;

/// What an agent goes through in an environment, as something to learn from.
pub static MODALITY: Modality = Modality {
    data: "an environment",
    instances: "steps",
    defaults: DEFAULTS,
    paths: &[("data", "replay_folder")],
    yardstick: Yardstick::RETURN,
    holds_out: true,
    next: &[
        "selfsame eval episodes RUN --episodes 100",
        "selfsame eval episodes RUN --video RUN/episodes.gif",
    ],
    methods: || method::METHODS.iter().map(|entry| entry.about).collect(),
    prepare,
};

/// Makes the training of an agent ready: opens its environment, and makes its networks and its replay.
///
/// # Errors
/// Settings that cannot be used (exit code 2), an environment that is not there (2 or 3), a device that is not, or too little memory (2 or 4).
pub fn prepare(mut settings: Resolved) -> Result<Prepared> {
    let started = Instant::now();
    let entry = method::by_name(settings.text("method.name"))?;
    let data = DataSettings::of(&settings)?;
    let environments = data.open_all()?;
    let environment = &*environments[0];
    let notes = method::resolve_auto(&mut settings, environment.name(), environment.actions());
    let (common, schedule) = common(&settings)?;
    schedule.check_rounds(environments.len())?;
    let device = device::by_name(&common.run.device)?.autodiff();
    let mut agent = build(entry, &settings, environment, &device)?;
    let plan = agent.plan();
    let replay_settings = replay_settings(&settings, &plan, environment)?;
    check_beginning(&plan, schedule.steps, environments.len(), replay_settings.capacity)?;
    let parameters = agent.state().into_iter().flat_map(|(_, module)| module.parameters());
    let parameters = parameters.map(|parameter| parameter.shape.iter().product::<usize>()).sum();
    let learner = ControlLearner {
        name: environment.name().to_owned(),
        pixels: environment.pixels(),
        actions: environment.actions(),
        fingerprint: fingerprint(&data, environment),
        replay: Replay::new(replay_settings)?,
        environment: VectorEnvironment::new(environments)?,
        parameters,
        agent,
        plan,
        steps: schedule.steps,
        epoch_steps: schedule.epoch_steps,
    };
    Prepared::new(&MODALITY, entry.about, (settings, notes), common, Box::new(learner), started)
}

/// The sections that all trainings have, and how long the agent acts.
fn common(settings: &Resolved) -> Result<(Common, ScheduleSettings)> {
    let run: RunSettings = settings.section("run")?;
    let schedule: ScheduleSettings = settings.section("schedule")?;
    let optimizer: OptimizerConfig = settings.section("optimizer")?;
    schedule.validate()?;
    optimizer.validate()?;
    let common = Common { run: run.common(), schedule: schedule.common(), optimizer };
    common.run.validate()?;
    Ok((common, schedule))
}

/// The agent of these settings before its first step, on a device.
pub(crate) fn build(
    entry: &Entry,
    settings: &Resolved,
    environment: &dyn Environment,
    device: &Device,
) -> Result<Box<dyn Agent>> {
    let RunSettings { seed, .. } = settings.section("run")?;
    (entry.build)(&Build {
        settings,
        actions: environment.actions(),
        pixels: environment.pixels(),
        random: Random::new(seed).named("parameters"),
        device: device.clone(),
    })
}

/// What the replay of an agent keeps.
fn replay_settings(
    settings: &Resolved,
    plan: &Plan,
    environment: &dyn Environment,
) -> Result<ReplaySettings> {
    let data = DataSettings::of(settings)?;
    let schedule: ScheduleSettings = settings.section("schedule")?;
    Ok(ReplaySettings {
        // What can never be filled is not taken; an episode that is cut off takes a place more.
        capacity: data
            .capacity
            .min(2 * schedule.steps + data.environments * (plan.multi_step + plan.stack + 1)),
        environments: data.environments,
        pixels: environment.pixels(),
        actions: environment.actions(),
        stack: plan.stack,
        steps: plan.multi_step,
        discount: plan.discount,
        reward_clip: data.reward_clip.value().filter(|clip| *clip > 0.0),
        priority_exponent: plan.priority,
        segmentation: segmentation(plan),
        folder: (!data.replay_folder.as_os_str().is_empty()).then_some(data.replay_folder),
    })
}

/// Where segments end as long as nothing was chosen from the data.
pub(crate) fn segmentation(plan: &Plan) -> Segmentation {
    match plan.segments {
        Some(SegmentReward::Gathered(reward)) => Segmentation::Gathered(reward),
        _ => Segmentation::Reward,
    }
}

/// Whether the first update finds a batch, and whether there is one at all.
fn check_beginning(plan: &Plan, steps: usize, environments: usize, capacity: usize) -> Result<()> {
    let Plan { batch_size, multi_step, first_update, .. } = *plan;
    if steps <= first_update {
        return Err(Error::config(
            format!(
                "schedule.steps is {steps}, but the agent learns from step {first_update} on: nothing would be learned"
            ),
            format!("act longer: --steps {} at least", first_update + 1),
        ));
    }
    // What the last whole round before it has stored. A transition counts once its return is known, in each environment.
    let stored = first_update / environments * environments;
    let stored = stored.min(capacity).saturating_sub(environments * multi_step);
    if batch_size > stored {
        return Err(Error::config(
            format!(
                "run.batch_size is {batch_size}, but the first update finds {stored} transitions in the replay"
            ),
            format!(
                "make the batch smaller with --batch-size, or keep more steps before the first update (step {first_update}) and in the replay (data.capacity)"
            ),
        ));
    }
    Ok(())
}

/// Changes when the environment does, its options, or what is seen and can be done in it; not with the Python that runs it.
fn fingerprint(data: &DataSettings, environment: &dyn Environment) -> String {
    let options = EnvironmentOptions { python: None, timeout: 0.0, ..data.options.clone() };
    let (pixels, actions) = (environment.pixels(), environment.actions());
    let text = format!("{} {pixels:?} {actions:?} {options:?}", environment.name());
    format!("{:016x}", Random::new(0).named(&text).bits())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests;
