//! A whole training on interactions: from settings to a finished run folder.

mod batches;
mod fingerprint;
mod measure;

pub use batches::GraphBatches;
pub(crate) use fingerprint::fingerprint;
pub use measure::Held;

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use selfsame_core::pretrain::{Common, Learner, Modality, Prepared, Training, absolute};
use selfsame_core::run::{DataRecord, RunFolder};
use selfsame_core::settings::Resolved;
use selfsame_core::tensor::Device;
use selfsame_core::train::{Outcome, Yardstick};
use selfsame_core::{Error, Random, Result, device};
use serde::Deserialize;

use crate::data::{InteractionData, Interactions, PairSampler, Visits};
use crate::method::{self, Build, Entry, GraphMethod};
use crate::settings::{DEFAULTS, DataSettings, MeasureOn, PATHS, resolve_auto};

/// Interactions of users and items, as something to learn from.
pub static MODALITY: Modality = Modality {
    data: "interactions",
    instances: "pairs",
    defaults: DEFAULTS,
    paths: PATHS,
    yardstick: Yardstick::RECALL,
    holds_out: true,
    next: &[
        "selfsame eval ranking RUN",
        "selfsame recommend RUN --user ID --top 20",
        "selfsame embed RUN -o embeddings.parquet",
    ],
    methods: || method::METHODS.iter().map(|entry| entry.about).collect(),
    prepare,
};

/// Makes a training on interactions ready: reads and splits them, and makes the embeddings.
///
/// # Errors
/// Settings that cannot be used (exit code 2), data that is not there or broken (3), a device that is not (2 or 4).
pub fn prepare(mut settings: Resolved) -> Result<Prepared> {
    let started = Instant::now();
    let entry = method::by_name(settings.text("method.name"))?;
    let from: DataSettings = settings.section("data")?;
    let data = from.open(seed(&settings)?)?;
    let mut notes = resolve_auto(&mut settings, data.train.len());
    let common = Common::of(&settings)?;

    let train = Arc::new(data.train.clone());
    let visits: Visits = settings.section::<Sampling>("method")?.sampling;
    let sampler = PairSampler::new(train.clone(), visits, common.run.seed);
    if sampler.is_empty() {
        let what = "there is nothing to learn: every user has every item";
        return Err(Error::data(
            Path::new(&from.path),
            what,
            "give data in which items differ from user to user",
        ));
    }
    if sampler.full_users() > 0 {
        notes.push(format!("{} users have every item and are left out", sampler.full_users()));
    }
    let device = device::by_name(&common.run.device)?.autodiff();
    let method = build(entry, &settings, &train, &device)?;
    let held = match common.run.measure_every {
        0 => None,
        _ => Held::of(&data, from.measure),
    };
    notes.extend(check_measure(&from, &data, held.as_ref(), common.run.patience)?);
    let batches =
        GraphBatches::new(sampler, train, method.thinning(), common.run.batch_size, common.run.seed);
    let learner = GraphLearner { path: from.path, noise: from.noise, data, method, batches, held };
    Prepared::new(&MODALITY, entry.about, (settings, notes), common, Box::new(learner), started)
}

/// What all graph methods have in their section.
#[derive(Deserialize)]
struct Sampling {
    sampling: Visits,
}

/// The seed of the training, which is needed before other settings are complete.
fn seed(settings: &Resolved) -> Result<u64> {
    #[derive(Deserialize)]
    struct Seed {
        seed: u64,
    }
    Ok(settings.section::<Seed>("run")?.seed)
}

/// What should be known of how the training is measured.
fn check_measure(
    from: &DataSettings,
    data: &InteractionData,
    held: Option<&Held>,
    patience: usize,
) -> Result<Option<String>> {
    if patience > 0 && (held.is_none() || from.measure == MeasureOn::Test) {
        return Err(Error::config(
            format!("run.patience is {patience}, but nothing is held out to decide by"),
            "hold a share out of training: --set data.validation_share=0.1, or give a file with --eval-data",
        ));
    }
    Ok(match (from.measure, held) {
        (MeasureOn::Test, None) if data.test.is_empty() => {
            return Err(Error::config(
                "data.measure is \"test\", but there is no test",
                "give a file with --set data.test=FILE, or hold a share out: --set data.split=ratio",
            ));
        }
        (MeasureOn::Test, _) => Some(
            "data.measure = \"test\": good for curves; the checkpoint `best` is then chosen by the test, so report `last`".into(),
        ),
        (MeasureOn::Validation, None) => Some(
            "nothing is measured while training; data.validation_share = 0.1 holds a tenth of it out for that".into(),
        ),
        _ => None,
    })
}

/// The method of these settings before its first step, on a device.
pub(crate) fn build(
    entry: &Entry,
    settings: &Resolved,
    train: &Interactions,
    device: &Device,
) -> Result<Box<dyn GraphMethod>> {
    let random = Random::new(seed(settings)?).named("parameters");
    (entry.build)(&Build { interactions: train, settings, random, device: device.clone() })
}

/// A training on interactions.
struct GraphLearner {
    path: String,
    noise: f64,
    data: InteractionData,
    method: Box<dyn GraphMethod>,
    batches: GraphBatches,
    held: Option<Held>,
}

impl Learner for GraphLearner {
    fn data(&self) -> DataRecord {
        DataRecord {
            path: absolute(Path::new(&self.path)).display().to_string(),
            instances: self.data.train.len() as u64,
            fingerprint: fingerprint(&self.data),
        }
    }

    fn batches_per_epoch(&self) -> usize {
        self.batches.per_epoch()
    }

    fn describe(&self) -> Vec<(&'static str, String)> {
        let (data, nodes) = (&self.data, self.method.nodes());
        let [rows, dimension] = nodes.initial().dims();
        let noise = match self.noise {
            0.0 => String::new(),
            share => format!(", of which {:.1} % are false", 100.0 * share / (1.0 + share)),
        };
        let mut lines = vec![
            (
                "data",
                format!(
                    "{}: {} users, {} items, {} interactions to learn from{noise}, {} for validation, {} for the test",
                    self.path,
                    data.users.len(),
                    data.items.len(),
                    data.train.len(),
                    data.validation.len(),
                    data.test.len()
                ),
            ),
            (
                "backbone",
                format!(
                    "{rows} embeddings of dimension {dimension}, {} layers, {:.2} M parameters",
                    nodes.layers(),
                    (rows * dimension) as f64 / 1e6
                ),
            ),
        ];
        if let Some(thinning) = self.method.thinning() {
            lines.push((
                "views",
                format!("{} dropout, {} of the graph", thinning.augmentation, thinning.ratio),
            ));
        }
        lines
    }

    fn begun(&self, folder: &RunFolder) -> Result<()> {
        let [users, items] = folder.ids();
        self.data.users.write(&users)?;
        self.data.items.write(&items)
    }

    fn train(&mut self, training: Training<'_>) -> Result<Outcome> {
        let (held, known) = (&self.held, &self.data.train);
        training.run(&mut *self.method, &self.batches, &mut |method| {
            held.as_ref().map(|held| held.recall(method.nodes(), known)).transpose()
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests;
