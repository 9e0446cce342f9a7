//! DenseCL: Dense Contrastive Learning for Self-Supervised Visual Pre-Training.
//!
//! Xinlong Wang, Rufeng Zhang, Chunhua Shen, Tao Kong, Lei Li. CVPR 2021, arXiv 2011.09157.
//!
//! MoCo v2 with a second head on the backbone's map before pooling: each cell of the query's map has to find the cell of the key's map that
//! corresponds to it among a second queue (section 3.3). Cells correspond by the backbone's own features (section 3.4).

use burn::module::Module;
use burn::tensor::Tensor;
use selfsame_core::collective::mean_with_gradient;
use selfsame_core::head::Mlp;
use selfsame_core::loss::{correspondence, densecl_dense, info_nce, unit};
use selfsame_core::method::{Method, Objective, Step};
use selfsame_core::momentum_contrast::{Encode, MocoConfig, MomentumContrast, WaitingQueue};
use selfsame_core::nn::{Mode, Parameters, mean_pool2d};
use selfsame_core::settings::Auto;
use selfsame_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::{Build, Entry, ImageMethod, Layer};
use crate::model::{ResNet, Stem};
use crate::view::Views;

/// DenseCL in the table of methods.
pub const ENTRY: Entry = Entry {
    name: "densecl",
    title: "DenseCL",
    paper: "Wang, Zhang, Shen, Kong, Li. CVPR 2021, arXiv 2011.09157",
    summary: "MoCo v2 on every cell of the map as well; for segmentation and detection",
    views: 2,
    // As MoCo v2's. The dense queue is compared with every cell, so that its length decides what the dense term costs.
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
        dense_queue = "auto"
        dense_weight = 0.5
        dense_from_epoch = 0
        [optimizer]
        name = "sgd"
        lr = 0.12
        weight_decay = 5e-4
        [schedule]
        warmup_epochs = 1.0
    "#,
    // Section 4.1 and the authors' code.
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
        queue = 65536
        batch_norm_group = 32
        projector_dimension = 128
        dense_queue = 65536
        dense_weight = 0.5
        dense_from_epoch = 0
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

/// The longest dense queue that is chosen by itself.
const DENSE_QUEUE: usize = 512;

/// DenseCL's settings beside [`MocoConfig`]'s, in the same section. The dense head is as wide as the projector.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DenseClConfig {
    /// The keys in the dense queue, one an image; by default as many as in the other, at most 512.
    pub dense_queue: Auto<usize>,
    /// λ of eq. 4, the dense term's share of the loss.
    pub dense_weight: f64,
    /// The epoch, from 0, before which λ is 0.
    pub dense_from_epoch: usize,
}

/// Backbone, projector and dense head.
#[derive(Module, Debug)]
pub struct DenseEncoder {
    backbone: ResNet,
    projector: Mlp,
    /// 1×1 convolution–ReLU–1×1 convolution: a linear layer on every cell.
    dense: Mlp,
}

impl Encode<4, 4> for DenseEncoder {
    /// Representation, projection, dense vectors and map; the last two cell by cell.
    fn encode(&self, images: Tensor<4>, mode: &Mode) -> [Tensor<2>; 4] {
        let map = self.backbone.forward_channels_last(images, mode);
        let [batch, rows, columns, features] = map.dims();
        let representation = mean_pool2d(map.clone());
        let projection = self.projector.forward(representation.clone(), mode);
        let cells = map.reshape([batch * rows * columns, features]);
        let dense = self.dense.forward(cells.clone(), mode);
        let [dense, cells] = [dense, cells].map(|cells| {
            let numbers = cells.dims()[1] * rows * columns;
            cells.reshape([batch, numbers])
        });
        [representation, projection, dense, cells.without_autodiff()]
    }
}

/// The method.
#[derive(Debug)]
pub struct DenseCl {
    encoders: MomentumContrast<DenseEncoder>,
    queue: WaitingQueue,
    dense_queue: WaitingQueue,
    temperature: f64,
    config: DenseClConfig,
    /// Features of the map and of the dense head.
    features: [usize; 2],
}

fn build(from: &Build<'_>) -> Result<Box<dyn ImageMethod>> {
    Ok(Box::new(DenseCl::new(&from.settings()?, from.settings()?, from)?))
}

