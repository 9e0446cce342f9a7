//! Sums over the ranks of a data-parallel run.

use std::error::Error;
use std::fmt::{self, Debug, Display, Formatter};

/// Sums over the ranks of a data-parallel run, as far as an operation of this crate needs to know about ranks.
///
/// Every rank must call [`sum`](Self::sum) the same number of times, in the same order, with the same lengths.
/// Ranks that are threads must be threads of their own, not tasks of a Rayon pool: a sum blocks until the last rank
/// has come, and a pool may have put that rank's task behind the waiting one.
pub trait AllReduce: Send + Sync + Debug {
    /// Replaces every value by its sum over all ranks. The result has the same bits on every rank.
    ///
    /// # Errors
    ///
    /// If a rank is gone or the ranks ask for different things. An implementation never blocks for a rank that is
    /// gone, and a failure is for good: every later call on every rank fails too. So whoever cannot return an error
    /// (a backward step) may go on with NaN, and the next call that can return it will.
    fn sum(&self, values: &mut [f32]) -> Result<(), AllReduceError>;
}

/// Why ranks could not add up their values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllReduceError(String);

impl AllReduceError {
    /// An error with this text: which rank, and what happened to it.
    pub fn new(what: impl Display) -> Self {
        Self(what.to_string())
    }
}

impl Display for AllReduceError {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Error for AllReduceError {}

/// The all-reduce of a rank that was dropped before its backward pass.
#[derive(Debug)]
pub(crate) struct Gone;

impl AllReduce for Gone {
    fn sum(&self, _values: &mut [f32]) -> Result<(), AllReduceError> {
        Err(AllReduceError::new("this rank left its group before its backward pass"))
    }
}

/// A count is sent as two numbers, this many low bits and the rest: `f32` holds whole numbers only up to 2²⁴, which
/// the elements per channel of a large batch exceed.
const LOW_BITS: u32 = 12;

/// Replaces `sums` by their sums over all ranks and returns the sum of `count`. Without ranks nothing changes. When
/// the ranks fail, the sums become NaN.
pub(crate) fn sum_over_ranks(ranks: Option<&dyn AllReduce>, sums: &mut [f64], count: usize) -> usize {
    let Some(ranks) = ranks else { return count };
    let low = count & ((1 << LOW_BITS) - 1);
    let high = count >> LOW_BITS;
    let mut values: Vec<f32> =
        [high as f32, low as f32].into_iter().chain(sums.iter().map(|&s| s as f32)).collect();
    if ranks.sum(&mut values).is_err() {
        sums.fill(f64::NAN);
        return count;
    }
    let [high, low, totals @ ..] = values.as_slice() else { return count };
    for (sum, &total) in sums.iter_mut().zip(totals) {
        *sum = f64::from(total);
    }
    ((*high as usize) << LOW_BITS) + *low as usize
}
