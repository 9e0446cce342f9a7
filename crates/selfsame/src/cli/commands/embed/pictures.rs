//! Representations of pictures.

use std::process::ExitCode;
use std::sync::Arc;

use image::RgbImage;
use selfsame::embeddings::{Block, EmbeddingWriter, Format, Schema};
use selfsame_core::host::values;
use selfsame_core::{Error, Result};
use selfsame_image::data::{Dataset, OpenOptions, evaluation_batches};
use selfsame_image::trained::{TrainedRun, Weights};

use super::told;
use crate::cli::args;
use crate::cli::commands::workers;
use crate::cli::progress::Counter;

/// Pictures that go through the network at once.
const BATCH: usize = 64;

/// Writes the representations of pictures.
pub fn run(args: &args::Embed, format: Format) -> Result<ExitCode> {
    let Some(data) = &args.data else {
        return Err(Error::config("there are no pictures to embed", "name a folder with --data DIR"));
    };
    let run = TrainedRun::open(&args.run, &Weights::Checkpoint(args.checkpoint.clone()), &args.device)?;
    let dataset = Arc::new(Dataset::open(data, &OpenOptions::default())?);
    let pipeline = run.pipeline()?;
    let workers = workers(args.workers);
    let layer = args.layer.into();

    let counter = Counter::new("embedded", dataset.len(), args.output.quiet);
    let everything = (0..dataset.len()).collect();
    let mut batches = evaluation_batches(dataset.clone(), everything, pipeline, BATCH, workers)?;
    let mut writer: Option<EmbeddingWriter> = None;
    let mut done = 0;
    for views in &mut batches {
        let views = views?;
        let representation = run.represent(views.tensor(0, run.device()), layer);
        let [_, dimension] = representation.dims();
        let writer = match &mut writer {
            Some(writer) => writer,
            None => {
                let schema =
                    Schema { dimension, classes: dataset.classes().to_vec(), metadata: run.metadata(layer)? };
                writer.insert(EmbeddingWriter::create(&args.output_file, format, schema, args.overwrite)?)
            }
        };
        let names: Vec<String> = views.instances.iter().map(|&index| dataset.name(index)).collect();
        let labels: Vec<Option<usize>> = views.instances.iter().map(|&index| dataset.label(index)).collect();
        let thumbnails =
            if writer.wants_thumbnails() { thumbnails(&pipeline, &views.pixels[0]) } else { None };
        writer.push(&Block {
            names: &names,
            labels: &labels,
            values: &values(representation)?,
            thumbnails: thumbnails.as_deref(),
        })?;
        done += names.len();
        counter.at(done);
    }
    counter.finish();
    let writer = writer
        .ok_or_else(|| Error::data(data, "no picture can be read", "`selfsame data check` says why"))?;
    told(args, &writer.finish()?, &batches.bad_files())
}

/// What the network saw, as small pictures.
fn thumbnails(pipeline: &selfsame_image::view::Pipeline, pixels: &[f32]) -> Option<Vec<RgbImage>> {
    let pictures = pixels.chunks_exact(pipeline.view_len()).map(|view| pipeline.to_picture(view));
    pictures
        .map(|picture| RgbImage::from_raw(picture.width as u32, picture.height as u32, picture.pixels))
        .collect()
}
