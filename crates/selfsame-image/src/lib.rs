//! selfsame-image

pub mod data;
pub mod picture;
pub mod view;
