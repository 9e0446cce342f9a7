//! How long W-MSE's loss takes, whitening and its gradient included: what a step has to pay on top of the network.
//!
//! Usage: `whitening_time VIEWS BATCH FEATURES SIZE`, for example `2 128 32 128`. Prints milliseconds.

use std::error::Error;
use std::time::{Duration, Instant};

use burn::tensor::{Device, Distribution, Tensor};
use selfsame_core::Random;
use selfsame_core::loss::{Whitening, w_mse};

/// At least this long is measured.
const SECONDS: Duration = Duration::from_secs(1);

fn main() -> Result<(), Box<dyn Error>> {
    let numbers: Vec<usize> = std::env::args().skip(1).map(|word| word.parse()).collect::<Result<_, _>>()?;
    let [views, batch, features, size] = numbers[..] else {
        return Err("usage: whitening_time VIEWS BATCH FEATURES SIZE".into());
    };
    let device = Device::flex().autodiff();
    let random = || Tensor::<2>::random([batch, features], Distribution::Normal(0.0, 1.0), &device);
    let views: Vec<_> = (0..views).map(|_| random().require_grad()).collect();
    let permutations = [Random::new(0).permutation(batch)];
    let whitening = Whitening { size, epsilon: 0.0, normalised: true };
    let step = || w_mse(&views, &permutations, &whitening).map(|loss| drop(loss.backward()));
    step()?;
    let (start, mut steps) = (Instant::now(), 0);
    while steps < 3 || start.elapsed() < SECONDS {
        step()?;
        steps += 1;
    }
    println!("{:.3}", 1e3 * start.elapsed().as_secs_f64() / f64::from(steps));
    Ok(())
}
