//! What embeddings or scores are worth: full ranking of all items for every user.

mod ranking;
mod top;

pub use ranking::{
    GroupRecall, Measures, Ranking, RankingOptions, UserMeasures, evaluate_embeddings, evaluate_scores,
};
pub use top::{Embeddings, Recommended, Scores, top_items};

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;
