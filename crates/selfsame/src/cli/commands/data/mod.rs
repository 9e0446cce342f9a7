//! `selfsame data check|preview|index|pack`

mod check;
mod interactions;
mod pack;
mod preview;

use std::path::Path;
use std::process::ExitCode;

use selfsame_core::Result;
use selfsame_graph::data::holds_interactions;
use selfsame_image::data::{Dataset, OpenOptions, PackOptions};

use crate::cli::args::{self, Kind};

/// Looks at data.
pub fn run(args: &args::Data) -> Result<ExitCode> {
    match args {
        args::Data::Check { path, kind, tiny, output, .. } => match kind {
            Some(Kind::Interactions) => interactions::check(args),
            None if holds_interactions(path) => interactions::check(args),
            _ => check::run(path, *tiny, *output),
        },
        args::Data::Preview { .. } => preview::run(args),
        args::Data::Index { path, output } => pack::index(path, *output),
        args::Data::Pack { path, output_file, max_side, raw, overwrite, output } => {
            let options = PackOptions { raw: *raw, max_side: *max_side, overwrite: *overwrite };
            pack::run(path, output_file, &options, *output)
        }
    }
}

/// Opens pictures.
fn open(path: &Path) -> Result<Dataset> {
    Dataset::open(path, &OpenOptions::default())
}
