//! Protocols on videos.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use selfsame_core::eval::{Frozen, knn, linear};
use selfsame_core::method::Layer;
use selfsame_core::probe::{KnnConfig, LinearConfig};
use selfsame_core::{Error, Random, Result};
use selfsame_video::data::{VideoFolder, VideoFolderOptions};
use selfsame_video::eval::{
    Activation, Auxiliary, CLIPS, Extraction, Finetuning, Looking, Split, activation, finetune, open_lists,
    retrieval, sheet,
};
use selfsame_video::trained::TrainedVideo;

use super::{Report, finetuning, no_labels, tell_epoch, weights};
use crate::cli::args::{ClassFolders, Eval, Network};
use crate::cli::commands::workers;
use crate::cli::progress::Counter;

/// Measures what a representation of videos is worth.
pub fn run(args: &Eval) -> Result<ExitCode> {
    match args {
        Eval::Knn { network, classes, layer, dense, k, temperature } => {
            if dense.is_some() {
                return Err(Error::config(
                    "--dense compares regions of pictures, and this run is on videos",
                    "leave it out",
                ));
            }
            let config = KnnConfig { k: *k, temperature: *temperature };
            config.validate()?;
            let (mut run, split) = (open(network)?, split(classes)?);
            let layer = (*layer).into();
            let frozen = frozen(network, classes, &run, &split, layer)?;
            let result = knn(&frozen, &config)?;
            report(network, classes, layer).tell(&mut run.stored, &result)
        }
        Eval::Linear { network, classes, layer } => {
            let (mut run, split) = (open(network)?, split(classes)?);
            let layer = (*layer).into();
            let frozen = frozen(network, classes, &run, &split, layer)?;
            let random = Random::new(network.seed).named("linear probe");
            let result = linear(&frozen, &LinearConfig::default(), &random)?;
            report(network, classes, layer).tell(&mut run.stored, &result)
        }
        Eval::Retrieval { network, classes, layer, pictures } => {
            let (mut run, split) = (open(network)?, split(classes)?);
            let layer = (*layer).into();
            let frozen = frozen(network, classes, &run, &split, layer)?;
            let found = retrieval(&frozen)?;
            let sheet = sheet(&found, &split, &frozen, *pictures);
            Report { sheet, ..report(network, classes, layer) }.tell(&mut run.stored, &found.result)
        }
        Eval::Finetune { network, classes, training, auxiliary } => {
            let (mut run, split) = (open(network)?, split(classes)?);
            let (time, side) = run.clips()?;
            let config = finetuning(training, network, side);
            let epochs = config.epochs;
            let auxiliary =
                auxiliary.map(|weight| Auxiliary::motion_prediction(weight, time, side)).transpose()?;
            let how = Finetuning { config, time, clips: clips(classes), auxiliary };
            let (backbone, of) = (run.method.backbone(), run.backbone()?);
            let result = finetune(backbone, &of, &split, &how, &mut tell_epoch(network, epochs))?;
            Report::of(network, Layer::Backbone).tell(&mut run.stored, &result)
        }
        Eval::Activation { network, data, beside, image_size, clips, pictures } => {
            look(network, data.clone(), beside, |how| {
                how.side = image_size.unwrap_or(2 * how.side);
                how.clips = *clips;
                how.shown = *pictures;
            })
        }
        _ => Err(Error::config(
            "this protocol asks about places in pictures, and the run is on videos",
            "measure it by knn, linear, retrieval or finetune, or look at it with activation",
        )),
    }
}

fn look(
    network: &Network,
    data: PathBuf,
    beside: &[PathBuf],
    configure: impl FnOnce(&mut Activation),
) -> Result<ExitCode> {
    let mut run = open(network)?;
    let others = beside.iter().map(|other| TrainedVideo::open(other, &weights(network), &network.device));
    let others = others.collect::<Result<Vec<_>>>()?;
    let folder = Arc::new(VideoFolder::open(&data, &VideoFolderOptions::default(), &|_, _| ())?);
    let (time, side) = run.clips()?;
    let mut how = Activation { time, side, clips: 1, shown: 0, workers: workers(network.workers) };
    configure(&mut how);
    let looking = [&run].into_iter().chain(&others).map(|run| Looking {
        name: run.stored.folder.path().display().to_string(),
        represent_map: Box::new(|clips| run.represent_map(clips)),
        device: run.device().clone(),
    });
    let counter = Counter::new("videos", folder.len(), network.output.quiet);
    let (result, sheet) = activation(&folder, &looking.collect::<Vec<_>>(), &how, &|done| counter.at(done))?;
    counter.finish();
    Report { sheet, ..Report::of(network, Layer::Backbone) }.tell(&mut run.stored, &result)
}

fn open(network: &Network) -> Result<TrainedVideo> {
    TrainedVideo::open(&network.run, &weights(network), &network.device)
}

fn clips(classes: &ClassFolders) -> usize {
    classes.clips.unwrap_or(CLIPS)
}

/// Of features that are averaged over clips.
fn report<'a>(network: &'a Network, classes: &ClassFolders, layer: Layer) -> Report<'a> {
    Report { clips: Some(clips(classes)), ..Report::of(network, layer) }
}

fn split(classes: &ClassFolders) -> Result<Split> {
    let options = VideoFolderOptions::default();
    match classes {
        ClassFolders { data: Some(data), train_list: Some(train), test_list: Some(test), .. } => {
            open_lists(data, [train, test], &options)
        }
        ClassFolders { train: Some(train), test: Some(test), .. } => Split::open_pair(train, test, &options),
        ClassFolders { data: Some(data), .. } => Split::open(data, &options),
        _ => Err(no_labels()),
    }
}

/// The features of the labelled videos.
fn frozen(
    network: &Network,
    classes: &ClassFolders,
    run: &TrainedVideo,
    split: &Split,
    layer: Layer,
) -> Result<Frozen> {
    let total = split.train.instances.len() + split.test.instances.len();
    let counter = Counter::new("videos", total, network.output.quiet);
    let (time, side) = run.clips()?;
    let extraction = Extraction {
        time,
        side,
        clips: clips(classes),
        device: run.device().clone(),
        workers: workers(network.workers),
        represent: &|clips| run.represent(clips, layer),
        progress: &|done| counter.at(done),
    };
    let frozen = extraction.frozen(split)?;
    counter.finish();
    Ok(frozen)
}
