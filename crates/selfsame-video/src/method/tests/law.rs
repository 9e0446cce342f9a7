//! The law of data-parallel training: one rank with a batch of 2N and two ranks with batches of N have the same loss
//! and the same gradients, for every method.

use std::thread;

use selfsame_core::collective::Threads;

use super::*;

/// Disturbed copies of a batch that must all have its gradients before it is called steady.
const DISTURBANCES: u64 = 8;
const BATCH: usize = 12;
const WIDTH: f64 = 0.0625;
/// How far apart two tensors may be, of their length: rounding differs, since sums are taken in another order, and
/// Winograd's filtering, of which the backbone has many layers, rounds more coarsely than a sum of products does.
const ROUNDING: f64 = 1e-4;

/// Short clips: the fewer units a network has, the fewer are so close to zero that rounding switches them.
fn tiny(name: &str) -> &'static [&'static str] {
    match name {
        "cmd" => &["view.frames=4", "method.motion_frames=4"],
        _ => &["view.frames=4"],
    }
}

/// Runs `work` on two ranks, each on its thread.
fn on_two_ranks<T: Send>(work: impl Fn(Arc<dyn Collective>) -> T + Sync) -> [T; 2] {
    let [first, second] = Threads::ranks(2).try_into().unwrap();
    thread::scope(|scope| {
        let threads = [first, second].map(|rank| scope.spawn(|| work(Arc::new(rank))));
        threads.map(|thread| thread.join().unwrap())
    })
}

/// Which of two lists of named tensors differ by more than [`ROUNDING`] of their length, or of `least` where that is longer, and by how much.
fn apart(found: &Named, expected: &Named, least: f64) -> Vec<String> {
    assert_eq!(found.len(), expected.len());
    let mut apart = Vec::new();
    for ((name, found), (other, expected)) in found.iter().zip(expected) {
        assert_eq!((name, found.len()), (other, expected.len()));
        let length = distance(expected, &vec![0.0; expected.len()]).max(rounding(name, expected)).max(least);
        let off = distance(found, expected);
        if off > ROUNDING * length || off.is_nan() {
            apart.push(format!("{name} by {:.1e}", off / length));
        }
    }
    apart
}

/// Below what length a tensor is nothing but rounding: what batch norm has centred before has the mean 0.
fn rounding(name: &str, values: &[f32]) -> f64 {
    if name.ends_with("running_mean") { 1e-3 * (values.len() as f64).sqrt() } else { 0.0 }
}

/// What there is after the forward and backward passes.
struct Computed {
    /// The loss and its terms.
    terms: Vec<(&'static str, f64)>,
    /// Summed over the ranks.
    gradients: Named,
    /// All that the method keeps.
    kept: Named,
}

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
    let terms = [("loss", &objective.loss)]
        .into_iter()
        .chain(objective.terms.iter().map(|(name, term)| (*name, term)));
    let terms = terms.map(|(name, term)| (name, number(term))).collect();
    Computed { terms, gradients, kept: state(&mut *method) }
}

/// Below what length gradients are nothing but rounding, as that of a shift of all of attention's keys is.
fn least(gradients: &Named) -> f64 {
    1e-4 * gradients.iter().map(|(_, values)| distance(values, &vec![0.0; values.len()])).fold(0.0, f64::max)
}

/// A batch, and what one rank computes from it, whose gradients do not hang on the last bits of its pixels. Two ranks add in another order than one,
/// and in some batches a unit is so close to zero that this switches it on or off, in others on other processors. Many disturbances find such units.
fn steady(name: &str, set: &[&str]) -> (ClipViews, Computed) {
    for place in 0..20 {
        let whole = noise(&settings(name, set), BATCH, 0, place);
        let computed = compute(name, set, &whole, alone());
        let disturbed = |seed| {
            let (mut views, mut random) = (whole.clone(), Random::new(seed));
            let clips = views.clips.iter_mut().chain([&mut views.motion, &mut views.key_frames]);
            clips.flatten().for_each(|value| *value *= 1.0 + 1e-6 * random.normal());
            compute(name, set, &views, alone()).gradients
        };
        let gradients = &computed.gradients;
        if (0..DISTURBANCES).all(|seed| apart(&disturbed(seed), gradients, least(gradients)).is_empty()) {
            return (whole, computed);
        }
    }
    panic!("{name} has no steady batch");
}

/// Asserts that two ranks with half of a batch each compute what one with the whole does.
fn holds(name: &str, set: &[&str]) {
    let set = &[tiny(name), set].concat();
    let (whole, expected) = steady(name, set);
    for found in on_two_ranks(|rank| compute(name, set, &whole, rank)) {
        let near = |found: f64, expected: f64| (found - expected).abs() <= 1e-5 * expected.abs().max(1.0);
        for ((term, found), (_, expected)) in found.terms.iter().zip(&expected.terms) {
            assert!(near(*found, *expected), "{name}, {term}: {found} is not {expected}");
        }
        let gradients = apart(&found.gradients, &expected.gradients, least(&expected.gradients));
        assert!(gradients.is_empty(), "{name}: gradients of {}", gradients.join(", "));
        let kept = apart(&found.kept, &expected.kept, 0.0);
        assert!(kept.is_empty(), "{name}: {}", kept.join(", "));
    }
}

#[test]
fn two_ranks_have_the_loss_gradients_and_statistics_of_one() {
    for entry in METHODS {
        holds(entry.name, &[]);
    }
    holds("video-moco", &["method.time_negative=true"]);
}

#[test]
fn so_they_have_when_backgrounds_are_erased() {
    holds("video-moco", &["method.erase_background=0.4", "method.erase_by=batch"]);
    holds("cstp", &["method.erase_background=0.4", "method.overlap=false"]);
    holds("cmd", &["method.erase_background=0.4", "method.context=false"]);
    holds("be", &["method.erase_consistency=2.0"]);
}

#[test]
fn two_ranks_train_the_weights_of_one() {
    let optimizer = OptimizerConfig { lr: 0.05, ..OptimizerConfig::default() };
    for entry in METHODS {
        let set = tiny(entry.name);
        let run = |collective| train_steps(entry.name, WIDTH, set, [1, BATCH], &optimizer, collective);
        let [first, second] = on_two_ranks(run);
        assert_eq!(first, second, "the ranks stay equal to the last bit");
        let before = state(&mut *build(entry.name, WIDTH, set).unwrap());
        for (((name, first), (_, whole)), (_, before)) in first.iter().zip(run(alone())).zip(before) {
            // As much as the switch of a unit by rounding does.
            let (off, moved) = (distance(first, &whole), distance(&before, &whole));
            let most = 0.05 * moved.max(rounding(name, first)).max(1e-4);
            assert!(off <= most, "{}: {name} is {off} apart after moving {moved}", entry.name);
        }
    }
}
