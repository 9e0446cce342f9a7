//! MoCHi: Hard Negative Mixing for Contrastive Learning.
//!
//! Yannis Kalantidis, Mert Bulent Sariyildiz, Noe Pion, Philippe Weinzaepfel, Diane Larlus. NeurIPS 2020, arXiv 2010.01028.
//!
//! MoCo v2 whose queries are also told from negatives that no image has: mixtures of the hardest keys in the queue (section 4.1), and of
//! these with the query itself (section 4.2). They are made anew for every query and carry no gradient.

use burn::tensor::Tensor;
use selfsame_core::collective::mean_with_gradient;
use selfsame_core::loss::{Mixing, Synthesis, info_nce, mochi, unit};
use selfsame_core::method::{Method, Objective, Step};
use selfsame_core::momentum_contrast::{MocoConfig, MomentumContrast, WaitingQueue};
use selfsame_core::nn::Parameters;
use selfsame_core::settings::Auto;
use selfsame_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::encoder::Encoder;
use super::moco_v2::encoder;
use super::{Build, Entry, ImageMethod, Layer};
use crate::model::ResNet;
use crate::view::Views;

/// MoCHi in the table of methods.
pub const ENTRY: Entry = Entry {
    name: "mochi",
    title: "MoCHi",
    paper: "Kalantidis, Sariyildiz, Pion, Weinzaepfel, Larlus. NeurIPS 2020, arXiv 2010.01028",
    summary: "MoCo v2 with harder negatives, mixed from the hardest of its queue",
    views: 2,
    // As MoCo v2's. Synthetic negatives are as many, for the queue's length, as the paper's (1024, 512, 256) for 16,384.
    small: r#"
        [view]
        recipe = "simclr-cifar"
        [method]
        temperature = 0.2
        momentum = 0.99
        queue = "auto"
        batch_norm_group = 32
        projector_hidden = "auto"
        projector_dimension = 128
        hard_negatives = "auto"
        mixed = "auto"
        mixed_with_query = "auto"
        mix_from_epoch = 2
        [optimizer]
        name = "sgd"
        lr = 0.12
        weight_decay = 5e-4
        [schedule]
        warmup_epochs = 1.0
    "#,
    // Section 5 and appendix: MoCo v2's hyper-parameters, K = 16,384, MoCHi (1024, 512, 256), ten epochs of warm-up.
    paper_settings: r#"
        [view]
        recipe = "moco-v2"
        image_size = 224
        [backbone]
        name = "resnet50"
        width = 1.0
        stem = "imagenet"
        [method]
        temperature = 0.2
        momentum = 0.999
        queue = 16384
        batch_norm_group = 32
        projector_dimension = 128
        hard_negatives = 1024
        mixed = 512
        mixed_with_query = 256
        mix_from_epoch = 10
        [optimizer]
        name = "sgd"
        lr = 0.03
        momentum = 0.9
        weight_decay = 1e-4
        [schedule]
        epochs = 200
        warmup_epochs = 0.0
        [run]
        batch_size = 256
    "#,
    build,
};

/// MoCHi's settings beside [`MocoConfig`]'s, in the same section.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MochiConfig {
    /// N: the hardest negatives of a query; by default a sixteenth of the queue.
    pub hard_negatives: Auto<usize>,
    /// s: mixtures of two of them; by default half as many.
    pub mixed: Auto<usize>,
    /// s′: mixtures of one of them with the query; by default a quarter as many.
    pub mixed_with_query: Auto<usize>,
    /// The epoch, from 0, in which mixing begins.
    pub mix_from_epoch: usize,
}

