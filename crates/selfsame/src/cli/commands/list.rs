//! `selfsame list`

use std::io;
use std::process::ExitCode;

use selfsame_core::Result;
use selfsame_core::pretrain::{About, Modality};
use selfsame_image::model::Depth;
use selfsame_image::view::recipe::RECIPES;
use serde_json::json;

use crate::cli::args;
use crate::cli::list::Listing;
use crate::cli::modalities::MODALITIES;
use crate::cli::output::print;
use crate::cli::terminal::Terminal;

/// Prints a table of what there is.
pub fn run(args: &args::List) -> Result<ExitCode> {
    let (name, listing) = match args.what {
        args::Listing::Methods => ("methods", methods()),
        args::Listing::Backbones => ("backbones", backbones()),
        args::Listing::Recipes => ("recipes", recipes()),
    };
    match args.json {
        true => print(json!({ name: listing.json() }))?,
        false => print(listing.table(Terminal::of(&io::stdout())))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn methods() -> Listing {
    let row = |modality: &Modality, method: About| {
        [method.name, modality.data, method.summary, method.paper].map(str::to_owned).to_vec()
    };
    let of = |modality: &&'static Modality| {
        let modality = *modality;
        (modality.methods)().into_iter().map(move |method| row(modality, method))
    };
    let rows = MODALITIES.iter().flat_map(of).collect();
    Listing { columns: &["method", "data", "in short", "paper"], rows }
}

fn backbones() -> Listing {
    let row = |depth: &Depth| {
        let features = 512 * depth.expansion();
        vec![depth.name().to_owned(), format!("{:?}", depth.blocks()), features.to_string()]
    };
    Listing {
        columns: &["backbone", "blocks", "features at width 1"],
        rows: Depth::ALL.iter().map(row).collect(),
    }
}

fn recipes() -> Listing {
    let rows = RECIPES.iter().map(|(name, what, _)| vec![(*name).to_owned(), (*what).to_owned()]);
    Listing { columns: &["recipe", "what it is"], rows: rows.collect() }
}
