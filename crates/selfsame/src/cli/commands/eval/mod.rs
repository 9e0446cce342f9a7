//! `selfsame eval PROTOCOL`

mod agent;
mod dense;
mod ranking;
#[cfg(feature = "video")]
mod videos;

use std::process::ExitCode;

use burn::tensor::Tensor;
use selfsame_core::optimizer::OptimizerName;
use selfsame_core::pretrain::{StoredRun, Weights};
use selfsame_core::probe::{KnnConfig, LinearConfig};
use selfsame_core::run::RunFolder;
use selfsame_core::{Error, Random, Result};
use selfsame_image::data::OpenOptions;
use selfsame_image::eval::{
    Extraction, FinetuneConfig, Frozen, Split, check_regions, finetune, knn, linear, region_means, retrieval,
    sheet,
};
use selfsame_image::method::Layer;
use selfsame_image::picture::Picture;
use selfsame_image::trained::TrainedRun;
use selfsame_image::view::Recipe;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::cli::args::{ClassFolders, Descent, Eval, Finetuning, Network};
use crate::cli::commands::workers;
use crate::cli::modalities::settings_of;
use crate::cli::output::{print, tell};
use crate::cli::progress::Counter;

/// Fields that say how good it is, in the order in which people read them, and what they call them.
const HEADLINES: [(&str, &str); 12] = [
    ("top1", "top-1"),
    ("top5", "top-5"),
    ("miou", "mean IoU"),
    ("pixel_accuracy", "pixels"),
    ("accuracy", "accuracy"),
    ("chance", "by chance"),
    ("r@1", "R@1"),
    ("r@5", "R@5"),
    ("r@10", "R@10"),
    ("r@20", "R@20"),
    ("r@50", "R@50"),
    ("map", "mAP"),
];

/// Measures what a representation is worth.
pub fn run(args: &Eval) -> Result<ExitCode> {
    match args {
        Eval::Ranking { .. } => ranking::run(args),
        Eval::Episodes { agent, video, frames, overwrite } => {
            agent::episodes(agent, video.as_deref(), frames.get(), *overwrite)
        }
        Eval::Probe { agent, probing } => agent::probe(agent, probing),
        Eval::Knn { network, .. }
        | Eval::Linear { network, .. }
        | Eval::Retrieval { network, .. }
        | Eval::Finetune { network, .. }
        | Eval::Activation { network, .. }
        | Eval::Segmentation { network, .. }
        | Eval::Correspondence { network, .. } => of_network(args, network),
    }
}

/// Whether a protocol is for runs that learn from such data.
pub fn is_for(args: &Eval, data: &str) -> bool {
    match args {
        Eval::Ranking { .. } => data == "interactions",
        Eval::Episodes { .. } | Eval::Probe { .. } => data == "an environment",
        Eval::Segmentation { .. } | Eval::Correspondence { .. } => data == "images",
        Eval::Activation { .. } => data == "videos",
        Eval::Knn { .. } | Eval::Linear { .. } | Eval::Retrieval { .. } | Eval::Finetune { .. } => {
            ["images", "videos"].contains(&data)
        }
    }
}

/// Protocols for networks, by what the run has learned from.
fn of_network(args: &Eval, network: &Network) -> Result<ExitCode> {
    let data = RunFolder::open(&network.run).and_then(|folder| settings_of(&folder))?.modality.data;
    match data {
        #[cfg(feature = "video")]
        "videos" => videos::run(args),
        _ => of_pictures(args),
    }
}

