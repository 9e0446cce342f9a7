//! How fast convolutions are, forwards and backwards, on all cores.
//!
//! Usage (through `cargo xtask bench`): `convolution_throughput SHAPE…`, a shape being
//! `BATCH,SIDE,CHANNELS,OUTPUTS,KERNEL,STRIDE`. One line a shape: 10⁹ floating-point operations a second, counted as for a
//! direct sum, forwards, and forwards and backwards together.

use std::error::Error;
use std::time::{Duration, Instant};

use burn::tensor::{Device, Distribution, Tensor};
use selfsame_kernels::conv2d;

/// At least this long is measured.
const SECONDS: Duration = Duration::from_millis(300);

fn main() -> Result<(), Box<dyn Error>> {
    for shape in std::env::args().skip(1) {
        let sizes: Vec<usize> = shape.split(',').map(str::parse).collect::<Result<_, _>>()?;
        let [batch, side, channels, outputs, kernel, stride] = sizes[..] else {
            return Err(format!("`{shape}` is not BATCH,SIDE,CHANNELS,OUTPUTS,KERNEL,STRIDE").into());
        };
        let random =
            |shape: [usize; 4], device: &Device| Tensor::<4>::random(shape, Distribution::Default, device);
        let (input, weight) = ([batch, side, side, channels], [outputs, channels, kernel, kernel]);

        let device = Device::flex();
        let (x, w) = (random(input, &device), random(weight, &device));
        let forward = seconds(|| drop(conv2d(x.clone(), w.clone(), stride, kernel / 2)));

        let device = device.autodiff();
        let (x, w) = (random(input, &device), random(weight, &device));
        let both = seconds(|| {
            let (x, w) = (x.clone().require_grad(), w.clone().require_grad());
            drop(conv2d(x, w, stride, kernel / 2).backward());
        });

        let operations = 2 * batch * side.div_ceil(stride).pow(2) * outputs * channels * kernel * kernel;
        let rate = |times: usize, seconds: f64| (times * operations) as f64 / seconds / 1e9;
        println!("{:.1} {:.1}", rate(1, forward), rate(3, both));
    }
    Ok(())
}

/// Seconds of one call, on average.
fn seconds(mut call: impl FnMut()) -> f64 {
    call();
    let (start, mut calls) = (Instant::now(), 0);
    while calls < 3 || start.elapsed() < SECONDS {
        call();
        calls += 1;
    }
    start.elapsed().as_secs_f64() / f64::from(calls)
}
