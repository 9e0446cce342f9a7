//! What a representation is worth, measured with labels that its training never saw.
//!
//! A [`Split`] says which labelled pictures are learned from and which are asked about. [`Frozen`] holds
//! their representations for [`knn()`], [`linear()`] and [`retrieval()`]; [`finetune()`] trains the whole network on. [`segmentation()`] and
//! [`correspondence()`] ask about places in pictures, through a [`DenseEncoder`]. Every result serialises to one flat JSON object.

mod correspondence;
mod dense;
mod features;
mod finetune;
mod online_knn;
mod regions;
mod retrieval;
mod segmentation;

pub use correspondence::{Correspondence, CorrespondenceConfig, CorrespondenceResult, correspondence};
pub use dense::{DenseEncoder, Scaling};
pub use features::Extraction;
pub use finetune::finetune;
pub use online_knn::OnlineKnn;
pub use regions::{check_regions, region_means};
pub use retrieval::{Shown, retrieval, sheet};
pub use segmentation::{
    Confusion, Pair, Pairs, Segmentation, SegmentationConfig, SegmentationResult, segmentation,
};
pub use selfsame_core::eval::{
    Features, FinetuneConfig, FinetuneResult, Frozen, KnnResult, LinearResult, Measured, RetrievalResult,
    Retrieved, knn, linear,
};

use crate::data::Dataset;

/// Pictures with a class each.
pub type LabelledSet = selfsame_core::eval::LabelledSet<Dataset>;

/// Labelled pictures to learn from and to be asked about.
pub type Split = selfsame_core::eval::Split<Dataset>;

#[cfg(test)]
mod tests;
