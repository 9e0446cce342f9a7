//! `selfsame eval knn|linear|finetune`

use std::process::ExitCode;

use selfsame_core::probe::{KnnConfig, LinearConfig};
use selfsame_core::{Random, Result};
use selfsame_image::data::OpenOptions;
use selfsame_image::eval::{Extraction, FinetuneConfig, Frozen, Split, finetune, knn, linear};
use selfsame_image::trained::{TrainedRun, Weights};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::cli::args::{Eval, Source};
use crate::cli::output::{print, tell};
use crate::cli::progress::Counter;

/// Measures what a representation is worth.
pub fn run(args: &Eval) -> Result<ExitCode> {
    match args {
        Eval::Knn { source, k, temperature } => {
            let (run, frozen) = frozen(source)?;
            let result = knn(&frozen, &KnnConfig { k: *k, temperature: *temperature })?;
            report(run, source, &result)
        }
        Eval::Linear { source } => {
            let (run, frozen) = frozen(source)?;
            let random = Random::new(source.seed).named("linear probe");
            let result = linear(&frozen, &LinearConfig::default(), &random)?;
            report(run, source, &result)
        }
        Eval::Finetune { source, fraction, epochs, lr, batch_size } => {
            let run = open(source)?;
            let split = split(source)?;
            let config = FinetuneConfig {
                fraction: *fraction,
                epochs: *epochs,
                batch_size: *batch_size,
                lr: *lr,
                image_size: run.pipeline()?.side,
                workers: workers(source),
                seed: source.seed,
            };
            let quiet = source.output.quiet;
            let (result, _network) = finetune(run.method.backbone(), &split, &config, &mut |epoch, loss| {
                if !quiet {
                    tell(format!("epoch {epoch}/{epochs}  loss {loss:.3}"));
                }
            })?;
            report(run, source, &result)
        }
    }
}

fn workers(source: &Source) -> usize {
    source.workers.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
}

fn open(source: &Source) -> Result<TrainedRun> {
    let weights = match source.random {
        true => Weights::Untrained,
        false => Weights::Checkpoint(source.checkpoint.clone()),
    };
    TrainedRun::open(&source.run, &weights, &source.device)
}

fn split(source: &Source) -> Result<Split> {
    let options = OpenOptions::default();
    match (&source.data, &source.train, &source.test) {
        (_, Some(train), Some(test)) => Split::open_pair(train, test, &options),
        (Some(data), _, _) => Split::open(data, &options),
        _ => Err(selfsame_core::Error::config(
            "there is no labelled data to measure on",
            "name class folders with --data DIR, or --train DIR --test DIR",
        )),
    }
}

/// The features of the labelled pictures.
fn frozen(source: &Source) -> Result<(TrainedRun, Frozen)> {
    let run = open(source)?;
    let split = split(source)?;
    let counter = Counter::new(
        "pictures",
        split.train.instances.len() + split.test.instances.len(),
        source.output.quiet,
    );
    let layer = source.layer.into();
    let extraction = Extraction {
        pipeline: run.pipeline()?,
        device: run.device().clone(),
        workers: workers(source),
        represent: &|images| run.represent(images, layer),
        progress: &|done| counter.at(done),
    };
    let frozen = Frozen::of(&split, &extraction)?;
    counter.finish();
    Ok((run, frozen))
}

/// Prints a result, and keeps it in the run.
fn report(mut run: TrainedRun, source: &Source, result: &impl Serialize) -> Result<ExitCode> {
    let mut fields = match json!(result) {
        Value::Object(fields) => fields,
        other => Map::from_iter([("result".to_owned(), other)]),
    };
    let weights = if source.random { "untrained" } else { &source.checkpoint };
    fields.insert("run".into(), json!(source.run));
    fields.insert("checkpoint".into(), json!(weights));
    fields.insert("layer".into(), json!(selfsame_image::method::Layer::from(source.layer)));
    if !source.random
        && let Err(error) = run.keep_result(&fields)
    {
        // The result itself is worth more than its place in the run, which may be someone else's.
        tell(format!("warning: the result is not kept in run.json: {error}"));
    }
    let result = Value::Object(fields);
    if source.output.json {
        print(result)?;
        return Ok(ExitCode::SUCCESS);
    }
    let share =
        |name: &str| result.get(name).and_then(Value::as_f64).map(|share| format!("{:.1} %", 100.0 * share));
    let mut text = format!(
        "{}  top-1 {}  top-5 {}",
        result.get("protocol").and_then(Value::as_str).unwrap_or_default(),
        share("top1").unwrap_or_default(),
        share("top5").unwrap_or_default()
    );
    for (name, value) in result.as_object().into_iter().flatten() {
        if !matches!(name.as_str(), "protocol" | "top1" | "top5") {
            text +=
                &format!("\n  {name}: {}", value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        }
    }
    print(text)?;
    Ok(ExitCode::SUCCESS)
}
