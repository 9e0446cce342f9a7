//! What embeddings are worth while they are learned.

use selfsame_core::Result;

use crate::data::{InteractionData, Interactions};
use crate::eval::{RankingOptions, evaluate_embeddings};
use crate::model::Nodes;
use crate::settings::MeasureOn;

/// The length of the lists.
const K: usize = 20;

/// Interactions that are held out, and found again or not.
#[derive(Clone, Debug)]
pub struct Held {
    asked: Interactions,
}

impl Held {
    /// The part of the data that is measured on; none where it is empty.
    pub fn of(data: &InteractionData, measure: MeasureOn) -> Option<Self> {
        let asked = match measure {
            MeasureOn::Validation => &data.validation,
            MeasureOn::Test => &data.test,
        };
        (!asked.is_empty()).then(|| Self { asked: asked.clone() })
    }

    /// Recall@20 of a full ranking without the items of `known`; of as many as there are where there are fewer than 20 items.
    ///
    /// # Errors
    /// Embeddings that are no numbers.
    pub fn recall(&self, nodes: &Nodes, known: &Interactions) -> Result<f64> {
        let [users, items] = nodes.finals()?;
        let [_, dimension] = nodes.initial().dims();
        let k = K.min(self.asked.items());
        let options = RankingOptions { ks: vec![k], groups: 1 };
        let ranking = evaluate_embeddings(&users, &items, dimension, known, &self.asked, &options)?;
        Ok(ranking.at(k).map_or(0.0, |measures| measures.recall))
    }
}
