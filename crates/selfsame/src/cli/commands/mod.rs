//! What the commands do, a file each.

pub mod compare;
pub mod completions;
pub mod data;
pub mod doctor;
pub mod embed;
pub mod eval;
pub mod export;
mod interactions;
pub mod list;
pub mod pretrain;
pub mod recommend;
pub mod sweep;
