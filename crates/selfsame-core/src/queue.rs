//! The queue of negative keys of MoCo and its kin.

use burn::tensor::{Device, Gradients, Tensor, TensorData};

use crate::nn::{Parameter, Parameters};
use crate::{Error, Random, Result, host};

/// The position is a number in the checkpoint's f32, which counts without gaps up to here.
const MOST_KEYS: usize = 1 << 24;

/// A first-in, first-out queue of unit-length keys (He et al. 2020, arXiv 1911.05722, section 3.2).
///
/// With several processes, enqueue the keys gathered from all of them, in the order of the ranks: then every rank
/// holds the same queue, as one process with the whole batch would.
///
/// Its [`Parameters`], for checkpoints, are `keys` (`[capacity, dim]`) and `position` (`[1]`, the row of the oldest key).
#[derive(Clone, Debug)]
pub struct Queue {
    keys: Tensor<2>,
    position: usize,
}

impl Queue {
    /// A queue of `capacity` keys with `dim` numbers each, filled with random directions so that no step lacks
    /// negatives. `device` is where training happens; the queue itself stays outside autodiff.
    ///
    /// # Errors
    /// [`Error::Config`] when `capacity` or `dim` is 0 or the capacity is above 2²⁴.
    pub fn new(capacity: usize, dim: usize, random: &Random, device: &Device) -> Result<Self> {
        if capacity == 0 || dim == 0 || capacity > MOST_KEYS {
            return Err(Error::config(
                format!("a queue of {capacity} keys with {dim} numbers cannot be made"),
                "4096 keys are usual for small data sets, 65536 for ImageNet",
            ));
        }
        let mut values = Vec::with_capacity(capacity * dim);
        for row in 0..capacity {
            values.extend(direction(dim, random.at(row as u64)));
        }
        let keys = Tensor::from_data(TensorData::new(values, [capacity, dim]), &device.clone().inner());
        Ok(Self { keys, position: 0 })
    }

    /// All keys, `[capacity, dim]`, in no particular order; a constant in whatever it is combined with.
    pub fn keys(&self) -> Tensor<2> {
        self.keys.clone()
    }

    /// The number of keys.
    pub fn capacity(&self) -> usize {
        self.keys.dims()[0]
    }

    /// Replaces the oldest keys by `keys` (`[batch, dim]`, rows of unit length), in order. The batch need not
    /// divide the capacity; of a batch larger than the queue the last keys stay.
    ///
    /// # Panics
    /// When the keys' `dim` is not the queue's.
    pub fn enqueue(&mut self, keys: Tensor<2>) {
        let keys = keys.inner();
        let [batch, dim] = keys.dims();
        let capacity = self.capacity();
        let kept = batch.min(capacity);
        let keys = keys.narrow(0, batch - kept, kept);
        let start = (self.position + batch - kept) % capacity;
        let until_end = kept.min(capacity - start);
        let after_wrap = kept - until_end;
        self.keys.inplace(|queue| {
            let queue =
                queue.slice_assign([start..start + until_end, 0..dim], keys.clone().narrow(0, 0, until_end));
            if after_wrap == 0 {
                return queue;
            }
            queue.slice_assign([0..after_wrap, 0..dim], keys.narrow(0, until_end, after_wrap))
        });
        self.position = (self.position + batch) % capacity;
    }
}

impl Parameters for Queue {
    fn parameters(&self) -> Vec<Parameter> {
        let [capacity, dim] = self.keys.dims();
        let position = Tensor::from_floats([self.position as f32], &self.keys.device());
        let parameter = |name: &str, shape, value| Parameter { name: name.into(), shape, value };
        vec![
            parameter("keys", vec![capacity, dim], self.keys.clone().reshape([capacity * dim])),
            parameter("position", vec![1], position),
        ]
    }

    fn gradients(&self, _gradients: &mut Gradients) -> Vec<(String, Tensor<1>)> {
        Vec::new()
    }

    fn update(&mut self, update: &mut dyn FnMut(&str, Tensor<1>) -> Option<Tensor<1>>) {
        for Parameter { name, value, .. } in self.parameters() {
            let Some(value) = update(&name, value) else { continue };
            if name == "keys" {
                self.keys = value.inner().reshape(self.keys.dims());
            } else {
                // Whatever stands there, the position stays within the queue.
                self.position = host::scalar(value).map_or(0, |position| position as usize) % self.capacity();
            }
        }
    }
}

