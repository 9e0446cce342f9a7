//! The law of data-parallel training: one rank with a batch of 2N and two ranks with batches of N have the same loss
//! and the same gradients, for every method.

use std::thread;

use selfsame_core::collective::Threads;

use super::*;

const BATCH: usize = 12;
const WIDTH: f64 = 0.0625;
/// How far apart two tensors may be, of their length: rounding differs, since sums are taken in another order, and
/// Winograd's filtering, of which the backbone has many layers, rounds more coarsely than a sum of products does.
const ROUNDING: f64 = 1e-4;

/// Runs `work` on two ranks, each on its thread.
fn on_two_ranks<T: Send>(work: impl Fn(Arc<dyn Collective>) -> T + Sync) -> [T; 2] {
    let [first, second] = Threads::ranks(2).try_into().unwrap();
    thread::scope(|scope| {
        let threads = [first, second].map(|rank| scope.spawn(|| work(Arc::new(rank))));
        threads.map(|thread| thread.join().unwrap())
    })
}

/// Asserts that two lists of named tensors differ by at most `relative` of each tensor's length.
fn assert_near(found: &[(String, Vec<f32>)], expected: &[(String, Vec<f32>)], relative: f64, least: f64) {
    assert_eq!(found.len(), expected.len());
    for ((name, found), (other, expected)) in found.iter().zip(expected) {
        assert_eq!((name, found.len()), (other, expected.len()));
        let length = distance(expected, &vec![0.0; expected.len()]).max(rounding(name, expected)).max(least);
        let apart = distance(found, expected);
        assert!(apart <= relative * length, "{name} is {:e} of its length apart", apart / length);
    }
}

/// Below what length a tensor is nothing but rounding: what batch norm has centred before has the mean 0.
fn rounding(name: &str, values: &[f32]) -> f64 {
    if name.ends_with("running_mean") { 1e-3 * (values.len() as f64).sqrt() } else { 0.0 }
}

/// Loss, terms, gradients summed over the ranks, and all that the method keeps, after the forward and backward passes.
type Computed = (f32, Vec<(&'static str, f64)>, Named, Named);

fn compute(name: &str, set: &[&str], whole: &ClipViews, collective: Arc<dyn Collective>) -> Computed {
    // Each rank builds its own network: clones would share their gradient graphs.
    let mut method = build(name, WIDTH, set).unwrap();
    let views = part(whole, collective.rank(), collective.size());
    let objective = method.objective(&views, &first_step(collective.clone())).unwrap();
    let gradients = method.trained().gradients(&mut objective.loss.backward());
    let gradients = gradients.into_iter().map(|(name, gradient)| {
        let mut values: Vec<f32> = gradient.into_data().try_to_vec().unwrap();
        collective.sum(&mut values).unwrap();
        (name, values)
    });
    let gradients = gradients.collect();
    let terms = objective.terms.iter().map(|(name, term)| (*name, number(term))).collect();
    let loss = objective.loss.into_data().try_to_vec::<f32>().unwrap()[0];
    (loss, terms, gradients, state(&mut *method))
}

/// Asserts that two ranks with half of a batch each compute what one with the whole does.
fn holds(name: &str, set: &[&str]) {
    let whole = &noise(&settings(name, set), BATCH, 0, 0);
    let (loss, terms, gradients, kept) = compute(name, set, whole, alone());
    // Gradients that vanish, as that of a shift of all of attention's keys does, are nothing but rounding.
    let longest = gradients.iter().map(|(_, values)| distance(values, &vec![0.0; values.len()]));
    let least = 1e-4 * longest.fold(0.0, f64::max);
    for (rank_loss, rank_terms, rank_gradients, rank_kept) in
        on_two_ranks(|rank| compute(name, set, whole, rank))
    {
        let near = |found: f64, expected: f64| (found - expected).abs() <= 1e-5 * expected.abs().max(1.0);
        assert!(near(rank_loss.into(), loss.into()), "{name}: {rank_loss} is not {loss}");
        for ((term, found), (_, expected)) in rank_terms.iter().zip(&terms) {
            assert!(near(*found, *expected), "{name}, {term}: {found} is not {expected}");
        }
        assert_near(&rank_gradients, &gradients, ROUNDING, least);
        assert_near(&rank_kept, &kept, ROUNDING, 0.0);
    }
}

#[test]
fn two_ranks_have_the_loss_gradients_and_statistics_of_one() {
    for entry in METHODS {
        holds(entry.name, &[]);
    }
}

#[test]
fn so_they_have_when_backgrounds_are_erased() {
    holds("video-moco", &["method.erase_background=0.4", "method.erase_by=batch"]);
    holds("cstp", &["method.erase_background=0.4", "method.overlap=false"]);
    holds("cmd", &["method.erase_background=0.4", "method.context=false"]);
}

#[test]
fn two_ranks_train_the_weights_of_one() {
    let optimizer = OptimizerConfig { lr: 0.05, ..OptimizerConfig::default() };
    for entry in METHODS {
        let run = |collective| train_steps(entry.name, WIDTH, 1, BATCH, &optimizer, collective);
        let [first, second] = on_two_ranks(run);
        assert_eq!(first, second, "the ranks stay equal to the last bit");
        assert_near(&first, &run(alone()), ROUNDING, 0.0);
    }
}
