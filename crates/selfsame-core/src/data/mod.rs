//! What all data with files has in common: instances with names and classes, batches of their views made ahead by threads, and files that
//! cannot be used.
//!
//! A kind of data implements [`Instances`] and [`Render`]; a [`Loader`] makes training batches then, and [`ordered_batches`] shows every instance once.

mod bad_files;
mod instances;
mod loader;
mod memory_map;
mod ordered;
mod prefetch;
mod render;

pub use bad_files::{BadFile, BadFiles, add_bad_files, read_bad_files, reason, write_bad_files};
pub use instances::Instances;
pub use loader::{Loader, LoaderOptions};
pub use memory_map::{FileMemory, MemoryMap};
pub use ordered::{OrderedBatches, ordered_batches};
pub use prefetch::Prefetched;
pub use render::{Batch, Render, Renderer};
