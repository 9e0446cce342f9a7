//! selfsame

pub mod cli;
pub mod embeddings;
