//! Input of every kind that is not a fresh, full and finite tensor: views of other memory, nothing at all, numbers that are not finite.

#![allow(clippy::unwrap_used)]

use burn::tensor::{Device, Tensor, TensorData};
use proptest::prelude::*;
use selfsame_kernels::{Epilogue, Windows, batch_norm, conv2d, max_pool2d, mean_pool2d, scale_and_shift};

/// Values that look random, are all different and the same everywhere.
fn wave<const D: usize>(shape: [usize; D], phase: f32) -> Tensor<D> {
    let values = (0..shape.iter().product::<usize>()).map(|at| (0.7 * at as f32 + phase).sin());
    Tensor::from_data(TensorData::new(values.collect::<Vec<_>>(), shape), &Device::flex().autodiff())
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

/// How a tensor lies in memory that it shares with others.
#[derive(Clone, Copy, Debug)]
enum Lies {
    /// In memory of its own.
    Alone,
    /// With two of its dimensions swapped.
    Turned(usize, usize),
    /// Within a larger tensor, some places from the beginning in one of its dimensions: at an address that no vector is aligned to.
    Within(usize, usize),
}

impl Lies {
    fn any() -> impl Strategy<Value = Self> {
        let dimension = || 0usize..4;
        prop_oneof![
            Just(Self::Alone),
            (dimension(), dimension()).prop_map(|(a, b)| Self::Turned(a, b)),
            (dimension(), 1usize..4).prop_map(|(dimension, from)| Self::Within(dimension, from)),
        ]
    }

    /// The same values, lying so.
    fn place(self, tensor: &Tensor<4>) -> Tensor<4> {
        let copied = |tensor: Tensor<4>| Tensor::<4>::from_data(tensor.to_data(), &tensor.device());
        match self {
            Self::Alone => copied(tensor.clone()),
            Self::Turned(a, b) => copied(tensor.clone().swap_dims(a, b)).swap_dims(a, b),
            Self::Within(dimension, from) => {
                let mut before = tensor.dims();
                before[dimension] = from;
                let parts = vec![wave(before, 0.3), tensor.clone(), wave(before, 0.6)];
                Tensor::cat(parts, dimension).narrow(dimension, from, tensor.dims()[dimension])
            }
        }
    }
}

type Operation<'a> = &'a dyn Fn([Tensor<4>; 3]) -> Tensor<4>;

/// The output of an operation of three tensors, and its gradients by them, all of which lie as `lies` says, as does the gradient
/// of the output.
fn results(operation: Operation, tensors: &[Tensor<4>; 3], lies: [Lies; 4]) -> [Vec<f32>; 4] {
    let placed = [0, 1, 2].map(|at| lies[at].place(&tensors[at]).detach().require_grad());
    let output = operation(placed.clone());
    let gradient = lies[3].place(&wave(output.dims(), 0.4)).detach();
    let gradients = (output.clone() * gradient).sum().backward();
    let [a, b, c] = placed.map(|tensor| tensor.grad(&gradients).map_or(Vec::new(), values));
    [values(output), a, b, c]
}

/// `[channels]` of a tensor `[1, 1, 1, channels]`.
fn of_channels(tensor: Tensor<4>) -> Tensor<1> {
    let [_, _, _, channels] = tensor.dims();
    tensor.reshape([channels])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn where_a_tensor_lies_does_not_matter(
        batch in 1usize..4, height in 1usize..9, width in 1usize..9, channels in 1usize..20, outputs in 1usize..9,
        kernel in 1usize..4, stride in 1usize..3, relu in any::<bool>(), lies in [(); 4].map(|()| Lies::any()),
    ) {
        let shape = [batch, height, width, channels];
        let (input, other) = (wave(shape, 0.1), wave(shape, 0.2));
        let affine = [0.5, 0.8].map(|phase| wave([1, 1, 1, channels], phase));
        let [first, second] = affine.clone();
        let padding = kernel / 2;
        let weight = wave([outputs, channels, kernel, kernel], 0.9);
        let windows = Windows { kernel: kernel + 1, stride, padding: kernel.div_ceil(2) };

        let operations: [(&str, [Tensor<4>; 3], Operation); 6] = [
            ("conv2d", [input.clone(), weight, first.clone()], &|[x, w, _]| conv2d(x, w, stride, padding)),
            ("batch_norm", [input.clone(), first.clone(), second.clone()], &|[x, w, b]| {
                let epilogue = Epilogue { residual: None, relu };
                batch_norm(x, of_channels(w), of_channels(b), epilogue, 1e-5, None).output
            }),
            ("batch_norm with a residual", [input.clone(), other.clone(), first.clone()], &|[x, r, w]| {
                let epilogue = Epilogue { residual: Some(r), relu };
                batch_norm(x, of_channels(w.clone()), of_channels(w), epilogue, 1e-5, None).output
            }),
            ("scale_and_shift", [input.clone(), other.clone(), second.clone()], &|[x, r, w]| {
                let epilogue = Epilogue { residual: Some(r), relu };
                scale_and_shift(x, of_channels(w.clone()), of_channels(w), epilogue)
            }),
            ("max_pool2d", [input.clone(), first.clone(), second.clone()], &|[x, ..]| max_pool2d(x, windows)),
            ("mean_pool2d", [input, first, second], &|[x, ..]| {
                let means = mean_pool2d(x);
                let [batch, channels] = means.dims();
                means.reshape([batch, 1, 1, channels])
            }),
        ];
        for (name, tensors, operation) in operations {
            let expected = results(operation, &tensors, [Lies::Alone; 4]);
            prop_assert_eq!(results(operation, &tensors, lies), expected, "{}", name);
        }
    }

    /// By tiles, a number that is not finite may spoil what is computed with it: all that reads one of the tiles of 6×6 pixels around it.
    #[test]
    fn what_is_not_finite_neither_vanishes_nor_travels(
        batch in 1usize..4, height in 1usize..16, width in 1usize..16, channels in 1usize..6, outputs in 1usize..6,
        kernel in 1usize..5, stride in 1usize..3, place in any::<prop::sample::Index>(), kind in 0usize..3,
    ) {
        let padding = kernel / 2;
        prop_assume!(height.min(width) + 2 * padding >= kernel);
        let shape = [batch, height, width, channels];
        let place = place.index(shape.iter().product());
        let spoil = |spoiled: f32| {
            let mut values = values(wave(shape, 0.1));
            values[place] = spoiled;
            Tensor::<4>::from_data(TensorData::new(values, shape), &Device::flex())
        };
        // No weight is 0, or infinity would become NaN in one and vanish in another.
        let weight = wave([outputs, channels, kernel, kernel], 0.9).inner() + 2.0;
        let convolve = |input: Tensor<4>| conv2d(input, weight.clone(), stride, padding);
        let (clean, spoiled) = (convolve(spoil(0.0)), convolve(spoil([f32::NAN, f32::INFINITY, f32::NEG_INFINITY][kind])));
        let [_, rows, columns, _] = clean.dims();
        let (row, column) = (place / channels / width % height, place / channels % width);
        let image = place / channels / width / height;
        let is_by_tiles = kernel == 3 && stride == 1;
        for (at, (clean, spoiled)) in values(clean).into_iter().zip(values(spoiled)).enumerate() {
            let pixel = at / outputs;
            let (y, x) = (pixel / columns % rows, pixel % columns);
            let reads = |at: usize, side: usize, border: usize| {
                let first = (at * stride) as isize - padding as isize;
                (first - border as isize..first + (kernel + border) as isize).contains(&(side as isize))
            };
            let is_same_image = pixel / columns / rows == image;
            let must = is_same_image && reads(y, row, 0) && reads(x, column, 0);
            let may = is_same_image && reads(y, row, 3) && reads(x, column, 3) && is_by_tiles;
            if must {
                prop_assert!(!spoiled.is_finite(), "output {} should not be finite", at);
            } else if spoiled.is_finite() || !may {
                prop_assert!((clean - spoiled).abs() <= 1e-4 * clean.abs().max(1.0), "{} became {}", clean, spoiled);
            }
        }
    }
}

/// The shapes of a function's output and of its input's gradient.
fn shapes<const D: usize>(
    input: [usize; 4],
    operation: impl Fn(Tensor<4>) -> Tensor<D>,
) -> ([usize; D], [usize; 4]) {
    let input = wave(input, 0.1).require_grad();
    let output = operation(input.clone());
    let gradients = (output.clone() * wave(output.dims(), 0.4)).sum().backward();
    (output.dims(), input.grad(&gradients).unwrap().dims())
}

#[test]
fn nothing_makes_nothing() {
    let vector = |channels: usize, phase| wave([channels], phase);
    for input in [[0, 4, 5, 3], [2, 4, 5, 0]] {
        let [batch, height, width, channels] = input;
        let windows = Windows { kernel: 3, stride: 2, padding: 1 };
        assert_eq!(shapes(input, |x| max_pool2d(x, windows)), ([batch, 2, 3, channels], input));
        assert_eq!(shapes(input, mean_pool2d), ([batch, channels], input));
        for (kernel, stride) in [(1, 1), (1, 2), (3, 1), (3, 2), (4, 1)] {
            let weight = wave([7, channels, kernel, kernel], 0.2);
            let side = |side: usize| (side + 2 * (kernel / 2) - kernel) / stride + 1;
            let output = [batch, side(height), side(width), 7];
            assert_eq!(shapes(input, |x| conv2d(x, weight.clone(), stride, kernel / 2)), (output, input));
        }
        for relu in [false, true] {
            for has_residual in [false, true] {
                let epilogue = || Epilogue { residual: has_residual.then(|| wave(input, 0.3)), relu };
                let affine = || [vector(channels, 0.2), vector(channels, 0.7)];
                let normalise = |x| {
                    let [weight, bias] = affine();
                    batch_norm(x, weight, bias, epilogue(), 1e-5, None).output
                };
                assert_eq!(shapes(input, normalise), (input, input));
                let shift = |x| {
                    let [scale, shift] = affine();
                    scale_and_shift(x, scale, shift, epilogue())
                };
                assert_eq!(shapes(input, shift), (input, input));
            }
        }
    }
}

#[test]
fn infinities_are_maxima_as_other_numbers_are() {
    let device = Device::flex();
    let input = [f32::NEG_INFINITY, f32::NEG_INFINITY, 1.0, f32::INFINITY];
    let input = Tensor::<4>::from_data(TensorData::new(input.to_vec(), [1, 1, 4, 1]), &device);
    let maxima = max_pool2d(input, Windows { kernel: 2, stride: 1, padding: 1 }).narrow(1, 0, 1);
    let expected = [f32::NEG_INFINITY, f32::NEG_INFINITY, 1.0, f32::INFINITY, f32::INFINITY];
    assert_eq!(values(maxima), expected);
}

#[test]
#[should_panic = "does not fit into [1, 2, 9, 1]"]
fn a_map_smaller_than_the_kernel_is_refused() {
    conv2d(wave([1, 2, 9, 1], 0.1), wave([1, 1, 5, 5], 0.1), 1, 1);
}

#[test]
#[should_panic = "do not fit into [1, 9, 1, 1]"]
fn a_map_smaller_than_a_window_is_refused() {
    max_pool2d(wave([1, 9, 1, 1], 0.1), Windows { kernel: 4, stride: 1, padding: 1 });
}
