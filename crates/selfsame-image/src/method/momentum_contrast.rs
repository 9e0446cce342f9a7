//! What MoCo and the methods built on it share: two encoders, keys that cannot be told by their batch norm, and queues.
//!
//! Kaiming He, Haoqi Fan, Yuxin Wu, Saining Xie, Ross Girshick. *Momentum Contrast for Unsupervised Visual Representation Learning*.
//! CVPR 2020, arXiv 1911.05722.

use std::ops::Range;

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor, TensorData};
use selfsame_core::collective::{Collective, gather_with_gradient};
use selfsame_core::method::Step;
use selfsame_core::momentum_encoder::MomentumEncoder;
use selfsame_core::nn::{Mode, Parameter, Parameters, is_statistic};
use selfsame_core::queue::Queue;
use selfsame_core::{Error, Random, Result};

use super::encoder::device_of;
use crate::view::Views;

/// A network that makes `M` things of an image, each a row of numbers. The first is the backbone's representation.
pub trait Encode<const M: usize>: Module {
    /// Images `[batch, 3, side, side]` to `[batch, …]` each.
    fn encode(&self, images: Tensor<4>, mode: &Mode) -> [Tensor<2>; M];
}

/// Two encoders: the trained one for queries, and one for keys that follows it slowly (section 3.2).
#[derive(Debug)]
pub struct MomentumContrast<E> {
    /// The encoder of the queries, which is trained.
    pub queries: E,
    target: MomentumEncoder<E>,
    momentum: f64,
    group: usize,
    device: Device,
    /// Batches of the current step so far; a step may accumulate several.
    batches: u64,
}

/// What the keys' encoder makes of a batch, without gradients.
pub struct Keys<const M: usize> {
    /// Of the instances of all ranks, in their order.
    pub all: [Tensor<2>; M],
    own: Range<usize>,
}

impl<const M: usize> Keys<M> {
    /// Output number `output` for this rank's instances.
    pub fn own(&self, output: usize) -> Tensor<2> {
        self.all[output].clone().slice(self.own.clone())
    }
}

impl<E: Module> MomentumContrast<E> {
    /// Both encoders start as `queries`. The one of the keys follows it with `momentum`; batch norm takes its statistics over groups of `group`
    /// instances, 0 for the whole batch.
    ///
    /// # Errors
    /// A momentum that is not in `[0, 1)`, groups of a single instance, a network without parameters.
    pub fn new(queries: E, momentum: f64, group: usize) -> Result<Self> {
        if !(0.0..1.0).contains(&momentum) {
            return Err(Error::config(
                format!("method.momentum is {momentum}, which is not in [0, 1)"),
                "0.99 suits hundreds of steps, 0.999 many thousands",
            ));
        }
        if group == 1 {
            return Err(Error::config(
                "method.batch_norm_group is 1, but an instance alone has no variance",
                "16 to 64 instances are usual; 0 takes the statistics of the whole batch",
            ));
        }
        let device = device_of(&queries)?;
        let target = MomentumEncoder::new(&queries);
        Ok(Self { queries, target, momentum, group, device, batches: 0 })
    }

    /// Randomness of this batch, the same on every rank.
    pub fn random(&self, step: &Step, purpose: &str) -> Random {
        step.random.named(purpose).at(self.batches)
    }

    /// The first view through the encoder of the queries.
    ///
    /// # Errors
    /// When the batch cannot be divided, or other ranks cannot be reached.
    pub fn encode_queries<const M: usize>(&mut self, views: &Views, step: &Step) -> Result<[Tensor<2>; M]>
    where
        E: Encode<M>,
    {
        let images = views.tensor(0, &self.device);
        match groups(views.instances.len(), self.group, step)? {
            None => Ok(self.queries.encode(images, &step.mode())),
            Some(groups) => in_groups(&mut self.queries, images, groups, &*step.collective),
        }
    }

    /// The second view through the encoder of the keys (section 3.3, *shuffling batch norm*): where batch norm sees a part of the batch, the images
    /// of all ranks change places, so that a key's statistics are not those of its query; the keys come back in order.
    ///
    /// # Errors
    /// As [`encode_queries`](Self::encode_queries).
    pub fn encode_keys<const M: usize>(&mut self, views: &Views, step: &Step) -> Result<Keys<M>>
    where
        E: Encode<M>,
    {
        let collective = &*step.collective;
        let count = views.instances.len();
        let own = collective.rank() * count..(collective.rank() + 1) * count;
        let device = self.device.clone().inner();
        let groups = groups(count, self.group, step)?;
        // One group of all ranks has the same statistics in any order.
        let whole = groups.is_none() && (step.sync_batch_norm || collective.size() == 1);
        let order = (!whole).then(|| self.random(step, "shuffle").permutation(count * collective.size()));
        let images = match &order {
            None => views.tensor(1, &device),
            Some(order) => shuffled(views, &order[own.clone()], collective, &device)?,
        };
        let target = self.target.module_mut();
        let encoded = match groups {
            None => target.encode(images, &step.mode()),
            Some(groups) => in_groups(target, images, groups, collective)?,
        };
        self.batches += 1;
        let places = order.map(|order| places(&order, &device));
        let mut all = encoded;
        for output in &mut all {
            *output = gather_with_gradient(output.clone(), collective)?;
            if let Some(places) = &places {
                *output = output.clone().select(0, places.clone());
            }
        }
        Ok(Keys { all, own })
    }

    /// After the optimiser has moved: θ_k ← m · θ_k + (1 − m) · θ_q (eq. 2).
    pub fn follow(&mut self) {
        self.target.follow(&self.queries, self.momentum);
        self.batches = 0;
    }

