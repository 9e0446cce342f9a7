//! How many images a second a ResNet is trained on, and in how much memory: forward, cross-entropy, backward and SGD, with the
//! images in memory.
//!
//! Usage (through `cargo xtask bench`): `step_throughput DEPTH STEM WIDTH BATCH SIDE`, for example
//! `resnet18 cifar 0.25 128 32`. The last line is images a second, and the most memory that the process ever held, in MB
//! (`NaN` where the system does not tell).

use std::collections::HashMap;
use std::error::Error;
use std::time::{Duration, Instant};

use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Distribution, Int, Tensor};
use selfsame_core::nn::{Mode, Parameters};
use selfsame_core::optimizer::OptimizerConfig;
use selfsame_core::run::{Memory, megabytes};
use selfsame_core::{Random, keep_freed_memory};
use selfsame_image::model::{Classifier, Depth, ResNetConfig, Stem};

/// At least this long is measured.
const SECONDS: Duration = Duration::from_secs(5);

fn main() -> Result<(), Box<dyn Error>> {
    keep_freed_memory();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [depth, stem, width, batch, side] = arguments.as_slice() else {
        return Err("usage: step_throughput DEPTH STEM WIDTH BATCH SIDE".into());
    };
    let config =
        ResNetConfig { depth: Depth::by_name(depth)?, stem: Stem::by_name(stem)?, width: width.parse()? };
    let (batch, side): (usize, usize) = (batch.parse()?, side.parse()?);
    let device = Device::flex().autodiff();
    let mut network = Classifier::init(&config, 10, &Random::new(0), &device)?;
    let mut optimizer = OptimizerConfig::default().init();
    let images = Tensor::<4>::random([batch, 3, side, side], Distribution::Default, &device);
    let labels: Vec<i64> = (0..batch as i64).map(|instance| instance % 10).collect();
    let labels = Tensor::<1, Int>::from_data(labels.as_slice(), &device);

    let mut step = || {
        let scores = network.forward(images.clone(), &Mode::train());
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
    let rate = (steps * batch) as f64 / start.elapsed().as_secs_f64();
    let memory = Memory::now().map_or(f64::NAN, |memory| megabytes(memory.peak));
    println!("{rate:.2} {memory:.1}");
    Ok(())
}
