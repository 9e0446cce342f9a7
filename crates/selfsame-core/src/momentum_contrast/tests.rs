use std::sync::Arc;
use std::thread;

use burn::module::Module;

use super::*;
use crate::collective::{AllReduce, AllReduceError, Single, Threads};
use crate::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig};

/// One linear layer, and batch norm of it.
#[derive(Module, Debug)]
struct Toy {
    linear: Linear,
    norm: BatchNorm,
}

impl Encode<2, 2> for Toy {
    fn encode(&self, instances: Tensor<2>, mode: &Mode) -> [Tensor<2>; 2] {
        let plain = self.linear.forward(instances);
        [plain.clone(), self.norm.forward(plain, mode)]
    }
}

const COUNT: usize = 12;
const NUMBERS: usize = 12;

/// Two views of all instances.
fn noise() -> [Vec<f32>; 2] {
    ["queries", "keys"].map(|name| {
        let mut random = Random::new(8).named(name);
        (0..COUNT * NUMBERS).map(|_| random.normal()).collect()
    })
}

/// The part of a view that rank `rank` of `ranks` gets.
fn part(whole: &[f32], rank: usize, ranks: usize) -> HostView<'_, 2> {
    let count = COUNT / ranks;
    HostView { values: &whole[rank * count * NUMBERS..][..count * NUMBERS], shape: [count, NUMBERS] }
}

fn first_step(collective: Arc<dyn Collective>) -> Step {
    let random = Random::new(2).named("step").at(0);
    Step { index: 0, total: 10, epoch: 0, random, collective, sync_batch_norm: true }
}

fn alone() -> Arc<dyn Collective> {
    Arc::new(Single)
}

fn contrast(group: usize) -> MomentumContrast<Toy> {
    let device = Device::default().autodiff();
    let linear = LinearConfig::new(NUMBERS, 3).init(&Random::new(1), &device);
    let toy = Toy { linear, norm: BatchNormConfig::new(3).init(&device) };
    MomentumContrast::new(toy, 0.9, group).unwrap()
}

fn rows(tensor: &Tensor<2>) -> Vec<Vec<f64>> {
    let [_, columns] = tensor.dims();
    let values: Vec<f32> = tensor.clone().without_autodiff().into_data().try_to_vec().unwrap();
    values.chunks(columns).map(|row| row.iter().map(|&value| value.into()).collect()).collect()
}

fn assert_near(found: &[Vec<f64>], expected: &[Vec<f64>]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.concat().iter().zip(expected.concat()) {
        assert!((found - expected).abs() < 2e-5 * (1.0 + expected.abs()), "{found} is not {expected}");
    }
}

/// Batch norm of the rows with these numbers; also their means.
fn slow_norm(all: &[Vec<f64>], numbers: &[usize]) -> (Vec<Vec<f64>>, Vec<f64>) {
    let count = numbers.len() as f64;
    let mean: Vec<f64> = (0..3).map(|c| numbers.iter().map(|&n| all[n][c]).sum::<f64>() / count).collect();
    let variance = |c: usize| numbers.iter().map(|&n| (all[n][c] - mean[c]).powi(2)).sum::<f64>() / count;
    let deviation: Vec<f64> = (0..3).map(|c| (variance(c) + 1e-5).sqrt()).collect();
    let row = |&n: &usize| (0..3).map(|c| (all[n][c] - mean[c]) / deviation[c]).collect();
    (numbers.iter().map(row).collect(), mean)
}

/// What one rank with the whole batch computes: queries, keys, running means of both.
type Encoded = ([Vec<Vec<f64>>; 2], [Vec<Vec<f64>>; 2], [Vec<f64>; 2]);

fn encode(contrast: &mut MomentumContrast<Toy>, collective: Arc<dyn Collective>) -> Encoded {
    let views = noise();
    let [of_queries, of_keys] = views.each_ref().map(|view| part(view, collective.rank(), collective.size()));
    let step = first_step(collective);
    let queries = contrast.encode_queries(of_queries, &step).unwrap();
    let keys = contrast.encode_keys(of_keys, &step).unwrap();
    assert!(queries.iter().all(Tensor::is_autodiff) && !keys.all.iter().any(Tensor::is_autodiff));
    let own = keys.own(1);
    let all = rows(&keys.all[1]);
    assert_eq!(rows(&own), all[step.collective.rank() * own.dims()[0]..][..own.dims()[0]]);
    let running = [&contrast.queries, contrast.target.module()]
        .map(|toy| rows(&toy.norm.running_mean.value().without_autodiff().unsqueeze())[0].clone());
    (queries.map(|q| rows(&q)), keys.all.map(|k| rows(&k)), running)
}

/// The groups in which `order` goes through the network.
fn expected(all: &[Vec<f64>], order: &[usize], groups: usize) -> (Vec<Vec<f64>>, Vec<f64>) {
    let mut normed = vec![Vec::new(); all.len()];
    let mut running = vec![0.0; 3];
    for numbers in order.chunks(all.len() / groups) {
        let (rows, mean) = slow_norm(all, numbers);
        numbers.iter().zip(rows).for_each(|(number, row)| normed[*number] = row);
        running.iter_mut().zip(mean).for_each(|(running, mean)| *running += 0.1 * mean / groups as f64);
    }
    (normed, running)
}

