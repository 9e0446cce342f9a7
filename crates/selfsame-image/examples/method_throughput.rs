//! What a whole training step of methods costs: encoders, loss, backward pass, SGD and what follows it, with the views in memory.
//!
//! Usage: `method_throughput METHODS WIDTH BATCH SIDE SECONDS [KEY=VALUE …]`, for example `moco-v2,mochi,densecl 0.25 128 32 20`
//! or `densecl 0.25 128 32 20 method.dense_queue=4096`. The methods take their steps in turns, so that whatever else the machine does
//! slows them alike. Each line is a method, the median milliseconds of its steps, and their ratio to the first method's: the median of
//! the ratios of steps that followed one another.

use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use burn::tensor::Device;
use selfsame_core::Random;
use selfsame_core::collective::Single;
use selfsame_core::method::Step;
use selfsame_core::optimizer::{Optimizer, OptimizerConfig};
use selfsame_core::settings::Layers;
use selfsame_image::method::{Build, Entry, ImageMethod, by_name};
use selfsame_image::model::{Depth, ResNetConfig, Stem};
use selfsame_image::settings::{Facts, Preset, defaults, resolve_auto};
use selfsame_image::view::{Crop, Geometry, Views};

/// The data set for whose size `auto` settings are chosen.
const INSTANCES: usize = 10_000;

struct Contender {
    entry: &'static Entry,
    method: Box<dyn ImageMethod>,
    optimizer: Optimizer,
    views: Views,
    times: Vec<f64>,
}

impl Contender {
    fn new(
        name: &str,
        width: f64,
        [batch, side]: [usize; 2],
        set: &[String],
    ) -> Result<Self, Box<dyn Error>> {
        let entry = by_name(name)?;
        let mut layers =
            Layers::new(defaults(entry, Preset::Small)?).set(&format!("view.image_size={side}"))?;
        for assignment in set {
            // What only another of the methods has is not for this one.
            layers = layers.clone().set(assignment).unwrap_or(layers);
        }
        let mut settings = layers.resolve();
        resolve_auto(&mut settings, &Facts { instances: INSTANCES, typical_side: side, cpu: true });
        let method = (entry.build)(&Build {
            backbone: ResNetConfig {
                depth: Depth::ResNet18,
                width,
                stem: Stem::by_name(settings.text("backbone.stem"))?,
            },
            initial: None,
            settings: &settings,
            random: Random::new(0),
            device: Device::flex().autodiff(),
        })?;
        let count = entry.views(&settings);
        let pixels = |view: usize| {
            let mut random = Random::new(1).at(view as u64);
            (0..batch * 3 * side * side).map(|_| random.normal()).collect()
        };
        let views = Views {
            side,
            instances: (0..batch).collect(),
            pixels: (0..count).map(pixels).collect(),
            geometry: (0..count).map(|view| vec![geometry(view, side); batch]).collect(),
        };
        Ok(Self { entry, method, optimizer: OptimizerConfig::default().init(), views, times: Vec::new() })
    }

    fn step(&mut self, index: usize) -> Result<(), Box<dyn Error>> {
        let start = Instant::now();
        let random = Random::new(2).at(index as u64);
        // Past the warm-ups.
        let step = Step {
            index,
            total: usize::MAX,
            epoch: 1000,
            random,
            collective: Arc::new(Single),
            sync_batch_norm: true,
        };
        let objective = self.method.objective(&self.views, &step)?;
        let trained = self.method.trained();
        let mut gradients: HashMap<_, _> =
            trained.gradients(&mut objective.loss.backward()).into_iter().collect();
        let optimizer = &mut self.optimizer;
        trained.update(&mut |name, value| {
            Some(optimizer.update(name, value, gradients.remove(name)?, 0.01, true))
        });
        self.method.after_step(&step)?;
        self.times.push(start.elapsed().as_secs_f64());
        Ok(())
    }
}

/// Crops from corner to corner of a picture: any two of them share most of it, and so boxes (SCRL).
fn geometry(view: usize, side: usize) -> Geometry {
    let start = 0.1 * view as f32 * side as f32;
    let extent = 0.7 * side as f32;
    let crop = Crop { top: start, left: start, height: extent, width: extent };
    Geometry { source_height: side, source_width: side, crop, flipped: false }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [methods, width, batch, side, seconds, set @ ..] = arguments.as_slice() else {
        return Err("usage: method_throughput METHODS WIDTH BATCH SIDE SECONDS [KEY=VALUE …]".into());
    };
    let (width, sizes) = (width.parse()?, [batch.parse()?, side.parse()?]);
    let new = |name| Contender::new(name, width, sizes, set);
    let mut contenders = methods.split(',').map(new).collect::<Result<Vec<_>, _>>()?;
    let (start, length) = (Instant::now(), Duration::from_secs_f64(seconds.parse()?));
    let mut index = 0;
    while index < 4 || start.elapsed() < length {
        for contender in &mut contenders {
            contender.step(index)?;
        }
        index += 1;
    }
    // The first step finds nothing in the caches.
    let times: Vec<&[f64]> = contenders.iter().map(|contender| &contender.times[1..]).collect();
    for (contender, own) in contenders.iter().zip(&times) {
        let ratio = median(own.iter().zip(times[0]).map(|(own, first)| own / first).collect());
        println!("{:10} {:9.2} ms {ratio:7.3}", contender.entry.name, 1e3 * median(own.to_vec()));
    }
    Ok(())
}
