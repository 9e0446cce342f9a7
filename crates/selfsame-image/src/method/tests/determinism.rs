//! A training is a function of its settings, data and seed: to the last bit, on any number of threads.

use super::*;

fn on_threads(
    threads: usize,
    work: impl FnOnce() -> Vec<(String, Vec<f32>)> + Send,
) -> Vec<(String, Vec<f32>)> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(work)
}

#[test]
fn the_weights_do_not_depend_on_the_number_of_threads_nor_on_chance() {
    for entry in METHODS {
        let run = || train_two_steps(&mut *build(entry.name, 0.25, &[]).unwrap(), 32, alone());
        let expected = on_threads(1, run);
        for threads in [1, 2, 3, 8] {
            for ((name, found), (_, expected)) in on_threads(threads, run).iter().zip(&expected) {
                assert!(found == expected, "{name} differs with {threads} threads");
            }
        }
    }
}
