//! What a representation is worth, measured with labels that its training never saw.
//!
//! A [`Split`] says which labelled instances are learned from and which are asked about. [`Frozen`] holds their representations for [`knn()`],
//! [`linear()`] and [`retrieval()`]; [`finetune()`] trains the whole network on. Every result serialises to one flat JSON object.

mod features;
mod finetune;
mod knn;
mod linear;
mod retrieval;
mod split;

pub use features::{Features, Frozen, Measured};
pub use finetune::{FinetuneConfig, FinetuneResult, Finetuned, finetune};
pub use knn::{KnnResult, knn};
pub use linear::{LinearResult, linear};
pub use retrieval::{Recall, RetrievalResult, Retrieved, retrieval};
pub use split::{LabelledSet, Split};
