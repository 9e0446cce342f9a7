//! Batch normalisation with residual addition and ReLU, forwards and backwards, beside Burn's own operations, at the sizes of
//! a ResNet-18 for small images and of a projector.

use burn::tensor::activation::relu;
use burn::tensor::module::batch_norm_train;
use burn::tensor::{Device, Distribution, Tensor};
use divan::counter::ItemsCount;
use selfsame_kernels::{Epilogue, batch_norm};

/// `[batch, height, width, channels]`.
const SHAPES: [[usize; 4]; 5] =
    [[128, 32, 32, 16], [64, 32, 32, 64], [64, 16, 16, 128], [64, 4, 4, 512], [256, 1, 1, 2048]];

fn main() {
    divan::main();
}

fn bench(
    bencher: divan::Bencher,
    shape: [usize; 4],
    forward: impl Fn(Tensor<4>, [Tensor<1>; 2], Tensor<4>) -> Tensor<4>,
) {
    let device = Device::flex().autodiff();
    let input = Tensor::<4>::random(shape, Distribution::Default, &device).require_grad();
    let residual = Tensor::<4>::random(shape, Distribution::Default, &device).require_grad();
    let affine = [Tensor::ones([shape[3]], &device), Tensor::zeros([shape[3]], &device)];
    bencher
        .counter(ItemsCount::new(shape.iter().product::<usize>()))
        .bench_local(|| forward(input.clone(), affine.clone(), residual.clone()).sum().backward());
}

#[divan::bench(args = SHAPES, sample_count = 20)]
fn selfsame(bencher: divan::Bencher, shape: [usize; 4]) {
    bench(bencher, shape, |input, [weight, bias], residual| {
        batch_norm(input, weight, bias, Epilogue::residual_relu(residual), 1e-5, None).output
    });
}

#[divan::bench(args = SHAPES, sample_count = 20)]
fn burn(bencher: divan::Bencher, shape: [usize; 4]) {
    bench(bencher, shape, |input, [weight, bias], residual| {
        let channels_first = input.permute([0, 3, 1, 2]);
        let normalised = batch_norm_train(channels_first, weight, bias, 1e-5).output;
        relu(normalised.permute([0, 2, 3, 1]) + residual)
    });
}
