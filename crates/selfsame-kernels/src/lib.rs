//! selfsame-kernels
