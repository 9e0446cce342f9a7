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
    let rows = of_images().chain(of_videos());
    let row = |(name, data, what, features): (&str, &str, String, usize)| {
        vec![name.to_owned(), data.to_owned(), what, features.to_string()]
    };
    Listing {
        columns: &["backbone", "data", "in short", "features at width 1"],
        rows: rows.map(row).collect(),
    }
}

fn of_images() -> impl Iterator<Item = (&'static str, &'static str, String, usize)> {
    Depth::ALL.into_iter().map(|depth| {
        let [first, second, third, fourth] = depth.blocks();
        let kind = if depth.expansion() == 1 { "basic blocks" } else { "bottlenecks" };
        let what = format!("residual network of {kind}, {first}-{second}-{third}-{fourth}");
        (depth.name(), selfsame_image::pretrain::MODALITY.data, what, 512 * depth.expansion())
    })
}

#[cfg(feature = "video")]
fn of_videos() -> impl Iterator<Item = (&'static str, &'static str, String, usize)> {
    use selfsame_video::model::{Architecture, BackboneConfig};
    Architecture::ALL.into_iter().map(|network| {
        let features = BackboneConfig::new(network).features();
        (network.name(), selfsame_video::pretrain::MODALITY.data, network.description().to_owned(), features)
    })
}

/// They are in programs with video alone, as its methods are.
#[cfg(not(feature = "video"))]
fn of_videos() -> impl Iterator<Item = (&'static str, &'static str, String, usize)> {
    std::iter::empty()
}

fn recipes() -> Listing {
    let rows = RECIPES.iter().map(|(name, what, _)| vec![(*name).to_owned(), (*what).to_owned()]);
    Listing { columns: &["recipe", "what it is"], rows: rows.collect() }
}
