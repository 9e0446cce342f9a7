//! selfsame-image

pub mod picture;
pub mod view;
