use std::sync::{Arc, Barrier, Mutex};
use std::thread;

use super::{Case, EPSILON, Epilogue, Outcome, batch_norm, values};
use crate::{AllReduce, AllReduceError};

/// A minimal all-reduce of two threads, which meet in every sum.
#[derive(Debug)]
struct Pair {
    rank: usize,
    given: Arc<[Mutex<Vec<f32>>; 2]>,
    meeting: Arc<Barrier>,
}

impl Pair {
    fn new() -> [Self; 2] {
        let given = Arc::new([const { Mutex::new(Vec::new()) }; 2]);
        let meeting = Arc::new(Barrier::new(2));
        [0, 1].map(|rank| Self { rank, given: Arc::clone(&given), meeting: Arc::clone(&meeting) })
    }
}

impl AllReduce for Pair {
    fn sum(&self, values: &mut [f32]) -> Result<(), AllReduceError> {
        *self.given[self.rank].lock().unwrap() = values.to_vec();
        self.meeting.wait();
        let [first, second] = [0, 1].map(|rank| self.given[rank].lock().unwrap().clone());
        for ((value, a), b) in values.iter_mut().zip(first).zip(second) {
            *value = a + b;
        }
        self.meeting.wait();
        Ok(())
    }
}

/// Two ranks that meet in their forward and backward passes, against one with both batches.
fn two_ranks(run: impl Fn(Case, Pair) -> Outcome + Sync) {
    for whole in Case::new([7, 9, 3, 5], 9).with_every_epilogue() {
        let (first, second) = (whole.part(0..3), whole.part(3..7));
        let [one, other] = Pair::new();
        let (first, second) = thread::scope(|scope| {
            let first = scope.spawn(|| run(first, one));
            let second = scope.spawn(|| run(second, other));
            (first.join().unwrap(), second.join().unwrap())
        });
        let add = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a + b).collect();
        assert_eq!((&first.mean, &first.variance), (&second.mean, &second.variance));
        let together = Outcome {
            output: [first.output, second.output].concat(),
            input_gradient: [first.input_gradient, second.input_gradient].concat(),
            residual_gradient: [first.residual_gradient, second.residual_gradient].concat(),
            weight_gradient: add(&first.weight_gradient, &second.weight_gradient),
            bias_gradient: add(&first.bias_gradient, &second.bias_gradient),
            ..first
        };
        together.assert_near(&whole.run(None), 1e-6);
    }
}

#[test]
fn two_ranks_are_one_with_both_batches() {
    two_ranks(|case, rank| case.run(Some(Arc::new(rank))));
}

#[test]
fn two_ranks_are_one_with_both_batches_portably() {
    two_ranks(|case, rank| case.run_portably(Some(&rank)));
}

/// An all-reduce whose other rank is gone.
#[derive(Debug)]
struct Broken;

impl AllReduce for Broken {
    fn sum(&self, _values: &mut [f32]) -> Result<(), AllReduceError> {
        Err(AllReduceError::new("rank 1 is gone"))
    }
}

#[test]
fn when_the_ranks_fail_nothing_looks_like_a_result() {
    let case = Case::new([4, 3, 3, 2], 10);
    for outcome in [case.run(Some(Arc::new(Broken))), case.run_portably(Some(&Broken))] {
        assert!(outcome.output.iter().chain(&outcome.input_gradient).all(|value| value.is_nan()));
    }
}

#[test]
fn a_rank_dropped_before_its_backward_pass_gives_no_gradient_that_looks_like_one() {
    let case = Case::new([4, 3, 3, 2], 10);
    let [one, other] = Pair::new();
    let run = |rank: Pair| {
        let input = Case::tensor(&case.input, case.shape).require_grad();
        let [weight, bias] = [&case.weight, &case.bias].map(|v| Case::tensor(v, [2]));
        let normalised =
            batch_norm(input.clone(), weight, bias, Epilogue::none(), EPSILON, Some(Arc::new(rank)));
        values(input.grad(&normalised.output.sum().backward()).unwrap())
    };
    thread::scope(|scope| {
        for thread in [scope.spawn(|| run(one)), scope.spawn(|| run(other))] {
            assert!(thread.join().unwrap().iter().all(|value| value.is_nan()));
        }
    });
}
