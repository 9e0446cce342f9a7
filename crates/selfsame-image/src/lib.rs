//! Images in selfsame: folders and shards, views, ResNets, the image methods and their evaluation.

pub mod data;
pub mod eval;
pub mod method;
pub mod model;
mod network;
pub mod picture;
pub mod pretrain;
pub mod settings;
pub mod trained;
pub mod view;
