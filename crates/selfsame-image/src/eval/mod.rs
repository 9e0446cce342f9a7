//! What a representation is worth, measured with labels that its training never saw.
//!
//! A [`Split`] says which labelled pictures are learned from and which are asked about. [`Frozen`] holds
//! their representations for [`knn()`], [`linear()`] and [`retrieval()`]; [`finetune()`] trains the whole network on. [`segmentation()`] and
//! [`correspondence()`] ask about places in pictures, through a [`DenseEncoder`]. Every result serialises to one flat JSON object.

mod correspondence;
mod dense;
mod features;
mod finetune;
mod knn;
mod linear;
mod online_knn;
mod regions;
mod retrieval;
mod segmentation;
mod split;

pub use correspondence::{Correspondence, CorrespondenceConfig, CorrespondenceResult, correspondence};
pub use dense::{DenseEncoder, Scaling};
pub use features::{Extraction, Features, Frozen, Measured};
pub use finetune::{FinetuneConfig, FinetuneResult, finetune};
pub use knn::{KnnResult, knn};
pub use linear::{LinearResult, linear};
pub use online_knn::OnlineKnn;
pub use regions::{check_regions, region_means};
pub use retrieval::{RetrievalResult, Retrieved, retrieval};
pub use segmentation::{
    Confusion, Pair, Pairs, Segmentation, SegmentationConfig, SegmentationResult, segmentation,
};
pub use split::{LabelledSet, Split};

#[cfg(test)]
mod tests;
