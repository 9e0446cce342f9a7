//! selfsame-image

pub mod data;
pub mod model;
pub mod picture;
pub mod view;
