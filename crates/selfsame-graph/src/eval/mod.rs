//! What embeddings or scores are worth: full ranking of all items for every user.

mod best;
mod ranking;
mod scores;
mod similar;
mod top;

pub use ranking::{
    GroupRecall, Measures, Ranking, RankingOptions, UserMeasures, evaluate_embeddings, evaluate_scores,
};
pub use scores::{Embeddings, Scores};
pub use similar::nearest_rows;
pub use top::{Recommended, top_items};

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;
