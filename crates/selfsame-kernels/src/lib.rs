//! Tensor operations that Burn lacks or is slow at.
//!
//! Each operation is a Burn backend extension: a portable version made of Burn's own tensor operations, which runs
//! on every backend, and a fast version for the CPU. The two are tested against each other.

mod all_reduce;
mod batch_norm;
mod buffer;
mod convolution;
mod flex;
mod info_nce;
mod linear;
mod memory;
#[cfg(test)]
mod network;
mod noisy;
mod optional;
mod pool;
mod product;
mod roi_align;
mod rows;
mod simd;
mod sparse;
mod update;
mod whiten;

pub use all_reduce::{AllReduce, AllReduceError};
pub use batch_norm::{BatchNormOutput, Epilogue, batch_norm, scale_and_shift};
pub use buffer::in_parts;
pub use convolution::{conv2d, conv3d};
pub use info_nce::{info_nce, info_nce_by_kind};
pub use linear::linear;
pub use memory::keep_freed_memory;
pub use noisy::noisy_weight;
pub use pool::{ClipWindows, Windows, max_pool2d, max_pool3d, mean_pool2d, mean_pool3d};
pub use roi_align::{Region, RoiAlign, roi_align};
pub use rows::gather_rows;
pub use sparse::{SparseError, SparseMatrix, propagate, propagate_rows};
pub use update::{AdamStep, MomentumStep, adam_step, momentum_step, squared_norm, weighted_sum};
pub use whiten::{Groups, Singular, whiten};
