//! Randomly thinned graphs, the views of self-supervised graph learning (SGL, Wu et al. 2021, section 3.1).

mod thin;

pub use thin::{Augmentation, View, check_view, view};

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
