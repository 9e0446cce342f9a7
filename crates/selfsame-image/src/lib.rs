//! selfsame-image
