//! Convolution forwards and backwards, beside Burn's own, at the sizes of ResNets: stems, strides, 1×1.

use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Distribution, Tensor};
use divan::counter::ItemsCount;
use selfsame_kernels::conv2d;

/// Images, channels, side, outputs, kernel, stride.
const SHAPES: [[usize; 6]; 8] = [
    [128, 3, 32, 16, 3, 1],
    [8, 3, 224, 64, 7, 2],
    [32, 64, 32, 64, 3, 1],
    [32, 64, 32, 128, 3, 2],
    [128, 16, 32, 32, 3, 2],
    [128, 16, 32, 32, 1, 2],
    [8, 64, 56, 256, 1, 1],
    [8, 512, 7, 2048, 1, 1],
];

fn main() {
    divan::main();
}

/// The images need no gradient, as in the first layer; all others do.
fn bench(
    bencher: divan::Bencher,
    [batch, channels, side, outputs, kernel, stride]: [usize; 6],
    image: [usize; 4],
    forward: impl Fn(Tensor<4>, Tensor<4>) -> Tensor<4>,
) {
    let device = Device::flex().autodiff();
    let input = Tensor::<4>::random(image, Distribution::Default, &device);
    let input = if channels == 3 { input } else { input.require_grad() };
    let weight = Tensor::<4>::random([outputs, channels, kernel, kernel], Distribution::Default, &device);
    let weight = weight.require_grad();
    // Multiplications and additions of the forward pass.
    let operations = 2 * batch * (side / stride).pow(2) * outputs * channels * kernel * kernel;
    bencher
        .counter(ItemsCount::new(operations))
        .bench_local(|| forward(input.clone(), weight.clone()).sum().backward());
}

#[divan::bench(args = SHAPES, sample_count = 20)]
fn selfsame(bencher: divan::Bencher, shape: [usize; 6]) {
    let [batch, channels, side, _, kernel, stride] = shape;
    let image = [batch, side, side, channels];
    bench(bencher, shape, image, |input, weight| conv2d(input, weight, stride, kernel / 2));
}

#[divan::bench(args = SHAPES, sample_count = 20)]
fn burn(bencher: divan::Bencher, shape: [usize; 6]) {
    let [batch, channels, side, _, kernel, stride] = shape;
    let image = [batch, channels, side, side];
    let options = || ConvOptions::new([stride; 2], [kernel / 2; 2], [1, 1], 1);
    bench(bencher, shape, image, |input, weight| {
        burn::tensor::module::conv2d(input, weight, None, options())
    });
}
