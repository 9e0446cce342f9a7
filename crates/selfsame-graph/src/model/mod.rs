//! What is kept when training is over: an embedding of every user and every item, and how they spread over the graph.

mod layers;
mod nodes;

pub use layers::{Layers, full_layers, view_layers};
pub use nodes::Nodes;
