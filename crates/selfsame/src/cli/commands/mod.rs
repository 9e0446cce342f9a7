//! What the commands do, a file each.

pub mod compare;
pub mod completions;
pub mod data;
pub mod doctor;
pub mod embed;
pub mod eval;
pub mod export;
pub mod list;
pub mod pretrain;
pub mod sweep;
