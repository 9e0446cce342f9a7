//! How many bytes a second batch norm moves, forwards and backwards, on all cores.
//!
//! Usage (through `cargo xtask bench`): `batch_norm_throughput SHAPE…`, a shape being `BATCH,SIDE,CHANNELS`. One line a shape:
//! 10⁹ bytes a second, with a ReLU forwards, and forwards and backwards together, and the same with a shortcut and a ReLU.
//! Counted is what the passes read and write of whole maps, as if nothing stayed in a cache from one pass to the next.

mod timing;

use std::error::Error;

use burn::tensor::{Device, Distribution, Tensor};
use selfsame_kernels::{Epilogue, batch_norm};
use timing::seconds;

/// Maps that the passes read or write. Forwards: read for the moments, read again (with the shortcut) and written.
const FORWARD: [usize; 2] = [3, 4];
/// Backwards with a ReLU: gradient and input are read for the sums, read again and the input's gradient written. With a shortcut
/// its gradient is written on the first time too, and the output read to know what the ReLU cut off.
const BACKWARD: [usize; 2] = [5, 7];

fn main() -> Result<(), Box<dyn Error>> {
    selfsame_kernels::keep_freed_memory();
    for shape in std::env::args().skip(1) {
        let sizes: Vec<usize> = shape.split(',').map(str::parse).collect::<Result<_, _>>()?;
        let [batch, side, channels] = sizes[..] else {
            return Err(format!("`{shape}` is not BATCH,SIDE,CHANNELS").into());
        };
        let maps = [batch, side, side, channels];
        let bytes = size_of::<f32>() * maps.iter().product::<usize>();
        let mut rates = Vec::new();
        for (at, has_shortcut) in [false, true].into_iter().enumerate() {
            let normalise = normaliser(maps, has_shortcut, &Device::flex());
            let forward = seconds(|| drop(normalise()));
            let normalise = normaliser(maps, has_shortcut, &Device::flex().autodiff());
            let both = seconds(|| drop(normalise().backward()));
            for (count, seconds) in [(FORWARD[at], forward), (FORWARD[at] + BACKWARD[at], both)] {
                rates.push(format!("{:.1}", (count * bytes) as f64 / seconds / 1e9));
            }
        }
        println!("{}", rates.join(" "));
    }
    Ok(())
}

/// Batch norm and ReLU of random maps, everything with a gradient where the device has such.
fn normaliser(maps: [usize; 4], has_shortcut: bool, device: &Device) -> impl Fn() -> Tensor<4> + use<> {
    let random = || Tensor::<4>::random(maps, Distribution::Default, device);
    let (input, shortcut) = (random(), has_shortcut.then(random));
    let (weight, bias) = (Tensor::<1>::ones([maps[3]], device), Tensor::<1>::zeros([maps[3]], device));
    let has_gradients = device.is_autodiff();
    move || {
        let input = input.clone().set_require_grad(has_gradients);
        let residual = shortcut.clone().map(|it| it.set_require_grad(has_gradients));
        let [weight, bias] = [&weight, &bias].map(|it| it.clone().set_require_grad(has_gradients));
        batch_norm(input, weight, bias, Epilogue { residual, relu: true }, 1e-5, None).output
    }
}