impl MochiConfig {
    /// MoCHi(N, s, s′) for a queue of this length.
    fn synthesis(&self, queue: usize) -> Result<Synthesis> {
        let hard = self.hard_negatives.or((queue / 16).max(1));
        let (mixed, with_query) =
            (self.mixed.or(hard.div_ceil(2)), self.mixed_with_query.or(hard.div_ceil(4)));
        if hard > queue {
            return Err(Error::config(
                format!("method.hard_negatives is {hard}, but the queue holds {queue} keys"),
                format!(
                    "lower it to at most {queue} (a sixteenth, {}, is usual) or raise method.queue",
                    (queue / 16).max(1)
                ),
            ));
        }
        if hard == 0 && mixed + with_query > 0 {
            return Err(Error::config(
                format!(
                    "method.hard_negatives is 0, but {mixed} + {with_query} negatives are to be mixed from them"
                ),
                "give at least 1, or set method.mixed and method.mixed_with_query to 0 for MoCo v2",
            ));
        }
        Ok(Synthesis { hard, mixed, with_query })
    }
}

/// The method.
#[derive(Debug)]
pub struct Mochi {
    encoders: MomentumContrast<Encoder>,
    queue: WaitingQueue,
    temperature: f64,
    synthesis: Synthesis,
    mix_from_epoch: usize,
}

fn build(from: &Build<'_>) -> Result<Box<dyn ImageMethod>> {
    Ok(Box::new(Mochi::new(&from.settings()?, &from.settings()?, from)?))
}

impl Mochi {
    /// # Errors
    /// Those of MoCo v2; more hard negatives than the queue holds.
    pub fn new(moco: &MocoConfig, config: &MochiConfig, from: &Build<'_>) -> Result<Self> {
        let synthesis = config.synthesis(moco.capacity())?;
        Ok(Self {
            encoders: moco.encoders(encoder(moco, from)?)?,
            queue: moco.queue(moco.capacity(), &from.random.named("queue"), &from.device)?,
            temperature: moco.temperature,
            synthesis,
            mix_from_epoch: config.mix_from_epoch,
        })
    }
}

impl Method for Mochi {
    type Views = Views;

    fn objective(&mut self, views: &Views, step: &Step) -> Result<Objective> {
        let random = self.encoders.random(step, "mixing");
        let [representations, queries] = self.encoders.encode_queries(views.view(0), step)?;
        let keys = self.encoders.encode_keys::<4, 2>(views.view(1), step)?;
        let whole = |local| mean_with_gradient(local, views.instances.len(), &*step.collective);
        let (key, queue) = (keys.own(1), self.queue.keys());
        let mut terms = Vec::new();
        let contrast = if step.epoch < self.mix_from_epoch {
            info_nce(queries, key, queue, self.temperature)
        } else {
            // Equations 3 and 4; draws are addressed by the query's place in the batch of all ranks.
            let count = views.instances.len();
            let first = step.collective.rank() * count;
            let draw = |row| Mixing::draw(self.synthesis, &random.at(row as u64));
            let mixing: Vec<Mixing> = (first..first + count).map(draw).collect();
            let mixed = mochi(queries, key, queue, self.temperature, self.synthesis.hard, &mixing)?;
            for (name, share) in
                ["hardest_queue", "hardest_mixed", "hardest_with_query"].iter().zip(mixed.shares)
            {
                terms.push((*name, whole(share)?));
            }
            mixed.contrast
        };
        terms.push(("proxy_accuracy", whole(contrast.accuracy)?));
        self.queue.hold(unit(keys.all[1].clone()));
        Ok(Objective {
            loss: whole(contrast.loss)?,
            terms,
            representations: [representations.without_autodiff(), keys.own(0)],
        })
    }

    fn trained(&mut self) -> &mut dyn Parameters {
        &mut self.encoders.queries
    }

    fn after_step(&mut self, _step: &Step) -> Result<()> {
        self.encoders.follow();
        self.queue.enqueue();
        Ok(())
    }

    fn state(&mut self) -> Vec<(&'static str, &mut dyn Parameters)> {
        self.encoders.state().into_iter().chain([("queue", self.queue.state())]).collect()
    }
}

impl ImageMethod for Mochi {
    fn backbone(&self) -> &ResNet {
        &self.encoders.queries.backbone
    }

    fn represent(&self, images: Tensor<4>, layer: Layer) -> Tensor<2> {
        self.encoders.queries.represent(images, layer)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests;
