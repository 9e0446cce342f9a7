//! A training is a function of its settings, data and seed: to the last bit, on any number of threads.

use super::*;

fn on_threads(threads: usize, work: impl FnOnce() -> Named + Send) -> Named {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(work)
}

#[test]
fn the_weights_do_not_depend_on_the_number_of_threads_nor_on_chance() {
    let optimizer = OptimizerConfig { clip: 1.0, ..OptimizerConfig::default() };
    for entry in METHODS {
        let run = || train_steps(entry.name, 0.0625, &[], [2, 12], &optimizer, alone());
        let expected = on_threads(1, run);
        for threads in [1, 3] {
            for ((name, found), (_, expected)) in on_threads(threads, run).iter().zip(&expected) {
                assert!(found == expected, "{name} differs with {threads} threads");
            }
        }
    }
}
