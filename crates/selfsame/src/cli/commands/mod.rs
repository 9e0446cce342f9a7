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

/// Threads that read data: as many as were given, or as there are.
fn workers(given: Option<usize>) -> usize {
    given.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
}
