//! Representations of videos.

use std::process::ExitCode;
use std::sync::Arc;

use burn::tensor::Tensor;
use image::RgbImage;
use selfsame::embeddings::{Block, EmbeddingWriter, Format, Schema};
use selfsame_core::data::Instances;
use selfsame_core::host::values;
use selfsame_core::{Error, Result};
use selfsame_image::view::recipe::EVALUATION;
use selfsame_video::data::{VideoFolder, VideoFolderOptions, evaluation_batches};
use selfsame_video::eval::{CLIPS, Extraction};
use selfsame_video::trained::{TrainedVideo, Weights};
use selfsame_video::view::{ClipPipeline, ClipViews};

use super::told;
use crate::cli::args;
use crate::cli::commands::workers;
use crate::cli::progress::Counter;

/// Writes the representations of videos.
pub fn run(args: &args::Embed, format: Format) -> Result<ExitCode> {
    let Some(data) = &args.data else {
        return Err(Error::config("there are no videos to embed", "name a folder with --data DIR"));
    };
    let run = TrainedVideo::open(&args.run, &Weights::Checkpoint(args.checkpoint.clone()), &args.device)?;
    let folder = Arc::new(VideoFolder::open(data, &VideoFolderOptions::default(), &|_, _| ())?);
    let workers = workers(args.workers);
    let (layer, clips) = (args.layer.into(), args.clips.unwrap_or(CLIPS));
    let (time, side) = run.clips()?;
    let pipeline = ClipPipeline::new(EVALUATION, time, side)?;
    let extraction = Extraction {
        time,
        side,
        clips,
        device: run.device().clone(),
        workers,
        represent: &|clips: Tensor<5>| run.represent(clips, layer),
        progress: &|_| (),
    };

    let counter = Counter::new("embedded", folder.len(), args.output.quiet);
    let everything = (0..folder.len()).collect();
    let mut batches = evaluation_batches(folder.clone(), everything, (time, side), clips, workers)?;
    let mut writer: Option<EmbeddingWriter> = None;
    let mut done = 0;
    for views in &mut batches {
        let views = views?;
        let representation = extraction.mean(&views)?;
        let [_, dimension] = representation.dims();
        let writer = match &mut writer {
            Some(writer) => writer,
            None => {
                let classes = folder.classes().to_vec();
                let schema = Schema { dimension, classes, metadata: run.metadata(layer, clips)? };
                writer.insert(EmbeddingWriter::create(&args.output_file, format, schema, args.overwrite)?)
            }
        };
        let names: Vec<String> = views.instances.iter().map(|&index| folder.name(index)).collect();
        let labels: Vec<Option<usize>> = views.instances.iter().map(|&index| folder.label(index)).collect();
        let thumbnails = if writer.wants_thumbnails() { thumbnails(&pipeline, &views) } else { None };
        writer.push(&Block {
            names: &names,
            labels: &labels,
            values: &values(representation)?,
            thumbnails: thumbnails.as_deref(),
        })?;
        done += labels.len();
        counter.at(done);
    }
    counter.finish();
    let writer =
        writer.ok_or_else(|| Error::data(data, "no video can be read", "`selfsame data check` says why"))?;
    told(args, &writer.finish()?, &folder.bad_files())
}

/// A frame of each video, as the network saw it.
fn thumbnails(pipeline: &ClipPipeline, views: &ClipViews) -> Option<Vec<RgbImage>> {
    let middle = views.clips.len() / 2;
    let pictures =
        (0..views.instances.len()).map(|place| pipeline.picture(views, middle, place, views.frames / 2));
    pictures
        .map(|picture| RgbImage::from_raw(picture.width as u32, picture.height as u32, picture.pixels))
        .collect()
}
