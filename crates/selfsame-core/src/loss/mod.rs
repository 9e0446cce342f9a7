//! Objectives as pure functions of tensors. What a method draws at random is an argument, so that value and
//! gradient can be checked against independent implementations.

mod nt_xent;
mod similarity;

pub use nt_xent::nt_xent;
pub use similarity::unit;
