//! How many clips a second a backbone is trained on: forward, cross-entropy over 400 classes, backward and SGD, with the clips in memory.
//!
//! Usage: `clip_step BACKBONE BATCH STEPS [SIZE] [FRAMES]`, for example `r3d_18 4 5 112 16`.

use std::collections::HashMap;
use std::error::Error;
use std::time::Instant;

use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Distribution, Int, Tensor};
use selfsame_core::nn::{Mode, Parameters};
use selfsame_core::optimizer::OptimizerConfig;
use selfsame_core::{Random, keep_freed_memory};
use selfsame_video::model::{Architecture, BackboneConfig, Classifier};

const CLASSES: usize = 400;

fn main() -> Result<(), Box<dyn Error>> {
    keep_freed_memory();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (name, numbers) =
        arguments.split_first().ok_or("usage: clip_step BACKBONE BATCH STEPS [SIZE] [FRAMES]")?;
    let numbers: Vec<usize> = numbers.iter().map(|number| number.parse()).collect::<Result<_, _>>()?;
    let &[batch, steps, ref more @ ..] = numbers.as_slice() else {
        return Err("usage: clip_step BACKBONE BATCH STEPS [SIZE] [FRAMES]".into());
    };
    let size = more.first().copied().unwrap_or(112);
    let frames = more.get(1).copied().unwrap_or(16);
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
    let start = Instant::now();
    (0..steps).for_each(|_| step());
    let rate = (batch * steps) as f64 / start.elapsed().as_secs_f64();
    println!(
        "train: {rate:.3} clips/s ({}, {frames}x{size}x{size}, batch {batch})",
        config.architecture.name()
    );
    Ok(())
}