fn of_pictures(args: &Eval) -> Result<ExitCode> {
    match args {
        Eval::Knn { network, classes, layer, dense, k, temperature } => {
            let config = KnnConfig { k: *k, temperature: *temperature };
            config.validate()?;
            let (mut run, split) = (open(network)?, split(classes)?);
            let report = Report::of(network, (*layer).into());
            let Some(grid) = *dense else {
                let frozen = frozen(network, &run, &split, &|images| run.represent(images, report.layer))?;
                return report.tell(&mut run.stored, &knn(&frozen, &config)?);
            };
            check_regions(grid, run.pipeline()?.side.div_ceil(run.reduction()?))?;
            let regions = |images| region_means(run.represent_map(images), grid);
            let frozen = frozen(network, &run, &split, &regions)?;
            let result = knn(&frozen, &config)?.of_regions(grid);
            report.tell(&mut run.stored, &result)
        }
        Eval::Linear { network, classes, layer } => {
            let (mut run, split) = (open(network)?, split(classes)?);
            let report = Report::of(network, (*layer).into());
            let frozen = frozen(network, &run, &split, &|images| run.represent(images, report.layer))?;
            let random = Random::new(network.seed).named("linear probe");
            let result = linear(&frozen, &LinearConfig::default(), &random)?;
            report.tell(&mut run.stored, &result)
        }
        Eval::Retrieval { network, classes, layer, pictures } => {
            let (mut run, split) = (open(network)?, split(classes)?);
            let mut report = Report::of(network, (*layer).into());
            let frozen = frozen(network, &run, &split, &|images| run.represent(images, report.layer))?;
            let found = retrieval(&frozen)?;
            report.sheet = sheet(&found, &split, &frozen, *pictures);
            report.tell(&mut run.stored, &found.result)
        }
        Eval::Finetune { network, classes, training, auxiliary } => {
            let mut run = open(network)?;
            let split = split(classes)?;
            if auxiliary.is_some() {
                return Err(of_videos_only("--auxiliary"));
            }
            let config = finetuning(training, network, run.pipeline()?.side);
            let progress = &mut tell_epoch(network, config.epochs);
            let (result, _network) = finetune(run.method.backbone(), &split, &config, progress)?;
            Report::of(network, Layer::Backbone).tell(&mut run.stored, &result)
        }
        Eval::Segmentation { network, labels, void, classes, image_size, pixels, pictures } => {
            dense::segmentation(network, labels, *image_size, |config| {
                config.void = *void;
                config.classes = *classes;
                config.pixels = *pixels;
                config.pictures = *pictures;
            })
        }
        Eval::Correspondence { network, data, recipe, image_size, images, pictures } => {
            let recipe = (Recipe::by_name(recipe)?, recipe.clone());
            dense::correspondence(network, data, recipe, *image_size, [*images, *pictures])
        }
        Eval::Activation { .. } => Err(of_videos_only("activation")),
        Eval::Ranking { .. } | Eval::Episodes { .. } | Eval::Probe { .. } => {
            Err(Error::Internal("neither rankings nor episodes are of pictures".into()))
        }
    }
}

/// What is said of protocols and flags that need a run on videos.
fn of_videos_only(what: &str) -> Error {
    Error::config(
        format!("{what} is for runs on videos, which this is not"),
        "leave it out, or give another run",
    )
}

/// How views of this side are fine-tuned on.
fn finetuning(training: &Finetuning, network: &Network, side: usize) -> FinetuneConfig {
    let (optimizer, lr) = match training.optimizer {
        Descent::Sgd => (OptimizerName::Sgd, 0.02),
        Descent::Adam => (OptimizerName::Adam, 0.001),
    };
    FinetuneConfig {
        fraction: training.fraction,
        epochs: training.epochs,
        batch_size: training.batch_size,
        optimizer,
        lr: training.lr.unwrap_or(lr),
        image_size: side,
        workers: workers(network.workers),
        seed: network.seed,
    }
}

/// Tells the mean loss of every epoch of fine-tuning, unless nothing shall be told.
fn tell_epoch(network: &Network, epochs: usize) -> impl FnMut(usize, f64) {
    let quiet = network.output.quiet;
    move |epoch, loss| {
        if !quiet {
            tell(format!("epoch {epoch}/{epochs}  loss {loss:.3}"));
        }
    }
}

fn open(network: &Network) -> Result<TrainedRun> {
    TrainedRun::open(&network.run, &weights(network), &network.device)
}

fn weights(network: &Network) -> Weights {
    match network.random {
        true => Weights::Untrained,
        false => Weights::Checkpoint(network.checkpoint.clone()),
    }
}

