//! What a representation of videos is worth, measured with labels that its training never saw.
//!
//! The representation of a video is the mean over clips, evenly spaced from its beginning to its end, of their central squares: 10 of them in the papers.
//! [`Extraction`] computes it for [`knn()`], [`linear()`] and [`retrieval()`]; [`finetune()`] trains the whole network on. [`activation()`] shows where a network
//! looks.

mod activation;
mod features;
mod finetune;
mod online_knn;
mod retrieval;
mod split;
mod strip;

pub use activation::{Activation, ActivationResult, Looking, activation};
pub use features::{CLIPS, Extraction};
pub use finetune::{Auxiliary, Finetuning, VideoFinetuneResult, finetune};
pub use online_knn::OnlineKnn;
pub use retrieval::{retrieval, sheet};
pub use selfsame_core::eval::{
    Features, FinetuneConfig, Frozen, KnnResult, LinearResult, RetrievalResult, Retrieved, knn, linear,
};
pub use split::open_lists;

use crate::data::VideoFolder;

/// Videos with a class each.
pub type LabelledSet = selfsame_core::eval::LabelledSet<VideoFolder>;

/// Labelled videos to learn from and to be asked about.
pub type Split = selfsame_core::eval::Split<VideoFolder>;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
pub(crate) mod tests;
