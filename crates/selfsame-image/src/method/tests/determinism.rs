//! A training is a function of its settings, data and seed: to the last bit, on any number of threads.

use selfsame_core::optimizer::OptimizerName;

use super::*;

fn on_threads(threads: usize, work: impl FnOnce() -> Named + Send) -> Named {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(work)
}

#[test]
fn the_weights_do_not_depend_on_the_number_of_threads_nor_on_chance() {
    let sgd = OptimizerConfig { clip: 1.0, ..OptimizerConfig::default() };
    let lars = OptimizerConfig { name: OptimizerName::Lars, ..sgd.clone() };
    for (entry, optimizer) in METHODS.iter().flat_map(|entry| [(entry, &sgd), (entry, &lars)]) {
        let run = || train_steps(entry.name, 0.25, 2, 32, optimizer, alone());
        let expected = on_threads(1, run);
        for threads in [1, 2, 3, 8] {
            for ((name, found), (_, expected)) in on_threads(threads, run).iter().zip(&expected) {
                assert!(found == expected, "{name} differs with {threads} threads");
            }
        }
    }
}
