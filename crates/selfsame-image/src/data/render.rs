//! Batches of views, made by a pool of threads.

use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;
use selfsame_core::{Error, Random, Result};

use super::bad_files::{BadFile, BadFiles, reason};
use super::decode::{decode_into, probe};
use super::source::Dataset;
use crate::picture::Picture;
use crate::view::{Geometry, Pipeline, Scratch, Views, required_scale};

/// Reads, decodes and renders instances into batches.
pub(super) struct Renderer {
    pub dataset: Arc<Dataset>,
    pipeline: Pipeline,
    pool: rayon::ThreadPool,
    /// One for each thread of the pool.
    workers: Vec<Mutex<Worker>>,
    /// Buffers of batches that were given back.
    spare: Mutex<Vec<Vec<f32>>>,
    bad: Mutex<BadFiles>,
}

/// What a thread reuses from instance to instance.
struct Worker {
    bytes: Vec<u8>,
    picture: Picture,
    scratch: Scratch,
}

/// An instance whose views are in the batch.
struct Rendered {
    instance: usize,
    geometry: Vec<Geometry>,
}

impl Renderer {
    pub fn new(dataset: Arc<Dataset>, pipeline: Pipeline, workers: usize) -> Result<Self> {
        let workers = workers.max(1);
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(workers)
            .thread_name(|number| format!("data-{number}"))
            .build()
            .map_err(|error| Error::Internal(format!("cannot start {workers} data workers: {error}")))?;
        let worker = || Worker {
            bytes: Vec::new(),
            picture: Picture::filled(1, 1, [0; 3]),
            scratch: Scratch::default(),
        };
        let workers = (0..workers).map(|_| Mutex::new(worker())).collect();
        let (spare, bad) = (Mutex::default(), Mutex::default());
        Ok(Self { dataset, pipeline, pool, workers, spare, bad })
    }

    /// A batch of `places` instances. For each place `choices` yields instances with their random streams until one
    /// can be used; a place where none can be used is left out of the batch.
    pub fn batch<I>(&self, places: usize, choices: impl Fn(usize) -> I + Sync) -> Views
    where
        I: Iterator<Item = (usize, Random)>,
    {
        let (length, views) = (self.pipeline.view_len(), self.pipeline.views);
        let mut pixels: Vec<Vec<f32>> = (0..views).map(|_| self.buffer(places * length)).collect();
        let mut outputs: Vec<Vec<&mut [f32]>> = (0..places).map(|_| Vec::with_capacity(views)).collect();
        for view in &mut pixels {
            for (output, part) in outputs.iter_mut().zip(view.chunks_exact_mut(length)) {
                output.push(part);
            }
        }
        let rendered: Vec<Option<Rendered>> = self.pool.install(|| {
            outputs
                .into_par_iter()
                .enumerate()
                .map(|(place, mut output)| {
                    let number = rayon::current_thread_index().unwrap_or(0) % self.workers.len();
                    // A worker is nothing but buffers: after a panic they are as good as before.
                    let mut worker = self.workers[number].lock().unwrap_or_else(PoisonError::into_inner);
                    choices(place).find_map(|(instance, random)| {
                        let geometry = self.render(&mut worker, instance, &random, &mut output)?;
                        Some(Rendered { instance, geometry })
                    })
                })
                .collect()
        });
        self.assemble(rendered, pixels)
    }

    /// Renders all views of an instance; nothing, and a remembered reason, when its file cannot be used.
    fn render(
        &self,
        worker: &mut Worker,
        instance: usize,
        random: &Random,
        output: &mut [&mut [f32]],
    ) -> Option<Vec<Geometry>> {
        match self.try_render(worker, instance, random, output) {
            Ok(geometry) => Some(geometry),
            Err(reason) => {
                let mut bad = self.bad.lock().unwrap_or_else(PoisonError::into_inner);
                bad.add(instance, self.dataset.name(instance), reason);
                None
            }
        }
    }

    fn try_render(
        &self,
        worker: &mut Worker,
        instance: usize,
        random: &Random,
        output: &mut [&mut [f32]],
    ) -> Result<Vec<Geometry>, String> {
        let Worker { bytes, picture, scratch } = worker;
        let bytes = self.dataset.read(instance, bytes).map_err(|error| reason(&error))?;
        let header = probe(bytes).map_err(|error| error.to_string())?;
        let sample = |view| self.pipeline.sample_geometry(random, view, header.width, header.height);
        let geometry: Vec<Geometry> = (0..self.pipeline.views).map(sample).collect();
        let denominator = required_scale(&geometry, self.pipeline.side);
        decode_into(bytes, &header, denominator, picture).map_err(|error| error.to_string())?;
        for (view, (geometry, output)) in geometry.iter().zip(output).enumerate() {
            self.pipeline.render(random, view, &*picture, geometry, scratch, output);
        }
        Ok(geometry)
    }

    fn assemble(&self, rendered: Vec<Option<Rendered>>, mut pixels: Vec<Vec<f32>>) -> Views {
        let length = self.pipeline.view_len();
        let mut instances = Vec::with_capacity(rendered.len());
        let mut geometry = vec![Vec::with_capacity(rendered.len()); self.pipeline.views];
        for (place, rendered) in rendered.into_iter().enumerate() {
            let Some(rendered) = rendered else { continue };
            if instances.len() < place {
                // A place before this one is empty: close the gap.
                let start = place * length;
                for view in &mut pixels {
                    view.copy_within(start..start + length, instances.len() * length);
                }
            }
            instances.push(rendered.instance);
            for (of_view, of_instance) in geometry.iter_mut().zip(rendered.geometry) {
                of_view.push(of_instance);
            }
        }
        for view in &mut pixels {
            view.truncate(instances.len() * length);
        }
        Views { side: self.pipeline.side, instances, pixels, geometry }
    }

    /// A buffer with this many values, of a batch given back if there is one.
    fn buffer(&self, length: usize) -> Vec<f32> {
        let spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop();
        match spare {
            Some(mut buffer) => {
                buffer.resize(length, 0.0);
                buffer
            }
            None => vec![0.0; length],
        }
    }

    /// Takes back the buffers of a batch that is no longer needed.
    pub fn recycle(&self, views: Views) {
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        // More than the buffers of a few batches are never out at once.
        if spare.len() < 8 * self.pipeline.views {
            spare.extend(views.pixels);
        }
    }

    pub fn bad_count(&self) -> usize {
        self.bad.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    pub fn bad_files(&self) -> Vec<BadFile> {
        self.bad.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}