/// A uniformly random unit vector: a normal one, scaled.
fn direction(dim: usize, mut random: Random) -> Vec<f32> {
    let values: Vec<f32> = (0..dim).map(|_| random.normal()).collect();
    let length = values.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt().max(1e-12);
    values.iter().map(|v| (f64::from(*v) / length) as f32).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use std::collections::{BTreeMap, VecDeque};

    use super::*;
    use crate::checkpoint::{self, Checkpoint};
    use crate::golden::host;
    use crate::train::restore_part;

    fn queue(capacity: usize) -> Queue {
        Queue::new(capacity, 2, &Random::new(1), &Device::default()).unwrap()
    }

    /// Keys that tell their number.
    fn keys(numbers: std::ops::Range<usize>) -> Tensor<2> {
        let values: Vec<f32> = numbers.clone().flat_map(|n| [n as f32, -(n as f32)]).collect();
        Tensor::from_data(TensorData::new(values, [numbers.len(), 2]), &Device::default())
    }

    fn floats(tensor: Tensor<1>) -> Vec<f32> {
        tensor.into_data().try_to_vec().unwrap()
    }

    fn held(queue: &Queue) -> Vec<usize> {
        let mut numbers: Vec<usize> = host(&queue.keys()).chunks(2).map(|key| key[0] as usize).collect();
        numbers.sort_unstable();
        numbers
    }

    #[test]
    fn starts_with_distinct_unit_vectors() {
        let values = host(&queue(50).keys());
        for key in values.chunks(2) {
            assert!((key[0].hypot(key[1]) - 1.0).abs() < 1e-6);
        }
        let mean = values.iter().sum::<f64>() / 100.0;
        assert!(mean.abs() < 0.2, "directions are spread, mean {mean}");
        assert_ne!(values[..2], values[2..4]);
    }

    #[test]
    fn the_oldest_keys_leave_first_for_any_batch_sizes() {
        let mut queue = queue(7);
        let mut reference: VecDeque<usize> = VecDeque::new();
        let mut next = 1;
        for batch in [3, 4, 5, 1, 7, 2, 16, 6, 7, 9] {
            queue.enqueue(keys(next..next + batch));
            reference.extend(next..next + batch);
            next += batch;
            while reference.len() > 7 {
                reference.pop_front();
            }
            if reference.len() == 7 {
                assert_eq!(held(&queue), reference.iter().copied().collect::<Vec<_>>(), "after {batch}");
            }
        }
    }

    #[test]
    fn a_queue_from_a_checkpoint_continues_alike() {
        let mut original = queue(5);
        original.enqueue(keys(1..4));
        let saved: BTreeMap<_, _> = original
            .parameters()
            .into_iter()
            .map(|p| (format!("queue.{}", p.name), TensorData::new(floats(p.value), p.shape)))
            .collect();
        let checkpoint = Checkpoint::new("moco", &BTreeMap::from([("step", 3)]), saved).unwrap();
        let folder = tempfile::tempdir().unwrap();
        checkpoint::save(folder.path(), "last", &checkpoint).unwrap();

        let mut loaded = queue(5);
        let mut checkpoint = checkpoint::load(folder.path(), "last").unwrap();
        restore_part(&mut checkpoint, "queue", &mut loaded).unwrap();
        checkpoint.finish().unwrap();
        for queue in [&mut original, &mut loaded] {
            queue.enqueue(keys(4..8));
        }
        assert_eq!(host(&original.keys()), host(&loaded.keys()));
        assert_eq!((original.position, loaded.position), (2, 2));

        let mut checkpoint = checkpoint::load(folder.path(), "last").unwrap();
        let error = restore_part(&mut checkpoint, "queue", &mut queue(6)).unwrap_err();
        assert!(error.exit_code() == 3 && error.to_string().contains("[5, 2]"), "{error}");
    }

    #[test]
    fn the_position_stays_within_the_queue() {
        for (wrong, position) in [(7.0f32, 2), (f32::NAN, 0), (-1.0, 0)] {
            let mut queue = queue(5);
            queue.update(&mut |name, old| {
                (name == "position").then(|| Tensor::from_floats([wrong], &old.device()))
            });
            assert_eq!(queue.position, position);
            queue.enqueue(keys(1..5));
        }
    }

    #[test]
    fn keys_never_require_gradients() {
        let device = Device::default().autodiff();
        let mut queue = Queue::new(4, 2, &Random::new(1), &device).unwrap();
        queue.enqueue(keys(1..3).autodiff().require_grad() * 2.0);
        assert!(!queue.keys().is_autodiff());
        let query = Tensor::<2>::ones([1, 2], &device).require_grad();
        let gradients = query.clone().matmul(queue.keys().transpose()).sum().backward();
        assert!(query.grad(&gradients).is_some());
        assert!(Queue::new(0, 2, &Random::new(1), &device).is_err());
    }
}
