//! Toy data and toy methods.

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};

use super::Log;
use crate::method::{Method, Objective, Step};
use crate::momentum_encoder::MomentumEncoder;
use crate::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig, Parameters};
use crate::queue::Queue;
use crate::train::{Batches, Epoch};
use crate::{Random, Result};

/// The rows of a batch.
pub type Batch = Vec<[f32; 3]>;

/// Rows in a batch.
pub const SIZE: usize = 5;

/// Random rows, the same for the same epoch and place.
pub struct Rows {
    /// How many batches an epoch gives.
    pub given: usize,
    pub log: Log,
}

/// One batch.
pub fn rows(epoch: usize, place: usize) -> Batch {
    let mut random = Random::new(1).at(epoch as u64).at(place as u64);
    (0..SIZE).map(|_| [(); 3].map(|()| random.normal())).collect()
}

impl Batches<Batch> for Rows {
    fn size(&self) -> usize {
        SIZE
    }

    fn epoch(&self, epoch: usize, first: usize) -> Result<Epoch<'_, Batch>> {
        let log = self.log.clone();
        Ok(Box::new((first..self.given).map(move |place| {
            log.note(format!("batch {epoch}.{place}"));
            Ok(rows(epoch, place))
        })))
    }

    fn recycle(&self, _batch: Batch) {
        self.log.note("recycle");
    }
}

fn tensor(batch: &Batch, device: &Device) -> Tensor<2> {
    Tensor::from_data(TensorData::new(batch.concat(), [batch.len(), 3]), device)
}

/// What the monitors see: healthy or all alike.
fn representations(collapsed: bool) -> [Tensor<2>; 2] {
    let device = Device::default();
    let mut random = Random::new(2);
    let values =
        (0..64).map(|at| if collapsed { (at % 4) as f32 } else { random.normal() }).collect::<Vec<_>>();
    let view = Tensor::from_data(TensorData::new(values, [16, 4]), &device);
    [view.clone(), view]
}

/// The loss is the mean of w·x over the batch, so that the gradient of w is the mean of the rows.
pub struct Mean {
    pub weight: Linear,
    pub log: Log,
    /// Whether the representation has collapsed, by the number of steps before.
    pub collapsed: fn(usize) -> bool,
    /// The loss of this step is not a number.
    pub broken_at: Option<usize>,
    /// There is nothing to learn in this step.
    pub idle_at: Option<usize>,
    /// Whether the learning rate follows the schedule.
    pub follows_schedule: bool,
    device: Device,
}

impl Mean {
    pub fn new(log: &Log) -> Self {
        let device = Device::default().autodiff();
        let weight = LinearConfig::new(3, 1).without_bias().init(&Random::new(3), &device);
        Self {
            weight,
            log: log.clone(),
            collapsed: |_| false,
            broken_at: None,
            idle_at: None,
            follows_schedule: true,
            device,
        }
    }

    pub fn weights(&self) -> Vec<f64> {
        crate::golden::host(&self.weight.weight.val())
    }
}

impl Method for Mean {
    type Views = Batch;

    fn objective(&mut self, views: &Batch, step: &Step) -> Result<Objective> {
        self.log.note(format!("objective {} of {} in epoch {}", step.index, step.total, step.epoch));
        let loss = self.weight.forward(tensor(views, &self.device)).mean();
        let loss = if self.broken_at == Some(step.index) { loss * f64::NAN } else { loss };
        let loss = if self.idle_at == Some(step.index) { loss.without_autodiff() * 0.0 } else { loss };
        let twice = loss.clone().without_autodiff() * 2.0;
        let representations = representations((self.collapsed)(step.index));
        Ok(Objective { loss, terms: vec![("twice", twice)], representations })
    }

    fn trained(&mut self) -> &mut dyn Parameters {
        &mut self.weight
    }

    fn follows_schedule(&self, _name: &str) -> bool {
        self.follows_schedule
    }

    fn after_step(&mut self, step: &Step) -> Result<()> {
        self.log.note(format!("after step {}", step.index));
        Ok(())
    }

    fn state(&mut self) -> Vec<(&'static str, &mut dyn Parameters)> {
        vec![("model", &mut self.weight)]
    }
}

#[derive(Module, Debug)]
pub struct Encoder {
    layer: Linear,
    norm: BatchNorm,
}

/// All that a method may carry from step to step: batch statistics, a target encoder, a queue, randomness.
pub struct Contrast {
    online: Encoder,
    target: MomentumEncoder<Encoder>,
    queue: Queue,
    keys: Option<Tensor<2>>,
    device: Device,
}

impl Contrast {
    pub fn new() -> Self {
        let (random, device) = (Random::new(4), Device::default().autodiff());
        let layer = LinearConfig::new(3, 4).init(&random.named("layer"), &device);
        let online = Encoder { layer, norm: BatchNormConfig::new(4).init(&device) };
        let target = MomentumEncoder::new(&online);
        let queue = Queue::new(7, 4, &random.named("queue"), &device).unwrap();
        Self { online, target, queue, keys: None, device }
    }

    /// Every number of the state, by name.
    pub fn everything(&mut self) -> Vec<(String, Vec<f64>)> {
        let mut found = Vec::new();
        for (part, module) in self.state() {
            for parameter in module.parameters() {
                found.push((format!("{part}.{}", parameter.name), crate::golden::host(&parameter.value)));
            }
        }
        found
    }
}

impl Method for Contrast {
    type Views = Batch;

    fn objective(&mut self, views: &Batch, step: &Step) -> Result<Objective> {
        let rows = tensor(views, &self.device);
        let noise = step.random.named("noise").normal();
        let forward = |encoder: &Encoder, x| encoder.norm.forward(encoder.layer.forward(x), &step.mode());
        let queries = forward(&self.online, rows.clone() + noise);
        let keys = forward(self.target.module(), rows.inner());
        let apart = queries.clone().matmul(self.queue.keys().transpose()).square().mean();
        let loss = (queries.clone() - keys.clone()).square().mean() + apart;
        self.keys = Some(keys);
        Ok(Objective { loss, terms: Vec::new(), representations: representations(false) })
    }

    fn trained(&mut self) -> &mut dyn Parameters {
        &mut self.online
    }

    fn after_step(&mut self, _step: &Step) -> Result<()> {
        self.target.follow(&self.online, 0.9);
        if let Some(keys) = self.keys.take() {
            self.queue.enqueue(keys);
        }
        Ok(())
    }

    fn state(&mut self) -> Vec<(&'static str, &mut dyn Parameters)> {
        vec![("model", &mut self.online), ("target", self.target.module_mut()), ("queue", &mut self.queue)]
    }
}
