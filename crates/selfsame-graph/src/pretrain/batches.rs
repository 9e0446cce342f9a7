//! Pairs and views of the graph, epoch by epoch.

use std::sync::Arc;

use selfsame_core::train::{Batches, Epoch};
use selfsame_core::{Random, Result};

use crate::data::{Interactions, PairSampler};
use crate::method::{Batch, Thinning};
use crate::model::{Layers, view_layers};
use crate::view::view;

/// Makes the batches of each epoch, and its views of the graph.
#[derive(Debug)]
pub struct GraphBatches {
    sampler: PairSampler,
    interactions: Arc<Interactions>,
    thinning: Option<Thinning>,
    size: usize,
    random: Random,
}

impl GraphBatches {
    /// Batches of `size` pairs; `seed` is the run's.
    pub fn new(
        sampler: PairSampler,
        interactions: Arc<Interactions>,
        thinning: Option<Thinning>,
        size: usize,
        seed: u64,
    ) -> Self {
        Self { sampler, interactions, thinning, size, random: Random::new(seed).named("graph views") }
    }

    /// How many batches an epoch has; the last one may be smaller.
    pub fn per_epoch(&self) -> usize {
        self.sampler.len().div_ceil(self.size.max(1))
    }

    /// The views of an epoch. They take a few milliseconds for a hundred thousand interactions, a step's time or two, so they are made when the
    /// epoch begins.
    ///
    /// # Errors
    /// Views that cannot be.
    pub fn views(&self, epoch: usize) -> Result<Arc<[Layers]>> {
        let Some(Thinning { augmentation, ratio, layers }) = self.thinning else { return Ok(Arc::new([])) };
        let random = self.random.at(epoch as u64);
        let one = |number| {
            let thinned = view(&self.interactions, augmentation, ratio, layers, &random.at(number))?;
            view_layers(&self.interactions, &thinned, layers)
        };
        let (first, second) = rayon::join(|| one(0), || one(1));
        Ok(Arc::new([first?, second?]))
    }
}

impl Batches<Batch> for GraphBatches {
    fn size(&self) -> usize {
        self.size
    }

    fn epoch(&self, epoch: usize, first: usize) -> Result<Epoch<'_, Batch>> {
        let views = self.views(epoch)?;
        let pairs = self.sampler.epoch(epoch as u64);
        let batch = move |number| Ok(Batch { pairs: pairs.batch(number, self.size), views: views.clone() });
        Ok(Box::new((first..self.per_epoch()).map(batch)))
    }
}
