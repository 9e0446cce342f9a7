//! Protocols that look at maps: places in pictures.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use burn::tensor::Tensor;
use selfsame_core::{Error, Result};
use selfsame_image::data::{Dataset, OpenOptions};
use selfsame_image::eval::{self, CorrespondenceConfig, DenseEncoder, Pairs, Scaling, SegmentationConfig};
use selfsame_image::method::Layer;
use selfsame_image::trained::TrainedRun;
use selfsame_image::view::Recipe;

use super::{Report, open};
use crate::cli::args::{Network, PixelFolders};
use crate::cli::commands::workers;
use crate::cli::progress::Counter;

/// `selfsame eval segmentation`
pub fn segmentation(
    network: &Network,
    labels: &PixelFolders,
    image_size: Option<usize>,
    configure: impl FnOnce(&mut SegmentationConfig),
) -> Result<ExitCode> {
    let [train, test] = match (&labels.data, &labels.train, &labels.test) {
        (_, Some(train), Some(test)) => [Pairs::open(train)?, Pairs::open(test)?],
        (Some(data), _, _) => Pairs::open_both(data)?,
        _ => {
            return Err(Error::config(
                "there are no labelled pixels to measure on",
                "name a folder with train/ and test/ inside with --data DIR, or both with --train DIR --test DIR",
            ));
        }
    };
    let mut run = open(network)?;
    let mut config = SegmentationConfig {
        image_size: side(&run, image_size)?,
        workers: workers(network.workers),
        seed: network.seed,
        ..SegmentationConfig::default()
    };
    configure(&mut config);
    let represent_map = |images: Tensor<4>| run.represent_map(images);
    let encoder =
        DenseEncoder { represent_map: &represent_map, device: run.device().clone(), scaling: scaling(&run)? };
    let total = train.pairs.len() + test.pairs.len();
    let counter = Counter::new("pictures", total, network.output.quiet);
    let found = eval::segmentation(&train, &test, &encoder, &config, &|done| counter.at(done))?;
    counter.finish();
    Report { sheet: found.sheet, ..Report::of(network, Layer::Backbone) }.tell(&mut run.stored, &found.result)
}

/// `selfsame eval correspondence`
pub fn correspondence(
    network: &Network,
    data: &Path,
    (recipe, recipe_name): (Recipe, String),
    image_size: Option<usize>,
    [images, pictures]: [usize; 2],
) -> Result<ExitCode> {
    let mut run = open(network)?;
    let dataset = Arc::new(Dataset::open(data, &OpenOptions::default())?);
    let config = CorrespondenceConfig {
        recipe,
        recipe_name,
        image_size: side(&run, image_size)?,
        images,
        pictures,
        workers: workers(network.workers),
        seed: network.seed,
    };
    let represent_map = |images: Tensor<4>| run.represent_map(images);
    let encoder =
        DenseEncoder { represent_map: &represent_map, device: run.device().clone(), scaling: scaling(&run)? };
    let counter = Counter::new("pictures", dataset.len().min(images), network.output.quiet);
    let found = eval::correspondence(dataset, &encoder, &config, &|done| counter.at(done))?;
    counter.finish();
    Report { sheet: found.sheet, ..Report::of(network, Layer::Backbone) }.tell(&mut run.stored, &found.result)
}

/// The side that was given, or twice that of training: maps get four times the cells, and as crops show parts, things come nearer to the
/// size at which the network has met them.
fn side(run: &TrainedRun, given: Option<usize>) -> Result<usize> {
    Ok(given.unwrap_or(2 * run.pipeline()?.side))
}

fn scaling(run: &TrainedRun) -> Result<Scaling> {
    let pipeline = run.pipeline()?;
    Ok(Scaling { reduction: run.reduction()?, mean: pipeline.mean, std: pipeline.std })
}
