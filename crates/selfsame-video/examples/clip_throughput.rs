//! How many clips a second a training is given: files opened, decoded from the key frame before the clip, scaled, cropped, coloured and normalised, by the
//! loader of trainings. One clip a video, recipe `moco-v2` without blur.
//!
//! Usage (through `cargo xtask bench`): `clip_throughput FOLDER FRAMES STRIDE SIDE WORKERS`, for example `videos/ 8 4 112 2`. The last line is the number.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use selfsame_core::data::{Instances, LoaderOptions};
use selfsame_core::{Random, keep_freed_memory};
use selfsame_image::view::Recipe;
use selfsame_video::data::{Loader, VideoFolder, VideoFolderOptions, VideoRender};
use selfsame_video::view::{Arrangement, ClipTime, VideoPipeline};

/// At least this long is measured.
const SECONDS: Duration = Duration::from_secs(6);

fn main() -> Result<(), Box<dyn Error>> {
    keep_freed_memory();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, numbers @ ..] = arguments.as_slice() else {
        return Err("usage: clip_throughput FOLDER FRAMES STRIDE SIDE WORKERS".into());
    };
    let numbers: Vec<usize> = numbers.iter().map(|number| number.parse()).collect::<Result<_, _>>()?;
    let &[frames, stride, side, workers] = numbers.as_slice() else {
        return Err("usage: clip_throughput FOLDER FRAMES STRIDE SIDE WORKERS".into());
    };
    let videos = <VideoFolder as Instances>::open(folder.as_ref(), &VideoFolderOptions::default())?;
    let recipe = Recipe::by_name("moco-v2")?.without(&["blur"])?;
    let time = ClipTime { frames, stride };
    let pipeline = VideoPipeline::new(recipe, time, side, Arrangement::Independent(1))?;
    let options = LoaderOptions { batch_size: 8.min(videos.len()), workers, ..LoaderOptions::default() };
    let loader = Loader::new(VideoRender::new(Arc::new(videos), pipeline), Random::new(0), options)?;

    // The first epoch brings the files into the system's cache, as the peer's first pass does.
    for clips in loader.epoch(0, 0)? {
        loader.recycle(clips?);
    }
    let (start, mut clips) = (Instant::now(), 0);
    'measured: for epoch in 1.. {
        for views in loader.epoch(epoch, 0)? {
            let views = views?;
            clips += views.instances.len();
            loader.recycle(views);
            if start.elapsed() > SECONDS {
                break 'measured;
            }
        }
    }
    println!("{:.1}", clips as f64 / start.elapsed().as_secs_f64());
    Ok(())
}
