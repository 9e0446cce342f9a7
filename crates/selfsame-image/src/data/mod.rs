//! Where instances come from: folders, tar shards and packs of pictures, decoded and prefetched.
//!
//! [`Dataset::open`] finds the instances, [`Loader`] makes training batches of their views, [`evaluation_batches`]
//! visits each once, [`check`](check()) looks for what is wrong with the files, and [`write_pack`] puts them into one.

mod cache;
mod check;
mod decode;
mod folder;
mod jpeg;
mod label_map;
mod labels;
pub mod pack;
mod pack_writer;
mod raw_picture;
mod render;
mod shards;
mod source;

pub use cache::{Cache, Stamp, default_cache_folder};
pub use check::{CheckOptions, ClassCount, Duplicates, Finding, Note, Problem, Report, SizeBin, check};
pub use decode::{Color, DecodeError, Format, Header, MAX_PIXELS, decode, decode_into, is_animated, probe};
pub use folder::{EXTENSIONS, Kind, Listing, is_picture, list};
pub use label_map::{LabelMap, read_label_map};
pub use labels::Labels;
pub use pack_writer::{PackOptions, PackSummary, write_pack};
pub use render::{EvaluationBatches, Loader, PictureRender, evaluation_batches};
pub use selfsame_core::data::{
    BadFile, BadFiles, LoaderOptions, ordered_batches, read_bad_files, reason, write_bad_files,
};
pub use source::{Dataset, OpenOptions};

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests;
