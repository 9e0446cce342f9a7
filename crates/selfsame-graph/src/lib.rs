//! Graphs in selfsame: interactions of users and items, thinned views of them, and ranking.

pub mod data;
pub mod eval;
pub mod view;
