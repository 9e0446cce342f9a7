//! Objectives as pure functions of tensors. What a method draws at random is an argument, so that value and
//! gradient can be checked against independent implementations.

mod densecl;
mod info_nce;
mod mochi;
mod nt_xent;
mod similarity;
mod w_mse;

pub use densecl::{correspondence, densecl_dense};
pub use info_nce::{Contrast, info_nce};
pub use mochi::{Mixing, Mochi, Synthesis, mochi};
pub use nt_xent::nt_xent;
pub use similarity::unit;
pub use w_mse::{Whitening, w_mse, whitened};
