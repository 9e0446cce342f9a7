//! Memory that is kept from one piece of work to the next, because fresh memory is slow memory.

use std::cell::Cell;
use std::ops::{Deref, DerefMut};

thread_local! {
    static KEPT: Cell<Vec<Vec<f32>>> = const { Cell::new(Vec::new()) };
}

/// Memory of this thread with anything in it; goes back to the thread in the end.
#[derive(Default)]
pub struct Scratch(Vec<f32>);

impl Scratch {
    pub fn take() -> Self {
        // Taken out, not borrowed: a thread that waits for others may begin another piece of work meanwhile.
        let mut kept = KEPT.take();
        let memory = kept.pop().unwrap_or_default();
        KEPT.set(kept);
        Self(memory)
    }

    /// The first `length` values, whatever they are.
    pub fn first(&mut self, length: usize) -> &mut [f32] {
        if self.0.len() < length {
            self.0.resize(length, 0.0);
        }
        &mut self.0[..length]
    }
}

impl Deref for Scratch {
    type Target = Vec<f32>;
    fn deref(&self) -> &Vec<f32> {
        &self.0
    }
}

impl DerefMut for Scratch {
    fn deref_mut(&mut self) -> &mut Vec<f32> {
        &mut self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let mut kept = KEPT.take();
        kept.push(std::mem::take(&mut self.0));
        KEPT.set(kept);
    }
}