#[test]
fn batch_norm_is_by_group_and_keys_are_shuffled_and_come_back_in_order() {
    let in_order: Vec<usize> = (0..COUNT).collect();
    let shuffled = first_step(alone()).random.named("shuffle").at(0).permutation(COUNT);
    for (group, groups, order) in
        [(0, 1, &in_order), (12, 1, &in_order), (4, 3, &shuffled), (5, 2, &shuffled)]
    {
        let mut contrast = contrast(group);
        let (queries, keys, running) = encode(&mut contrast, alone());
        let views = noise();
        let plain = |view: usize| {
            let instances = part(&views[view], 0, 1).tensor(&Device::default());
            rows(&contrast.queries.valid().linear.forward(instances))
        };
        assert_near(&queries[0], &plain(0));
        assert_near(&keys[0], &plain(1));
        let (of_queries, queries_running) = expected(&plain(0), &in_order, groups);
        let (of_keys, keys_running) = expected(&plain(1), order, groups);
        assert_near(&queries[1], &of_queries);
        assert_near(&keys[1], &of_keys);
        assert_near(&running, &[queries_running, keys_running]);
    }
}

#[test]
fn two_ranks_have_the_groups_of_one() {
    for group in [0, 2, 3, 6] {
        let (queries, keys, running) = encode(&mut contrast(group), alone());
        let ranks: Vec<Encoded> = thread::scope(|scope| {
            let ranks = Threads::ranks(2).into_iter();
            let threads: Vec<_> =
                ranks.map(|rank| scope.spawn(move || encode(&mut contrast(group), Arc::new(rank)))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        for (rank, (own, all, statistics)) in ranks.iter().enumerate() {
            for output in 0..2 {
                assert_near(&own[output], &queries[output][rank * COUNT / 2..(rank + 1) * COUNT / 2]);
                assert_near(&all[output], &keys[output]);
            }
            assert_near(statistics, &running);
        }
    }
}

/// Ranks that only say how many they are.
#[derive(Debug)]
struct Many(usize);

impl AllReduce for Many {
    fn sum(&self, _: &mut [f32]) -> Result<(), AllReduceError> {
        Ok(())
    }
}

impl Collective for Many {
    fn rank(&self) -> usize {
        0
    }

    fn size(&self) -> usize {
        self.0
    }

    fn all_gather(&self, local: &[f32]) -> Result<Vec<f32>> {
        Single.all_gather(local)
    }

    fn broadcast(&self, _: &mut [f32], _: usize) -> Result<()> {
        Ok(())
    }

    fn barrier(&self) -> Result<()> {
        Ok(())
    }
}

#[test]
fn groups_have_at_least_as_many_instances_as_asked_for() {
    for (count, ranks, group, expected) in [
        (128, 1, 32, Some(4)),
        (127, 1, 32, Some(3)),
        (64, 2, 32, Some(2)),
        (32, 4, 32, Some(1)),
        (63, 1, 32, None),
        (16, 2, 32, None),
        (128, 1, 0, None),
        (10, 1, 64, None),
    ] {
        assert_eq!(groups(count, group, &first_step(Arc::new(Many(ranks)))).unwrap(), expected, "{count}");
    }
    let error = groups(48, 32, &first_step(Arc::new(Many(2)))).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    assert!(error.to_string().contains("3 groups, which 2 processes cannot share"), "{error}");
}

#[test]
fn the_batches_of_a_step_are_shuffled_differently_and_each_step_begins_anew() {
    let mut contrast = contrast(4);
    let step = first_step(alone());
    let [_, keys] = noise();
    let mut draw = || {
        let random = contrast.random(&step, "any");
        contrast.encode_keys(part(&keys, 0, 1), &step).unwrap();
        random
    };
    let (first, second) = (draw(), draw());
    assert_ne!(first, second);
    contrast.follow();
    assert_eq!(contrast.random(&step, "any"), first);
}

#[test]
fn the_target_follows_by_its_momentum() {
    let mut contrast = contrast(0);
    let weight = |toy: &Toy| rows(&toy.linear.weight.val().without_autodiff());
    let before = weight(contrast.target.module());
    contrast.queries.update(&mut |name, value| name.starts_with("linear").then(|| value + 1.0));
    contrast.follow();
    let expected: Vec<Vec<f64>> = before.iter().map(|row| row.iter().map(|v| v + 0.1).collect()).collect();
    assert_near(&weight(contrast.target.module()), &expected);
}

#[test]
fn keys_wait_for_the_end_of_the_step() {
    let device = Device::default();
    let mut queue = WaitingQueue::new(3, 1, &Random::new(1), &device).unwrap();
    let before = rows(&queue.keys());
    let keys = |numbers: &[f32]| Tensor::<1>::from_floats(numbers, &device).unsqueeze_dim(1);
    queue.hold(keys(&[5.0, 6.0]));
    queue.hold(keys(&[7.0, 8.0]));
    assert_eq!(rows(&queue.keys()), before);
    queue.enqueue();
    assert_eq!(rows(&queue.keys()).concat(), [8.0, 6.0, 7.0]);
    queue.enqueue();
    assert_eq!(rows(&queue.keys()).concat(), [8.0, 6.0, 7.0], "no key comes twice");
}

#[test]
fn settings_that_cannot_be_used_are_refused() {
    let toy = || contrast(0).queries;
    for (momentum, group, message) in [
        (1.0, 0, "method.momentum is 1,"),
        (-0.1, 0, "method.momentum is -0.1"),
        (f64::NAN, 0, "method.momentum is NaN"),
        (0.9, 1, "method.batch_norm_group is 1"),
    ] {
        let error = MomentumContrast::new(toy(), momentum, group).unwrap_err();
        assert!(error.exit_code() == 2 && error.to_string().contains(message), "{error}");
    }
}
