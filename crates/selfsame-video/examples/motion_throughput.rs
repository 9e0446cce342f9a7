//! How many frames a second give their motion vectors, file by file, one thread a file.
//!
//! Usage (through `cargo xtask bench`): `motion_throughput FOLDER WORKERS`. The last line is the number. Lines on standard error say how fast it is without the
//! shortcuts that leave out pixels, and how many vectors there are either way. Damaged files are left out.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use selfsame_core::data::Instances;
use selfsame_video::data::{VideoError, VideoFolder, VideoFolderOptions, extract_motion_vectors};

/// At least this long is measured.
const SECONDS: Duration = Duration::from_secs(4);

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, workers, ..] = arguments.as_slice() else {
        return Err("usage: motion_throughput FOLDER WORKERS".into());
    };
    let videos = <VideoFolder as Instances>::open(Path::new(folder), &VideoFolderOptions::default())?;
    let with_motion = (0..videos.len()).filter(|&index| videos.has_motion(index));
    let files = with_motion.map(|index| Ok(videos.path_of(videos.video(index)?)));
    let mut files: Vec<PathBuf> = files.collect::<selfsame_core::Result<_>>()?;
    files.retain(|file| extract_motion_vectors(file, true, |_, _| Ok::<_, VideoError>(())).is_ok());
    if files.is_empty() {
        return Err(format!("no video in {folder} has motion vectors").into());
    }
    let workers = workers.parse()?;
    let mut rate = f64::NAN;
    for shortcuts in [false, true] {
        let (_, vectors) = pass(&files, workers, shortcuts)?;
        let (start, mut frames) = (Instant::now(), 0);
        while start.elapsed() < SECONDS {
            frames += pass(&files, workers, shortcuts)?.0;
        }
        rate = frames as f64 / start.elapsed().as_secs_f64();
        eprintln!("shortcuts {shortcuts}: {rate:.0} frames a second, {vectors} vectors");
    }
    println!("{rate:.1}");
    Ok(())
}

/// The frames and the motion vectors of all files.
fn pass(files: &[PathBuf], workers: usize, shortcuts: bool) -> Result<(usize, usize), Box<dyn Error>> {
    let (next, frames, vectors) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let work = || -> Result<(), VideoError> {
            while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                extract_motion_vectors(file, shortcuts, |_, frame| {
                    frames.fetch_add(1, Ordering::Relaxed);
                    vectors.fetch_add(frame.vectors.len(), Ordering::Relaxed);
                    Ok::<_, VideoError>(())
                })?;
            }
            Ok(())
        };
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            worker.join().map_err(|_| "a thread failed")?.map_err(|error| error.detail)?;
        }
        Ok::<(), Box<dyn Error>>(())
    })?;
    Ok((frames.into_inner(), vectors.into_inner()))
}
