//! How fast convolutions are, forwards and backwards, on all cores.
//!
//! Usage (through `cargo xtask bench`): `convolution_throughput SHAPE…`, a shape being
//! `BATCH,SIDE,CHANNELS,OUTPUTS,KERNEL,STRIDE` for pictures and
//! `BATCH,FRAMES,SIDE,CHANNELS,OUTPUTS,KERNEL_FRAMES,KERNEL,STRIDE_FRAMES,STRIDE` for clips. One line a shape: 10⁹ floating-point operations a
//! second, counted as for a direct sum, forwards, and forwards and backwards together.

mod timing;

use std::error::Error;

use burn::tensor::{Device, Distribution, Tensor};
use selfsame_kernels::{conv2d, conv3d};
use timing::seconds;

fn main() -> Result<(), Box<dyn Error>> {
    selfsame_kernels::keep_freed_memory();
    for shape in std::env::args().skip(1) {
        let sizes: Vec<usize> = shape.split(',').map(str::parse).collect::<Result<_, _>>()?;
        match sizes[..] {
            [batch, side, channels, outputs, kernel, stride] => {
                measure([batch, side, side, channels], [outputs, channels, kernel, kernel], |x, w| {
                    conv2d(x, w, stride, kernel / 2)
                })
            }
            [batch, frames, side, channels, outputs, kernel_frames, kernel, stride_frames, stride] => {
                measure(
                    [batch, frames, side, side, channels],
                    [outputs, channels, kernel_frames, kernel, kernel],
                    |x, w| {
                        conv3d(
                            x,
                            w,
                            [stride_frames, stride, stride],
                            [kernel_frames / 2, kernel / 2, kernel / 2],
                        )
                    },
                )
            }
            _ => return Err(format!("`{shape}` has neither 6 nor 9 numbers").into()),
        }
    }
    Ok(())
}

/// Prints a line.
fn measure<const D: usize>(
    input: [usize; D],
    weight: [usize; D],
    convolve: impl Fn(Tensor<D>, Tensor<D>) -> Tensor<D>,
) {
    let random =
        |shape: [usize; D], device: &Device| Tensor::<D>::random(shape, Distribution::Default, device);
    let device = Device::flex();
    let (x, w) = (random(input, &device), random(weight, &device));
    let outputs: usize = convolve(x.clone(), w.clone()).dims().iter().product();
    let forward = seconds(|| drop(convolve(x.clone(), w.clone())));

    let device = device.autodiff();
    let (x, w) = (random(input, &device), random(weight, &device));
    let both = seconds(|| {
        let (x, w) = (x.clone().require_grad(), w.clone().require_grad());
        drop(convolve(x, w).backward());
    });

    let operations = 2 * outputs * weight[1..].iter().product::<usize>();
    let rate = |times: usize, seconds: f64| (times * operations) as f64 / seconds / 1e9;
    println!("{:.1} {:.1}", rate(1, forward), rate(3, both));
}
