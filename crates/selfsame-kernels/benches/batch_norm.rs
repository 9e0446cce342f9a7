//! Batch normalisation forwards and backwards, beside Burn's own, at the sizes of a ResNet-18 for small images and of a
//! projector.

use burn::tensor::module::batch_norm_train;
use burn::tensor::{Device, Distribution, Tensor};
use divan::counter::ItemsCount;
use selfsame_kernels::batch_norm;

const SHAPES: [[usize; 4]; 4] = [[64, 64, 32, 32], [64, 128, 16, 16], [64, 512, 4, 4], [256, 2048, 1, 1]];

fn main() {
    divan::main();
}

fn bench(
    bencher: divan::Bencher,
    shape: [usize; 4],
    forward: impl Fn(Tensor<4>, Tensor<1>, Tensor<1>) -> Tensor<4>,
) {
    let device = Device::flex().autodiff();
    let input = Tensor::<4>::random(shape, Distribution::Default, &device).require_grad();
    let [weight, bias] = [Tensor::ones([shape[1]], &device), Tensor::zeros([shape[1]], &device)];
    bencher
        .counter(ItemsCount::new(shape.iter().product::<usize>()))
        .bench_local(|| forward(input.clone(), weight.clone(), bias.clone()).sum().backward());
}

#[divan::bench(args = SHAPES, sample_count = 20)]
fn selfsame(bencher: divan::Bencher, shape: [usize; 4]) {
    bench(bencher, shape, |input, weight, bias| batch_norm(input, weight, bias, 1e-5, None).output);
}

#[divan::bench(args = SHAPES, sample_count = 20)]
fn burn(bencher: divan::Bencher, shape: [usize; 4]) {
    bench(bencher, shape, |input, weight, bias| batch_norm_train(input, weight, bias, 1e-5).output);
}
