//! Objectives as pure functions of tensors. What a method draws at random is an argument, so that value and
//! gradient can be checked against independent implementations.

mod bilinear;
mod bpr;
mod byol;
mod categorical;
mod classification;
mod cmd;
mod densecl;
mod feature_consistency;
mod info_nce;
mod mixsiam;
mod mochi;
mod nt_xent;
mod return_contrast;
mod similarity;
mod simsiam;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod slow;
mod soft_actor_critic;
mod w_mse;

pub use bilinear::bilinear_info_nce;
pub use bpr::bpr;
pub use byol::byol;
pub use categorical::{Support, categorical_cross_entropy, categorical_projection};
pub use classification::{Classification, classification};
pub use cmd::{cmd_context, cmd_motion};
pub use densecl::{correspondence, densecl_dense};
pub use feature_consistency::feature_consistency;
pub use info_nce::{Contrast, info_nce, info_nce_with_own};
pub use mixsiam::{MixSiamLoss, ViewsPredict, largest, mixsiam, mixture};
pub use mochi::{Mixing, Mochi, Synthesis, mochi};
pub use nt_xent::nt_xent;
pub use return_contrast::return_contrast;
pub use selfsame_kernels::info_nce_by_kind;
pub use similarity::{negative_cosine, unit};
pub use simsiam::simsiam;
pub use soft_actor_critic::{actor_loss, critic_loss, soft_target, temperature_loss};
pub use w_mse::{Whitening, w_mse, whitened};
