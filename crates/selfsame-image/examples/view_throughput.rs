//! How many pictures a second become two views each: files read, decoded, cropped, coloured and normalised.
//!
//! Usage (through `cargo xtask bench`): `view_throughput FOLDER SIDE RECIPE WORKERS`. The last line is the number.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use selfsame_core::Random;
use selfsame_image::data::{Dataset, Loader, LoaderOptions, OpenOptions, PictureRender};
use selfsame_image::view::{Pipeline, Recipe};

/// At least this long is measured.
const SECONDS: Duration = Duration::from_secs(15);

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, side, recipe, workers] = arguments.as_slice() else {
        return Err("usage: view_throughput FOLDER SIDE RECIPE WORKERS".into());
    };
    let dataset = Arc::new(Dataset::open(folder, &OpenOptions::default())?);
    let pipeline = Pipeline::new(Recipe::by_name(recipe)?, side.parse()?, 2)?;
    let options = LoaderOptions {
        batch_size: 64.min(dataset.len()),
        workers: workers.parse()?,
        ..LoaderOptions::default()
    };
    let loader = Loader::new(PictureRender::new(dataset, pipeline), Random::new(0), options)?;

    // The first epoch brings the files into the system's cache, as the peers' first pass does.
    for views in loader.epoch(0, 0)? {
        loader.recycle(views?);
    }
    let (start, mut pictures) = (Instant::now(), 0);
    for epoch in 1.. {
        for views in loader.epoch(epoch, 0)? {
            let views = views?;
            pictures += views.instances.len();
            loader.recycle(views);
        }
        if start.elapsed() > SECONDS {
            break;
        }
    }
    println!("{:.1}", pictures as f64 / start.elapsed().as_secs_f64());
    Ok(())
}