    /// For checkpoints: the trained encoder and the one that follows.
    pub fn state(&mut self) -> [(&'static str, &mut dyn Parameters); 2] {
        [("model", &mut self.queries), ("target", self.target.module_mut())]
    }
}

/// In how many groups of at least `group` instances this rank's `count` are divided; none where the batch of all ranks is one.
fn groups(count: usize, group: usize, step: &Step) -> Result<Option<usize>> {
    let ranks = step.collective.size();
    match (count * ranks).checked_div(group) {
        None | Some(0 | 1) => Ok(None),
        Some(groups) if groups.is_multiple_of(ranks) => Ok(Some(groups / ranks)),
        Some(groups) => Err(Error::config(
            format!(
                "method.batch_norm_group = {group} divides the {} instances of a batch into {groups} groups, which \
                 {ranks} processes cannot share",
                count * ranks
            ),
            format!(
                "choose a number that divides the {count} instances of a process, or 0 for the whole batch"
            ),
        )),
    }
}

/// Batch norm by groups of the batch: each goes through the network by itself, and everything else in a network is by instance anyway. The
/// running statistics follow the mean over the groups of all ranks.
fn in_groups<E: Encode<M>, const M: usize>(
    encoder: &mut E,
    images: Tensor<4>,
    groups: usize,
    collective: &dyn Collective,
) -> Result<[Tensor<2>; M]> {
    let count = images.dims()[0];
    let mut outputs: [Vec<Tensor<2>>; M] = std::array::from_fn(|_| Vec::with_capacity(groups));
    let mut sums: Vec<Parameter> = Vec::new();
    for group in 0..groups {
        let rows = group * count / groups..(group + 1) * count / groups;
        // A copy shares the parameters, and so their gradients, but has running statistics of its own.
        let copy = encoder.clone();
        for (outputs, output) in
            outputs.iter_mut().zip(copy.encode(images.clone().slice(rows), &Mode::train()))
        {
            outputs.push(output);
        }
        let statistics = copy.parameters().into_iter().filter(|parameter| is_statistic(&parameter.name));
        match group {
            0 => sums = statistics.collect(),
            _ => sums
                .iter_mut()
                .zip(statistics)
                .for_each(|(sum, one)| sum.value = sum.value.clone() + one.value),
        }
    }
    let sums = mean_of_ranks(sums, collective)?;
    let mut means: std::collections::HashMap<_, _> =
        sums.into_iter().map(|sum| (sum.name, sum.value / groups as f64)).collect();
    encoder.update(&mut |name, _| means.remove(name));
    Ok(outputs.map(|outputs| Tensor::cat(outputs, 0)))
}

/// The means over the ranks, in one message.
fn mean_of_ranks(mut parameters: Vec<Parameter>, collective: &dyn Collective) -> Result<Vec<Parameter>> {
    if collective.size() == 1 {
        return Ok(parameters);
    }
    let mut values: Vec<f32> = parameters
        .iter()
        .flat_map(|parameter| parameter.value.to_data().iter::<f32>().collect::<Vec<_>>())
        .collect();
    collective.mean(&mut values)?;
    let mut rest = values.as_slice();
    for parameter in &mut parameters {
        let (own, others) = rest.split_at(parameter.value.dims()[0]);
        parameter.value = Tensor::from_floats(own, &parameter.value.device());
        rest = others;
    }
    Ok(parameters)
}

/// The second views of the instances with these numbers among those of all ranks.
fn shuffled(
    views: &Views,
    numbers: &[usize],
    collective: &dyn Collective,
    device: &Device,
) -> Result<Tensor<4>> {
    let area = 3 * views.side * views.side;
    let own = &views.pixels[1];
    let gathered = if collective.size() == 1 { None } else { Some(collective.all_gather(own)?) };
    let all: &[f32] = gathered.as_ref().unwrap_or(own);
    let mut pixels = Vec::with_capacity(own.len());
    for number in numbers {
        pixels.extend_from_slice(&all[number * area..(number + 1) * area]);
    }
    Ok(Tensor::from_data(TensorData::new(pixels, [numbers.len(), 3, views.side, views.side]), device))
}

/// Where in `order` each number stands.
fn places(order: &[usize], device: &Device) -> Tensor<1, Int> {
    let mut places = vec![0; order.len()];
    for (place, number) in order.iter().enumerate() {
        places[*number] = place as i64;
    }
    Tensor::from_data(TensorData::new(places, [order.len()]), device)
}

/// A queue and the keys that wait for the end of the step: the batches that are accumulated into one step all see the queue as it was before.
#[derive(Debug)]
pub struct WaitingQueue {
    queue: Queue,
    waiting: Vec<Tensor<2>>,
}

impl WaitingQueue {
    /// A queue of `capacity` keys with `dim` numbers, filled with random directions.
    ///
    /// # Errors
    /// Those of [`Queue::new`].
    pub fn new(capacity: usize, dim: usize, random: &Random, device: &Device) -> Result<Self> {
        Ok(Self { queue: Queue::new(capacity, dim, random, device)?, waiting: Vec::new() })
    }

    /// The keys, `[capacity, dim]`.
    pub fn keys(&self) -> Tensor<2> {
        self.queue.keys()
    }

    /// Keys of unit length of all ranks, for the end of the step.
    pub fn hold(&mut self, keys: Tensor<2>) {
        self.waiting.push(keys);
    }

    /// The end of the step.
    pub fn enqueue(&mut self) {
        self.waiting.drain(..).for_each(|keys| self.queue.enqueue(keys));
    }

    /// What waits, `[keys, dim]`.
    #[cfg(test)]
    pub fn waiting_keys(&self) -> Tensor<2> {
        Tensor::cat(self.waiting.clone(), 0)
    }

    /// For checkpoints, which are taken between steps.
    pub fn state(&mut self) -> &mut dyn Parameters {
        &mut self.queue
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests;
