//! The only rank of a run in one process.

use super::{AllReduce, AllReduceError, Collective, no_such_root};
use crate::Result;

/// The only rank there is: it has everything already.
#[derive(Clone, Copy, Debug, Default)]
pub struct Single;

impl AllReduce for Single {
    fn sum(&self, _values: &mut [f32]) -> Result<(), AllReduceError> {
        Ok(())
    }
}

impl Collective for Single {
    fn rank(&self) -> usize {
        0
    }

    fn size(&self) -> usize {
        1
    }

    fn all_gather(&self, local: &[f32]) -> Result<Vec<f32>> {
        Ok(local.to_vec())
    }

    fn broadcast(&self, _values: &mut [f32], root: usize) -> Result<()> {
        if root == 0 { Ok(()) } else { Err(no_such_root(root, 1)) }
    }

    fn barrier(&self) -> Result<()> {
        Ok(())
    }
}
