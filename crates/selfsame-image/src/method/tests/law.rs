//! The law of data-parallel training: one rank with a batch of 2N and two ranks with batches of N have the same loss
//! and the same gradients, for every method.

use std::thread;

use selfsame_core::collective::Threads;

use super::*;

const BATCH: usize = 12;
const WIDTH: f64 = 0.125;
/// How far apart two tensors may be, of their length: rounding differs, since sums are taken in another order, and
/// Winograd's filtering, of which the backbone has many layers, rounds more coarsely than a sum of products does.
const ROUNDING: f64 = 1e-4;

/// Runs `work` on two ranks, each on its thread.
pub(crate) fn on_two_ranks<T: Send>(work: impl Fn(Arc<dyn Collective>) -> T + Sync) -> [T; 2] {
    let [first, second] = Threads::ranks(2).try_into().unwrap();
    thread::scope(|scope| {
        let threads = [first, second].map(|rank| scope.spawn(|| work(Arc::new(rank))));
        threads.map(|thread| thread.join().unwrap())
    })
}

/// Loss, gradients summed over the ranks, and all that the method keeps, after the forward and backward passes.
type Computed = (f32, Named, Named);

fn compute(name: &str, whole: &Views, collective: Arc<dyn Collective>) -> Computed {
    // Each rank builds its own network: clones would share their gradient graphs.
    let mut method = build(name, WIDTH, small(name)).unwrap();
    let views = part(whole, collective.rank(), collective.size());
    let objective = method.objective(&views, &first_step(collective.clone())).unwrap();
    let gradients = method.trained().gradients(&mut objective.loss.backward());
    let gradients = gradients.into_iter().map(|(name, gradient)| {
        let mut values: Vec<f32> = gradient.into_data().try_to_vec().unwrap();
        collective.sum(&mut values).unwrap();
        (name, values)
    });
    let gradients = gradients.collect();
    let loss = objective.loss.into_data().try_to_vec::<f32>().unwrap()[0];
    (loss, gradients, state(&mut *method))
}

/// Asserts that two ranks with half of a batch each compute what one with the whole does, but for this much of a tensor's length.
pub(crate) fn holds(name: &str, whole: &Views, rounding: f64) {
    let (loss, gradients, kept) = compute(name, whole, alone());
    for (rank_loss, rank_gradients, rank_kept) in on_two_ranks(|rank| compute(name, whole, rank)) {
        // A mean of cosines may be near zero by cancellation.
        assert!((rank_loss - loss).abs() <= 1e-5 * loss.abs().max(1.0), "{name}: {rank_loss} is not {loss}");
        assert_near(&rank_gradients, &gradients, rounding);
        assert_near(&rank_kept, &kept, rounding);
    }
}

#[test]
fn two_ranks_have_the_loss_gradients_and_statistics_of_one() {
    for entry in METHODS {
        holds(entry.name, &noise(SIDE, BATCH, views(entry.name), 0, 0), ROUNDING);
    }
}

#[test]
fn two_ranks_train_the_weights_of_one() {
    let optimizer = OptimizerConfig { lr: 0.05, ..OptimizerConfig::default() };
    for entry in METHODS {
        let run = |steps, collective| train_steps(entry.name, WIDTH, steps, BATCH, &optimizer, collective);
        let [first, second] = on_two_ranks(|rank| run(1, rank));
        assert_eq!(first, second, "the ranks stay equal to the last bit");
        assert_near(&first, &run(1, alone()), ROUNDING);

        // From the second step on, a unit close to zero may be on in one run and off in the other, because they add in
        // different orders. Reordering a batch on one rank does the same.
        let [first, second] = on_two_ranks(|rank| run(2, rank));
        assert_eq!(first, second, "the ranks stay equal to the last bit");
        for (((name, first), (_, whole)), (_, before)) in first
            .iter()
            .zip(run(2, alone()))
            .zip(state(&mut *build(entry.name, WIDTH, small(entry.name)).unwrap()))
        {
            let (apart, moved) = (distance(first, &whole), distance(&before, &whole));
            assert!(
                apart <= 0.05 * moved.max(rounding(name, first)),
                "{name} is {apart} apart after moving {moved}"
            );
        }
    }
}
