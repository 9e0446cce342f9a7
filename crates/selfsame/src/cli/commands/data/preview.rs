//! `selfsame data preview`

use std::process::ExitCode;

use selfsame_core::atomic_file::make_folder_of;
use selfsame_core::{Error, Random, Result};
use selfsame_image::data::{decode, probe};
use selfsame_image::view::preview::contact_sheet;
use selfsame_image::view::{Pipeline, Recipe, Scratch};
use serde_json::json;

use super::open;
use crate::cli::args;
use crate::cli::output::{print, refuse_picture};

/// Views of a picture unless told otherwise.
const VIEWS: usize = 6;

/// The recipe unless told otherwise.
const RECIPE: &str = "simclr";

/// Draws pictures beside their views.
pub fn run(args: &args::Data) -> Result<ExitCode> {
    let args::Data::Preview {
        path,
        output_file,
        recipe,
        method,
        image_size,
        instances,
        views,
        seed,
        overwrite,
        output,
        ..
    } = args
    else {
        return Err(Error::Internal("not a preview".into()));
    };
    if method.is_some() {
        return Err(Error::config(
            "--method chooses views of videos",
            "views of pictures are those of a recipe: --recipe, see `selfsame list recipes`",
        ));
    }
    refuse_picture(output_file, "png", *overwrite)?;
    let views = views.unwrap_or(VIEWS);
    let dataset = open(path)?;
    let pipeline = Pipeline::new(Recipe::by_name(recipe.as_deref().unwrap_or(RECIPE))?, *image_size, views)?;
    let random = Random::new(*seed);
    let (mut scratch, mut buffer, mut rows) = (Scratch::default(), Vec::new(), Vec::new());
    for index in random.named("preview").permutation(dataset.len()) {
        if rows.len() == instances.get() {
            break;
        }
        let decoded = dataset.read(index, &mut buffer).ok().and_then(|bytes| {
            let header = probe(bytes).ok()?;
            Some((header, decode(bytes, 1).ok()?))
        });
        let Some((header, picture)) = decoded else { continue };
        let address = random.named("views").at(0).at(index as u64);
        let rendered = (0..views).map(|view| {
            let geometry = pipeline.sample_geometry(&address, view, header.width, header.height);
            let mut pixels = vec![0.0; pipeline.view_len()];
            pipeline.render(&address, view, &picture, &geometry, &mut scratch, &mut pixels);
            pipeline.to_picture(&pixels)
        });
        let rendered = rendered.collect();
        rows.push((picture, rendered));
    }
    if rows.is_empty() {
        return Err(Error::data(path, "no picture can be read", "`selfsame data check` says why"));
    }
    make_folder_of(output_file)?;
    contact_sheet(&rows, *image_size).save_png(output_file)?;
    let count = rows.len();
    match output.json {
        true => print(json!({ "file": output_file, "instances": count, "views": views }))?,
        false => print(format!("{count} instances beside {views} views each: {}", output_file.display()))?,
    }
    Ok(ExitCode::SUCCESS)
}