impl DenseCl {
    /// # Errors
    /// Those of MoCo v2; a share outside `[0, 1]`; images that become a single cell.
    pub fn new(moco: &MocoConfig, config: DenseClConfig, from: &Build<'_>) -> Result<Self> {
        if !(0.0..=1.0).contains(&config.dense_weight) {
            return Err(Error::config(
                format!("method.dense_weight is {}, which is not in [0, 1]", config.dense_weight),
                "0.5 weighs the dense and the global term alike, as the paper does",
            ));
        }
        if let Some(side) = from.settings.integer("view", "image_size") {
            check_cells(side, from.backbone.stem)?;
        }
        let backbone = from.backbone()?;
        let features = [backbone.features(), moco.projector_dimension];
        let head = |name| moco.projector(features[0], &from.random.named(name), &from.device);
        let (projector, dense) = (head("projector")?, head("dense")?);
        let encoder = DenseEncoder { backbone, projector, dense };
        let queue = |name, capacity| moco.queue(capacity, &from.random.named(name), &from.device);
        let dense_queue = config.dense_queue.or(moco.capacity().min(DENSE_QUEUE));
        Ok(Self {
            encoders: moco.encoders(encoder)?,
            queue: queue("queue", moco.capacity())?,
            dense_queue: queue("dense_queue", dense_queue)?,
            temperature: moco.temperature,
            config,
            features,
        })
    }
}

/// Whether images of this side become more than one cell.
fn check_cells(side: i64, stem: Stem) -> Result<()> {
    let reduction = stem.reduction() as i64;
    if side > reduction {
        return Ok(());
    }
    let stem_help = match stem {
        Stem::ImageNet if side > Stem::Cifar.reduction() as i64 => " or set backbone.stem = \"cifar\"",
        _ => "",
    };
    Err(Error::config(
        format!(
            "views of {side} pixels become a map of 1×1 cells behind the `{}` stem, which divides sides by {reduction}: \
             there is nothing dense to learn",
            stem.name()
        ),
        format!("set view.image_size to at least {} (2×2 cells){stem_help}", 2 * reduction),
    ))
}

impl Method for DenseCl {
    type Views = Views;

    fn objective(&mut self, views: &Views, step: &Step) -> Result<Objective> {
        let [representations, queries, dense, map] = self.encoders.encode_queries(views.view(0), step)?;
        let keys = self.encoders.encode_keys::<4, 4>(views.view(1), step)?;
        let [map_features, dense_features] = self.features;
        let cells = |rows: Tensor<2>, features: usize| {
            let [batch, numbers] = rows.dims();
            rows.reshape([batch, numbers / features, features])
        };
        // Equation 1, on the pooled features.
        let global = info_nce(queries, keys.own(1), self.queue.keys(), self.temperature);
        // Equation 3, then equation 2.
        let matches = correspondence(cells(map, map_features), cells(keys.own(3), map_features));
        let (dense, dense_keys) = (cells(dense, dense_features), cells(keys.own(2), dense_features));
        let local = densecl_dense(dense, dense_keys, matches, self.dense_queue.keys(), self.temperature);
        // The queues take one key an image: the projection, and the mean of the dense vectors (section 3.3).
        self.queue.hold(unit(keys.all[1].clone()));
        let pooled = cells(keys.all[2].clone(), dense_features).mean_dim(1).squeeze_dim::<2>(1);
        self.dense_queue.hold(unit(pooled));

        let whole = |local| mean_with_gradient(local, views.instances.len(), &*step.collective);
        // Equation 4.
        let share = if step.epoch < self.config.dense_from_epoch { 0.0 } else { self.config.dense_weight };
        let (global_loss, dense_loss) = (whole(global.loss)?, whole(local.loss)?);
        Ok(Objective {
            loss: global_loss.clone() * (1.0 - share) + dense_loss.clone() * share,
            terms: vec![
                ("global", global_loss),
                ("dense", dense_loss),
                ("proxy_accuracy", whole(global.accuracy)?),
                ("dense_accuracy", whole(local.accuracy)?),
            ],
            representations: [representations.without_autodiff(), keys.own(0)],
        })
    }

    fn trained(&mut self) -> &mut dyn Parameters {
        &mut self.encoders.queries
    }

    fn after_step(&mut self, _step: &Step) -> Result<()> {
        self.encoders.follow();
        self.queue.enqueue();
        self.dense_queue.enqueue();
        Ok(())
    }

    fn state(&mut self) -> Vec<(&'static str, &mut dyn Parameters)> {
        let queues = [("queue", self.queue.state()), ("dense_queue", self.dense_queue.state())];
        self.encoders.state().into_iter().chain(queues).collect()
    }
}

impl ImageMethod for DenseCl {
    fn backbone(&self) -> &ResNet {
        &self.encoders.queries.backbone
    }

    fn represent(&self, images: Tensor<4>, layer: Layer) -> Tensor<2> {
        let [representation, projection, ..] = self.encoders.queries.valid().encode(images, &Mode::Evaluate);
        match layer {
            Layer::Backbone => representation,
            Layer::Projector => projection,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests;
