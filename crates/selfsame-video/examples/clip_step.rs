//! How many clips a second a backbone is trained on, and in how much memory: forward, cross-entropy over 400 classes, backward and SGD, with the clips in
//! memory.
//!
//! Usage (through `cargo xtask bench`): `clip_step BACKBONE BATCH FRAMES SIDE`, for example `r3d_18 4 16 112`. The last line is clips a second, and the most
//! memory that the process ever held, in MB (`NaN` where the system does not tell).

use std::collections::HashMap;
use std::error::Error;
use std::time::{Duration, Instant};

use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Distribution, Int, Tensor};
use selfsame_core::nn::{Mode, Parameters};
use selfsame_core::optimizer::OptimizerConfig;
use selfsame_core::run::{Memory, megabytes};
use selfsame_core::{Random, keep_freed_memory};
use selfsame_video::model::{Architecture, BackboneConfig, Classifier};

const CLASSES: usize = 400;

/// At least this long is measured.
const SECONDS: Duration = Duration::from_secs(5);

fn main() -> Result<(), Box<dyn Error>> {
    keep_freed_memory();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, numbers @ ..] = arguments.as_slice() else {
        return Err("usage: clip_step BACKBONE BATCH FRAMES SIDE".into());
    };
    let numbers: Vec<usize> = numbers.iter().map(|number| number.parse()).collect::<Result<_, _>>()?;
    let &[batch, frames, size] = numbers.as_slice() else {
        return Err("usage: clip_step BACKBONE BATCH FRAMES SIDE".into());
    };
    let config = BackboneConfig::new(Architecture::by_name(name)?);
    config.check_clip_size(frames, size, size)?;

    let device = Device::flex().autodiff();
    let mut network = Classifier::init(&config, CLASSES, &Random::new(0), &device)?;
    let mut optimizer = OptimizerConfig::default().init();
    let clips = Tensor::<5>::random([batch, 3, frames, size, size], Distribution::Normal(0.0, 1.0), &device);
    let labels: Vec<i64> = (0..batch).map(|clip| (clip % CLASSES) as i64).collect();
    let labels = Tensor::<1, Int>::from_data(labels.as_slice(), &device);

    let mut step = || {
        let scores = network.forward(clips.clone(), &Mode::train());
        let loss = -log_softmax(scores, 1).gather(1, labels.clone().unsqueeze_dim(1)).mean();
        let mut gradients: HashMap<_, _> = network.gradients(&mut loss.backward()).into_iter().collect();
        network.update(&mut |name, value| {
            Some(optimizer.update(name, value, gradients.remove(name)?, 0.01, true))
        });
    };
    step();
    let (start, mut steps) = (Instant::now(), 0);
    while steps < 3 || start.elapsed() < SECONDS {
        step();
        steps += 1;
    }
    let rate = (batch * steps) as f64 / start.elapsed().as_secs_f64();
    let memory = Memory::now().map_or(f64::NAN, |memory| megabytes(memory.peak));
    println!("{rate:.3} {memory:.1}");
    Ok(())
}