/// Labelled data were not named.
fn no_labels() -> Error {
    Error::config(
        "there is no labelled data to measure on",
        "name class folders with --data DIR, or --train DIR --test DIR",
    )
}

fn split(classes: &ClassFolders) -> Result<Split> {
    for (flag, given) in
        [("--train-list", classes.train_list.is_some()), ("--clips", classes.clips.is_some())]
    {
        if given {
            return Err(of_videos_only(flag));
        }
    }
    let options = OpenOptions::default();
    match (&classes.data, &classes.train, &classes.test) {
        (_, Some(train), Some(test)) => Split::open_pair(train, test, &options),
        (Some(data), _, _) => Split::open(data, &options),
        _ => Err(no_labels()),
    }
}

/// The features of the labelled pictures.
fn frozen(
    network: &Network,
    run: &TrainedRun,
    split: &Split,
    represent: &dyn Fn(Tensor<4>) -> Tensor<2>,
) -> Result<Frozen> {
    let counter = Counter::new(
        "pictures",
        split.train.instances.len() + split.test.instances.len(),
        network.output.quiet,
    );
    let extraction = Extraction {
        pipeline: run.pipeline()?,
        device: run.device().clone(),
        workers: workers(network.workers),
        represent,
        progress: &|done| counter.at(done),
    };
    let frozen = extraction.frozen(split)?;
    counter.finish();
    Ok(frozen)
}

/// What is told beside a result.
struct Report<'a> {
    network: &'a Network,
    layer: Layer,
    /// Clips of a video that the features are the mean of, where nothing else in the result tells it.
    clips: Option<usize>,
    /// Shown in the run's folder.
    sheet: Option<Picture>,
}

impl<'a> Report<'a> {
    fn of(network: &'a Network, layer: Layer) -> Self {
        Self { network, layer, clips: None, sheet: None }
    }

    /// Prints a result, and keeps it in the run.
    fn tell(&self, run: &mut StoredRun, result: &impl Serialize) -> Result<ExitCode> {
        let Self { network, layer, clips, sheet } = self;
        let mut fields = match json!(result) {
            Value::Object(fields) => fields,
            other => Map::from_iter([("result".to_owned(), other)]),
        };
        let weights = if network.random { "untrained" } else { &network.checkpoint };
        fields.insert("run".into(), json!(network.run));
        fields.insert("checkpoint".into(), json!(weights));
        fields.insert("steps".into(), json!(run.steps));
        fields.insert("layer".into(), json!(layer));
        if let Some(clips) = clips {
            fields.insert("clips".into(), json!(clips));
        }
        // The result itself is worth more than its place in the run, which may be someone else's.
        if let Some(sheet) = sheet {
            let protocol = fields.get("protocol").and_then(Value::as_str).unwrap_or("evaluation");
            let name = if network.random { format!("{protocol}-untrained") } else { protocol.to_owned() };
            match run.picture(&name).and_then(|path| sheet.save_png(&path).map(|()| path)) {
                Ok(path) => _ = fields.insert("pictures".into(), json!(path)),
                Err(error) => tell(format!("warning: the pictures are not kept in the run: {error}")),
            }
        }
        if !network.random
            && let Err(error) = run.keep_result(&fields)
        {
            tell(format!("warning: the result is not kept in run.json: {error}"));
        }
        let result = Value::Object(fields);
        if network.output.json {
            print(result)?;
        } else {
            print(for_people(&result))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The headlines as percentages, then everything else, a line each.
fn for_people(result: &Value) -> String {
    let mut text = result.get("protocol").and_then(Value::as_str).unwrap_or_default().to_owned();
    for (name, shown) in HEADLINES {
        if let Some(share) = result.get(name).and_then(Value::as_f64) {
            text += &format!("  {shown} {:.1} %", 100.0 * share);
        }
    }
    for (name, value) in result.as_object().into_iter().flatten() {
        if name != "protocol" && HEADLINES.iter().all(|(headline, _)| name != headline) {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            text += &format!("\n  {name}: {value}");
        }
    }
    text
}
