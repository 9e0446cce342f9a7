//! How long a call takes.

use std::time::{Duration, Instant};

/// At least this long is measured.
const SECONDS: Duration = Duration::from_millis(300);

/// Seconds of one call, on average.
pub fn seconds(mut call: impl FnMut()) -> f64 {
    call();
    let (start, mut calls) = (Instant::now(), 0);
    while calls < 3 || start.elapsed() < SECONDS {
        call();
        calls += 1;
    }
    start.elapsed().as_secs_f64() / f64::from(calls)
}
