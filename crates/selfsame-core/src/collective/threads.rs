//! Ranks that are threads of one process.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::{AllReduce, AllReduceError, Collective, no_such_root};
use crate::Result;

/// One of the ranks of a run that share a process, each on a thread of its own.
///
/// Sums are taken in rank order on every rank, so all ranks get the same bits, and the same ones every time. A rank
/// that is dropped, in particular by a thread that panics, has left: the others' operations then fail instead of
/// waiting for it. Hence a rank must be owned by its thread alone.
#[derive(Debug)]
pub struct Threads {
    rank: usize,
    group: Arc<Group>,
    /// Held during an operation: this rank takes part in one at a time.
    turn: Mutex<()>,
}

#[derive(Debug)]
struct Group {
    size: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// What each rank that has come gives to the operation under way.
    given: Vec<Option<Given>>,
    /// What everybody gave to the last complete operation, until all ranks have taken it.
    complete: Option<Arc<Vec<Given>>>,
    /// How many ranks have yet to take it.
    to_take: usize,
    /// Why no further operation can succeed.
    failure: Option<AllReduceError>,
}

#[derive(Debug)]
struct Given {
    operation: Operation,
    values: Vec<f32>,
}

/// What a rank asks for; all ranks must ask for the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Sum { length: usize },
    Gather { length: usize },
    Broadcast { root: usize, length: usize },
    Barrier,
}

impl Threads {
    /// A group of `size` ranks, in order; each is to be moved into its thread.
    pub fn ranks(size: usize) -> Vec<Self> {
        let state = State { given: (0..size).map(|_| None).collect(), ..State::default() };
        let group = Arc::new(Group { size, state: Mutex::new(state), changed: Condvar::new() });
        (0..size).map(|rank| Self { rank, group: Arc::clone(&group), turn: Mutex::new(()) }).collect()
    }

    /// Gives this rank's values, waits for the others', and returns everybody's in rank order.
    fn exchange(&self, operation: Operation, values: Vec<f32>) -> Result<Arc<Vec<Given>>, AllReduceError> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        // The last operation may still have ranks that did not wake up to take its result.
        let mut state = self.group.wait_while(self.group.lock(), |state| state.to_take > 0)?;
        if let Some(failure) = &state.failure {
            return Err(failure.clone());
        }
        if let Some(place) = state.given.get_mut(self.rank) {
            *place = Some(Given { operation, values });
        }
        if state.given.iter().all(Option::is_some) {
            let given: Vec<Given> = state.given.iter_mut().filter_map(Option::take).collect();
            if let Some(failure) = disagreement(&given) {
                state.failure = Some(failure.clone());
                self.group.changed.notify_all();
                return Err(failure);
            }
            state.complete = Some(Arc::new(given));
            state.to_take = self.group.size;
            self.group.changed.notify_all();
        } else {
            state = self.group.wait_while(state, |state| state.to_take == 0)?;
        }
        let everything = state.complete.clone();
        state.to_take -= 1;
        if state.to_take == 0 {
            state.complete = None;
            self.group.changed.notify_all();
        }
        everything.ok_or_else(|| AllReduceError::new("an operation of the ranks ended without a result"))
    }
}

impl Group {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits while `condition` holds; fails if it still holds when the group has failed.
    fn wait_while<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        condition: impl Fn(&State) -> bool,
    ) -> Result<MutexGuard<'a, State>, AllReduceError> {
        while condition(&state) {
            if let Some(failure) = &state.failure {
                return Err(failure.clone());
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        Ok(state)
    }
}

/// The first two ranks that ask for different things, if any do.
fn disagreement(given: &[Given]) -> Option<AllReduceError> {
    let first = given.first()?.operation;
    let (rank, other) = given.iter().enumerate().find(|(_, other)| other.operation != first)?;
    let other = other.operation;
    Some(AllReduceError::new(format!(
        "the ranks are out of step: rank 0 is at {first:?} while rank {rank} is at {other:?}"
    )))
}

impl Drop for Threads {
    fn drop(&mut self) {
        let how = if std::thread::panicking() { "panicked" } else { "ended" };
        let failure = AllReduceError::new(format!("rank {} of {} {how}", self.rank, self.group.size));
        self.group.lock().failure.get_or_insert(failure);
        self.group.changed.notify_all();
    }
}

impl AllReduce for Threads {
    fn sum(&self, values: &mut [f32]) -> Result<(), AllReduceError> {
        let everything = self.exchange(Operation::Sum { length: values.len() }, values.to_vec())?;
        values.fill(0.0);
        for given in everything.iter() {
            for (sum, value) in values.iter_mut().zip(&given.values) {
                *sum += value;
            }
        }
        Ok(())
    }
}

impl Collective for Threads {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.group.size
    }

    fn all_gather(&self, local: &[f32]) -> Result<Vec<f32>> {
        let everything = self.exchange(Operation::Gather { length: local.len() }, local.to_vec())?;
        Ok(everything.iter().flat_map(|given| given.values.iter().copied()).collect())
    }

    fn broadcast(&self, values: &mut [f32], root: usize) -> Result<()> {
        let own = if self.rank == root { values.to_vec() } else { Vec::new() };
        let everything = self.exchange(Operation::Broadcast { root, length: values.len() }, own)?;
        let from_root = everything.get(root).ok_or_else(|| no_such_root(root, self.group.size))?;
        values.copy_from_slice(&from_root.values);
        Ok(())
    }

    fn barrier(&self) -> Result<()> {
        self.exchange(Operation::Barrier, Vec::new())?;
        Ok(())
    }
}
