//! selfsame
