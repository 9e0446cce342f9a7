//! Dropout (Srivastava et al. 2014), with addressed randomness.

use burn::tensor::{Tensor, TensorData};
use rayon::prelude::*;

use crate::Random;

/// Where a training pass draws its noise from: by instance, so that it does not depend on how a batch is spread over ranks.
#[derive(Clone, Debug)]
pub struct Noise {
    random: Random,
    first: usize,
}

impl Noise {
    /// The noise of a step. `first` is the number of this rank's first instance in the batch of all ranks.
    pub fn new(random: &Random, first: usize) -> Self {
        Self { random: random.clone(), first }
    }

    /// That of a part of the network.
    pub fn named(&self, name: &str) -> Self {
        Self { random: self.random.named(name), first: self.first }
    }

    /// That of one of several like parts.
    pub fn at(&self, index: usize) -> Self {
        Self { random: self.random.at(index as u64), first: self.first }
    }
}

/// Sets each value to 0 with this probability, from 0 to below 1, and scales the others so that the expectation stays. The first axis is the batch's.
/// Without noise, as in evaluation, nothing happens.
pub fn dropout<const D: usize>(input: Tensor<D>, probability: f32, noise: Option<&Noise>) -> Tensor<D> {
    let Some(noise) = noise.filter(|_| probability > 0.0) else { return input };
    let shape = input.dims();
    let values = shape[1..].iter().product::<usize>();
    let kept = 1.0 / (1.0 - probability);
    let mut mask = vec![0.0f32; shape[0] * values];
    mask.par_chunks_mut(values.max(1)).enumerate().for_each(|(instance, mask)| {
        let mut random = noise.random.at((noise.first + instance) as u64);
        mask.iter_mut().for_each(|value| *value = if random.chance(probability) { 0.0 } else { kept });
    });
    let mask = Tensor::from_data(TensorData::new(mask, shape), (&input.device(), input.dtype()));
    input * mask
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::golden::host;

    fn ones(batch: usize) -> Tensor<3> {
        Tensor::ones([batch, 40, 50], &Device::default())
    }

    #[test]
    fn values_vanish_at_their_rate_and_keep_their_mean() {
        let noise = Noise::new(&Random::new(3), 0);
        let found = host(&dropout(ones(4), 0.1, Some(&noise)));
        let zeros = found.iter().filter(|&&value| value == 0.0).count() as f64 / found.len() as f64;
        assert!((zeros - 0.1).abs() < 0.01, "{zeros}");
        assert!((found.iter().sum::<f64>() / found.len() as f64 - 1.0).abs() < 0.01);
        assert!(found.iter().all(|&value| value == 0.0 || (value - 1.0 / 0.9).abs() < 1e-6));
        assert_eq!(host(&dropout(ones(2), 0.1, None)), host(&ones(2)));
        assert_eq!(host(&dropout(ones(2), 0.0, Some(&noise))), host(&ones(2)));
    }

    #[test]
    fn an_instance_has_its_noise_whichever_rank_it_is_on() {
        let noise = |first| Noise::new(&Random::new(3), first).named("layer").at(1);
        let together = host(&dropout(ones(4), 0.5, Some(&noise(0))));
        let second = host(&dropout(ones(2), 0.5, Some(&noise(2))));
        assert_eq!(together[2 * 40 * 50..], second);
        assert_ne!(together[..2 * 40 * 50], second);
        let elsewhere = dropout(ones(4), 0.5, Some(&Noise::new(&Random::new(3), 0).named("other").at(1)));
        assert_ne!(together, host(&elsewhere));
    }
}
