//! One rank with a batch of 2N and two ranks with batches of N have the same loss and the same gradients, for every method.

use std::thread;

use selfsame_core::collective::Threads;

use super::*;

fn compute(name: &str, set: &[&str], collective: Arc<dyn Collective>) -> (f32, Named) {
    let interactions = interactions();
    // Each rank has its own table, and makes the views for itself.
    let mut method = build(name, &interactions, set).unwrap();
    let whole = batches(&*method, &interactions, 64).epoch(1, 0).unwrap().next().unwrap().unwrap();
    let batch = part(&whole, &*collective);
    let objective = method.objective(&batch, &first_step(collective.clone())).unwrap();
    let mut found = gradients(&mut *method, &objective);
    found.values_mut().for_each(|gradient| collective.sum(gradient).unwrap());
    (numbers(&objective.loss)[0], found)
}

#[test]
fn two_ranks_have_the_loss_and_gradients_of_one() {
    for (name, set) in [
        ("mf", &[][..]),
        ("lightgcn", &[]),
        ("sgl", &["view.augmentation=walk", "method.ssl_weight=0.5"]),
        ("sgl", &["view.augmentation=node", "view.ratio=0.3", "method.ids=unique"]),
    ] {
        let (loss, gradients) = compute(name, set, alone());
        let ranks = Threads::ranks(2);
        let found: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = ranks
                .into_iter()
                .map(|rank| scope.spawn(move || compute(name, set, Arc::new(rank))))
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        for (of_rank, gradients_of_rank) in found {
            assert!((of_rank - loss).abs() <= 1e-5 * loss.abs(), "{name}: {of_rank} is not {loss}");
            assert_near(&gradients_of_rank["weight"], &gradients["weight"], 1e-5);
        }
    }
}
