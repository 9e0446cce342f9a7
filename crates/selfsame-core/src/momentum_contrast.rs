//! What MoCo and the methods built on it share: two encoders, keys that cannot be told by their batch norm, and queues.
//!
//! Kaiming He, Haoqi Fan, Yuxin Wu, Saining Xie, Ross Girshick. *Momentum Contrast for Unsupervised Visual Representation Learning*.
//! CVPR 2020, arXiv 1911.05722.

use std::ops::Range;

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use crate::collective::{Collective, gather_with_gradient};
use crate::head::{Mlp, MlpConfig};
use crate::method::{Step, check_temperature};
use crate::momentum_encoder::MomentumEncoder;
use crate::nn::{Mode, Parameter, Parameters, device_of, is_statistic};
use crate::queue::Queue;
use crate::settings::Auto;
use crate::{Error, Random, Result};

/// A network that makes `M` things of an instance, each a row of numbers. The first is the backbone's representation.
pub trait Encode<const D: usize, const M: usize>: Module {
    /// Instances `[batch, …]` (images, clips) to `[batch, …]` each.
    fn encode(&self, instances: Tensor<D>, mode: &Mode) -> [Tensor<2>; M];
}

/// One view of the instances of a batch, on the host.
#[derive(Clone, Copy, Debug)]
pub struct HostView<'a, const D: usize> {
    /// One instance after the other.
    pub values: &'a [f32],
    /// The number of instances, and what each of them measures.
    pub shape: [usize; D],
}

impl<const D: usize> HostView<'_, D> {
    /// The view on a device.
    pub fn tensor(&self, device: &Device) -> Tensor<D> {
        Tensor::from_data(TensorData::new(self.values.to_vec(), self.shape), device)
    }
}

/// MoCo's settings, section `[method]`. The methods built on it have them too, beside their own, and read both from one section; that no other
/// key stands there is checked when settings are typed or read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MocoConfig {
    /// τ of eq. 1.
    pub temperature: f64,
    /// m of eq. 2.
    pub momentum: f64,
    /// K, the keys in the queue; by default half as many as there are instances, at most 4096.
    pub queue: Auto<usize>,
    /// Instances over which batch norm takes its statistics, 0 for the whole batch. Below it, keys are shuffled.
    pub batch_norm_group: usize,
    /// Hidden features of the projector; by default as many as the backbone's.
    pub projector_hidden: Auto<usize>,
    /// Features that are compared.
    pub projector_dimension: usize,
}

impl MocoConfig {
    /// The queue's length where the data does not decide.
    pub fn capacity(&self) -> usize {
        self.queue.or(4096)
    }

    /// Both encoders, which start alike.
    ///
    /// # Errors
    /// A temperature that is not positive; those of [`MomentumContrast::new`].
    pub fn encoders<E: Module>(&self, queries: E) -> Result<MomentumContrast<E>> {
        check_temperature(self.temperature)?;
        MomentumContrast::new(queries, self.momentum, self.batch_norm_group)
    }

    /// A projector: Linear–ReLU–Linear (MoCo v2: Chen et al. 2020, arXiv 2003.04297, section 3).
    ///
    /// # Errors
    /// Layers of nothing.
    pub fn projector(&self, features: usize, random: &Random, device: &Device) -> Result<Mlp> {
        MlpConfig::new(features, &[self.projector_hidden.or(features)], self.projector_dimension)
            .without_batch_norm()
            .init(random, device)
    }

    /// A queue for what a projector makes.
    ///
    /// # Errors
    /// A queue of nothing.
    pub fn queue(&self, capacity: usize, random: &Random, device: &Device) -> Result<WaitingQueue> {
        WaitingQueue::new(capacity, self.projector_dimension, random, device)
    }
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

    /// A view through the encoder of the queries.
    ///
    /// # Errors
    /// When the batch cannot be divided, or other ranks cannot be reached.
    pub fn encode_queries<const D: usize, const M: usize>(
        &mut self,
        view: HostView<'_, D>,
        step: &Step,
    ) -> Result<[Tensor<2>; M]>
    where
        E: Encode<D, M>,
    {
        let instances = view.tensor(&self.device);
        match groups(view.shape[0], self.group, step)? {
            None => Ok(self.queries.encode(instances, &step.mode())),
            Some(groups) => in_groups(&mut self.queries, instances, groups, &*step.collective),
        }
    }

    /// Another view through the encoder of the keys (section 3.3, *shuffling batch norm*): where batch norm sees a part of the batch, the instances
    /// of all ranks change places, so that a key's statistics are not those of its query; the keys come back in order.
    ///
    /// # Errors
    /// As [`encode_queries`](Self::encode_queries).
    pub fn encode_keys<const D: usize, const M: usize>(
        &mut self,
        view: HostView<'_, D>,
        step: &Step,
    ) -> Result<Keys<M>>
    where
        E: Encode<D, M>,
    {
        let collective = &*step.collective;
        let count = view.shape[0];
        let own = collective.rank() * count..(collective.rank() + 1) * count;
        let device = self.device.clone().inner();
        let groups = groups(count, self.group, step)?;
        // One group of all ranks has the same statistics in any order.
        let whole = groups.is_none() && (step.sync_batch_norm || collective.size() == 1);
        let order = (!whole).then(|| self.random(step, "shuffle").permutation(count * collective.size()));
        let instances = match &order {
            None => view.tensor(&device),
            Some(order) => shuffled(view, &order[own.clone()], collective, &device)?,
        };
        let target = self.target.module_mut();
        let encoded = match groups {
            None => target.encode(instances, &step.mode()),
            Some(groups) => in_groups(target, instances, groups, collective)?,
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
fn in_groups<E: Encode<D, M>, const D: usize, const M: usize>(
    encoder: &mut E,
    instances: Tensor<D>,
    groups: usize,
    collective: &dyn Collective,
) -> Result<[Tensor<2>; M]> {
    let count = instances.dims()[0];
    let mut outputs: [Vec<Tensor<2>>; M] = std::array::from_fn(|_| Vec::with_capacity(groups));
    let mut sums: Vec<Parameter> = Vec::new();
    for group in 0..groups {
        let rows = group * count / groups..(group + 1) * count / groups;
        // A copy shares the parameters, and so their gradients, but has running statistics of its own.
        let copy = encoder.clone();
        for (outputs, output) in
            outputs.iter_mut().zip(copy.encode(instances.clone().slice(rows), &Mode::train()))
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

/// The view of the instances with these numbers among those of all ranks.
fn shuffled<const D: usize>(
    view: HostView<'_, D>,
    numbers: &[usize],
    collective: &dyn Collective,
    device: &Device,
) -> Result<Tensor<D>> {
    let HostView { values: own, shape } = view;
    let area: usize = shape[1..].iter().product();
    let gathered = if collective.size() == 1 { None } else { Some(collective.all_gather(own)?) };
    let all = gathered.as_deref().unwrap_or(own);
    let mut values = Vec::with_capacity(own.len());
    for number in numbers {
        values.extend_from_slice(&all[number * area..(number + 1) * area]);
    }
    Ok(Tensor::from_data(TensorData::new(values, shape), device))
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
    /// Keys that wait, a batch after the other, `[keys, dim]`.
    pub waiting: Vec<Tensor<2>>,
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

    /// For checkpoints, which are taken between steps.
    pub fn state(&mut self) -> &mut dyn Parameters {
        &mut self.queue
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests;
