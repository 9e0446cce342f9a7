//! Graphs in selfsame: interactions of users and items, thinned views of them, embeddings, the graph methods, and ranking.

pub mod data;
pub mod eval;
pub mod method;
pub mod model;
pub mod pretrain;
pub mod settings;
pub mod trained;
pub mod view;
