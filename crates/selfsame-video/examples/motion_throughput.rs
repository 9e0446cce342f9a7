//! Frames a second whose motion vectors are extracted: `motion_throughput FILE… [--threads N] [--rounds N]`. Files are shared among the threads, one
//! thread a file; each file counts once for every mention and round.

use std::error::Error;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use selfsame_video::data::{VideoError, extract_motion_vectors};

fn main() -> Result<(), Box<dyn Error>> {
    let (mut files, mut threads, mut rounds) = (Vec::new(), 2, 3);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--threads" => threads = words.next().ok_or("--threads needs a number")?.parse()?,
            "--rounds" => rounds = words.next().ok_or("--rounds needs a number")?.parse()?,
            _ => files.push(PathBuf::from(word)),
        }
    }
    if files.is_empty() {
        return Err("name some videos".into());
    }
    for shortcuts in [false, true] {
        for _ in 0..rounds {
            let (next, frames, vectors) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
            let begun = Instant::now();
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
                let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
                for worker in workers {
                    worker.join().map_err(|_| "a thread failed")?.map_err(|error| error.detail)?;
                }
                Ok::<(), Box<dyn Error>>(())
            })?;
            let seconds = begun.elapsed().as_secs_f64();
            let (frames, vectors) = (frames.into_inner(), vectors.into_inner());
            println!(
                "shortcuts {shortcuts}: {:.0} frames/s, {frames} frames, {vectors} vectors, {seconds:.2} s",
                frames as f64 / seconds
            );
        }
    }
    Ok(())
}
