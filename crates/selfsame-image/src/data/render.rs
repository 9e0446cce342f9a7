//! Pictures, made into views.

use std::sync::Arc;

use selfsame_core::data::{self, Batch, Render, reason};
use selfsame_core::{Random, Result};

use super::decode::{decode_into, probe};
use super::source::Dataset;
use crate::picture::Picture;
use crate::view::{Geometry, Pipeline, Scratch, Views, required_scale};

/// Reads, decodes and renders pictures.
pub struct PictureRender {
    dataset: Arc<Dataset>,
    pipeline: Pipeline,
}

/// What a thread reuses from picture to picture.
pub struct Worker {
    bytes: Vec<u8>,
    picture: Picture,
    scratch: Scratch,
}

impl Default for Worker {
    fn default() -> Self {
        Self { bytes: Vec::new(), picture: Picture::filled(1, 1, [0; 3]), scratch: Scratch::default() }
    }
}

/// Makes the batches of a training.
pub type Loader = data::Loader<PictureRender>;

/// The batches of one pass over a data set.
pub type EvaluationBatches = data::OrderedBatches<PictureRender>;

/// Batches of `batch_size` of these `instances`, in this order; see [`data::ordered_batches`]. The pipeline's
/// recipe should be without randomness, such as [`EVALUATION`](crate::view::recipe::EVALUATION).
///
/// # Errors
/// As [`data::ordered_batches`].
pub fn evaluation_batches(
    dataset: Arc<Dataset>,
    instances: Vec<usize>,
    pipeline: Pipeline,
    batch_size: usize,
    workers: usize,
) -> Result<EvaluationBatches> {
    let render = PictureRender::new(dataset, pipeline);
    data::ordered_batches(render, instances, batch_size, workers, Random::new(0))
}

impl PictureRender {
    /// Views of the pictures of a data set.
    pub fn new(dataset: Arc<Dataset>, pipeline: Pipeline) -> Self {
        Self { dataset, pipeline }
    }
}

impl Batch for Views {
    fn instances(&self) -> &[usize] {
        &self.instances
    }
}

impl Render for PictureRender {
    type Data = Dataset;
    type Batch = Views;
    type Row<'a> = Vec<&'a mut [f32]>;
    type Worker = Worker;
    type Made = Vec<Geometry>;

    fn data(&self) -> &Arc<Dataset> {
        &self.dataset
    }

    fn room(&self, places: usize, spare: Option<Views>) -> Views {
        let mut pixels = spare.map(|views| views.pixels).unwrap_or_default();
        pixels.resize_with(self.pipeline.views, Vec::new);
        pixels.iter_mut().for_each(|view| view.resize(places * self.pipeline.view_len(), 0.0));
        Views { side: self.pipeline.side, instances: Vec::new(), pixels, geometry: Vec::new() }
    }

    fn rows<'a>(&self, batch: &'a mut Views) -> Vec<Vec<&'a mut [f32]>> {
        let length = self.pipeline.view_len();
        let places = batch.pixels.first().map_or(0, |view| view.len() / length);
        let mut rows: Vec<Vec<&mut [f32]>> = (0..places).map(|_| Vec::new()).collect();
        for view in &mut batch.pixels {
            for (row, part) in rows.iter_mut().zip(view.chunks_exact_mut(length)) {
                row.push(part);
            }
        }
        rows
    }

    fn render(
        &self,
        worker: &mut Worker,
        instance: usize,
        random: &Random,
        row: &mut Vec<&mut [f32]>,
    ) -> Result<Vec<Geometry>, String> {
        let Worker { bytes, picture, scratch } = worker;
        let bytes = self.dataset.read(instance, bytes).map_err(|error| reason(&error))?;
        let header = probe(bytes).map_err(|error| error.to_string())?;
        let sample = |view| self.pipeline.sample_geometry(random, view, header.width, header.height);
        let geometry: Vec<Geometry> = (0..self.pipeline.views).map(sample).collect();
        let denominator = required_scale(&geometry, self.pipeline.side);
        decode_into(bytes, &header, denominator, picture).map_err(|error| error.to_string())?;
        for (view, (geometry, output)) in geometry.iter().zip(row).enumerate() {
            self.pipeline.render(random, view, &*picture, geometry, scratch, output);
        }
        Ok(geometry)
    }

    fn complete(&self, mut batch: Views, made: Vec<Option<(usize, Vec<Geometry>)>>) -> Views {
        let length = self.pipeline.view_len();
        batch.geometry = vec![Vec::with_capacity(made.len()); self.pipeline.views];
        for (place, made) in made.into_iter().enumerate() {
            let Some((instance, geometry)) = made else { continue };
            if batch.instances.len() < place {
                // A place before this one is empty: close the gap.
                let (start, to) = (place * length, batch.instances.len() * length);
                batch.pixels.iter_mut().for_each(|view| view.copy_within(start..start + length, to));
            }
            batch.instances.push(instance);
            for (of_view, of_instance) in batch.geometry.iter_mut().zip(geometry) {
                of_view.push(of_instance);
            }
        }
        let count = batch.instances.len();
        batch.pixels.iter_mut().for_each(|view| view.truncate(count * length));
        batch
    }
}
