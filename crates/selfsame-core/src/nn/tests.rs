use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};

use super::*;
use crate::Random;
use crate::golden::{Golden, assert_close, host};

fn numbers(name: &str, count: usize) -> Vec<f32> {
    let mut random = Random::new(11).named(name);
    (0..count).map(|_| random.normal()).collect()
}

fn tensor<const D: usize>(values: &[f32], shape: [usize; D]) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values.to_vec(), shape), &Device::default())
}

/// A module of every kind of member that our networks have.
#[derive(Module, Debug)]
struct Network {
    stem: Conv2d,
    norms: Vec<BatchNorm>,
    shortcut: Option<(Conv2d, BatchNorm)>,
    without: Option<Linear>,
    head: Linear,
}

impl Network {
    fn new(device: &Device) -> Self {
        let random = Random::new(5);
        let norm = || BatchNormConfig::new(4).init(device);
        let shortcut = Conv2dConfig::new(3, 4, 1).init(&random.named("shortcut"), device);
        Self {
            stem: Conv2dConfig::new(3, 4, 3).init(&random.named("stem"), device),
            norms: vec![norm(), norm()],
            shortcut: Some((shortcut, norm())),
            without: None,
            head: LinearConfig::new(4, 2).init(&random.named("head"), device),
        }
    }

    /// `[batch, side, side, 3]` to `[batch, 2]`.
    fn forward(&self, images: Tensor<4>, mode: &Mode) -> Tensor<2> {
        let (conv, norm) = self.shortcut.as_ref().unwrap();
        let shortcut = norm.forward(conv.forward(images.clone()), mode);
        let mut x = self.stem.forward(images);
        for norm in &self.norms {
            x = norm.forward(x, mode);
        }
        self.head.forward((x + shortcut).mean_dim(1).mean_dim(2).reshape([0, -1]))
    }
}

fn values_of(module: &impl Parameters) -> Vec<(String, Vec<f64>)> {
    module.parameters().into_iter().map(|p| (p.name, host(&p.value))).collect()
}

#[test]
fn linear_is_the_product_with_the_transposed_weight() {
    let layer = LinearConfig::new(5, 3).init(&Random::new(1), &Device::default());
    assert_eq!(layer.weight.dims(), [3, 5]);
    let input = numbers("input", 4 * 5);
    let (weight, bias) = (host(&layer.weight.val()), host(&layer.bias.as_ref().unwrap().val()));
    let expected: Vec<f64> = (0..4 * 3)
        .map(|at| {
            let (row, output) = (at / 3, at % 3);
            bias[output] + (0..5).map(|i| f64::from(input[row * 5 + i]) * weight[output * 5 + i]).sum::<f64>()
        })
        .collect();
    assert_close(&host(&layer.forward(tensor(&input, [4, 5]))), &expected, 1e-5);

    let plain = LinearConfig::new(5, 3).without_bias().init(&Random::new(1), &Device::default());
    let difference = layer.forward(tensor(&input, [4, 5])) - plain.forward(tensor(&input, [4, 5]));
    assert_close(&host(&difference), &bias.repeat(4), 1e-4);
}

/// The definition: for every output, the sum over channels and kernel positions of what lies inside the image.
fn slow_conv(
    layer: &Conv2d,
    input: &[f32],
    [batch, height, width, channels]: [usize; 4],
    stride: usize,
) -> Vec<f64> {
    let [outputs, _, kernel, _] = layer.weight.dims();
    let weight = host(&layer.weight.val());
    let bias = layer.bias.as_ref().map_or(vec![0.0; outputs], |bias| host(&bias.val()));
    let padding = (kernel / 2) as isize;
    let inside = |at: usize, offset: usize, size: usize| {
        let place = (at * stride + offset) as isize - padding;
        (0..size as isize).contains(&place).then_some(place as usize)
    };
    let mut result = Vec::new();
    for n in 0..batch {
        for y in 0..height.div_ceil(stride) {
            for x in 0..width.div_ceil(stride) {
                for o in 0..outputs {
                    let mut sum = bias[o];
                    for c in 0..channels {
                        for (i, j) in (0..kernel * kernel).map(|at| (at / kernel, at % kernel)) {
                            if let (Some(row), Some(column)) = (inside(y, i, height), inside(x, j, width)) {
                                let pixel = input[((n * height + row) * width + column) * channels + c];
                                sum +=
                                    f64::from(pixel) * weight[((o * channels + c) * kernel + i) * kernel + j];
                            }
                        }
                    }
                    result.push(sum);
                }
            }
        }
    }
    result
}

#[test]
fn convolution_is_its_definition() {
    let shape = [2, 7, 6, 3];
    let input = numbers("image", shape.iter().product());
    for (kernel, stride) in [(1, 1), (1, 2), (3, 1), (3, 2), (5, 1), (7, 2)] {
        let config = Conv2dConfig::new(3, 4, kernel).stride(stride);
        for config in [config.clone(), config.bias()] {
            let mut layer = config.init(&Random::new(2), &Device::default());
            layer.update(&mut |name, _| (name == "bias").then(|| tensor(&numbers("bias", 4), [4])));
            let output = layer.forward(tensor(&input, shape));
            assert_eq!(output.dims(), [2, 7usize.div_ceil(stride), 6usize.div_ceil(stride), 4]);
            assert_close(&host(&output), &slow_conv(&layer, &input, shape, stride), 1e-5);
        }
    }
}

#[test]
fn convolution_of_clips_sees_what_its_kernel_reaches() {
    let (frames, maps) = (5, [2 * 5, 6, 7, 3]);
    let input = numbers("clip", maps.iter().product());
    let clip = || tensor(&input, [2, frames, 6, 7, 3]);
    // Within a frame it is the convolution of maps.
    let config = Conv3dConfig::new(3, 4, [1, 3, 3]).stride([1, 2, 2]).bias();
    let mut layer = config.init(&Random::new(2), &Device::default());
    layer.update(&mut |name, _| (name == "bias").then(|| tensor(&numbers("bias", 4), [4])));
    let output = layer.forward(clip());
    assert_eq!(output.dims(), [2, frames, 3, 4, 4]);
    let mut flat = Conv2dConfig::new(3, 4, 3).stride(2).bias().init(&Random::new(2), &Device::default());
    flat.update(&mut |name, _| {
        let same = layer.parameters().into_iter().find(|parameter| parameter.name == name);
        same.map(|parameter| parameter.value)
    });
    assert_close(&host(&output), &host(&flat.forward(tensor(&input, maps))), 1e-5);
    // Along time it is a sum over neighbouring frames.
    let layer =
        Conv3dConfig::new(3, 1, [3, 1, 1]).stride([2, 1, 1]).init(&Random::new(3), &Device::default());
    assert_eq!(layer.weight.dims(), [1, 3, 3, 1, 1]);
    let weight = host(&layer.weight.val());
    let mut expected = Vec::new();
    for clip in 0..2 {
        for (frame, pixel) in [0usize, 2, 4].into_iter().flat_map(|t| (0..6 * 7).map(move |pixel| (t, pixel)))
        {
            let taps = (0..9).filter(|tap| (1..=frames).contains(&(frame + tap % 3)));
            let term = |tap: usize| {
                let at = ((clip * frames + frame + tap % 3 - 1) * 6 * 7 + pixel) * 3 + tap / 3;
                weight[tap] * f64::from(input[at])
            };
            expected.push(taps.map(term).sum());
        }
    }
    assert_close(&host(&layer.forward(clip())), &expected, 1e-5);
}

/// Mean and biased variance of a channel, in f64.
fn moments(input: &[f32], channels: usize, channel: usize) -> (f64, f64) {
    let of_channel = |at: usize| f64::from(input[at * channels + channel]);
    let count = input.len() / channels;
    let mean = (0..count).map(of_channel).sum::<f64>() / count as f64;
    let variance = (0..count).map(|at| (of_channel(at) - mean).powi(2)).sum::<f64>() / count as f64;
    (mean, variance)
}

#[test]
fn batch_norm_is_pytorchs() {
    let shape = [4, 5, 2, 3];
    let mut layer = BatchNormConfig::new(3).init(&Device::default());
    layer.update(&mut |name, _| (!is_statistic(name)).then(|| tensor(&numbers(name, 3), [3])));
    let [weight, bias] = [&layer.weight, &layer.bias].map(|p| host(&p.as_ref().unwrap().val()));
    let (mut running_mean, mut running_var) = ([0.0; 3], [1.0; 3]);
    let expected = |input: &[f32], statistics: &[(f64, f64)]| -> Vec<f64> {
        let normalised = input.iter().enumerate().map(|(at, value)| {
            let channel = at % 3;
            let (mean, variance) = statistics[channel];
            (f64::from(*value) - mean) / (variance + 1e-5).sqrt() * weight[channel] + bias[channel]
        });
        normalised.collect()
    };
    for batch in ["first", "second"] {
        let input = numbers(batch, shape.iter().product());
        let statistics: Vec<_> = (0..3).map(|channel| moments(&input, 3, channel)).collect();
        let output = layer.forward(tensor(&input, shape), &Mode::train());
        assert_close(&host(&output), &expected(&input, &statistics), 1e-5);
        for (channel, (mean, variance)) in statistics.into_iter().enumerate() {
            running_mean[channel] = 0.9 * running_mean[channel] + 0.1 * mean;
            // torch.nn.BatchNorm2d: the unbiased variance is what runs.
            running_var[channel] = 0.9 * running_var[channel] + 0.1 * variance * 40.0 / 39.0;
        }
        assert_close(&host(&layer.running_mean.value()), &running_mean, 1e-5);
        assert_close(&host(&layer.running_var.value()), &running_var, 1e-5);
    }
    let input = numbers("third", shape.iter().product());
    let statistics: Vec<_> = running_mean.into_iter().zip(running_var).collect();
    let output = layer.forward(tensor(&input, shape), &Mode::Evaluate);
    assert_close(&host(&output), &expected(&input, &statistics), 1e-5);
    assert_close(&host(&layer.running_var.value()), &running_var, 1e-5);
}

#[test]
fn batch_norm_takes_rows_of_features_and_a_single_one() {
    let layer = BatchNormConfig::new(3).init(&Device::default());
    let rows = layer.forward(tensor(&numbers("rows", 12), [4, 3]), &Mode::train());
    assert!(host(&rows.mean_dim(0)).iter().all(|mean| mean.abs() < 1e-6));
    let before = host(&layer.running_var.value());
    let one = layer.forward(tensor(&[1.0, 2.0, 3.0], [1, 3]), &Mode::train());
    assert_eq!(host(&one), [0.0; 3]);
    let decayed: Vec<f64> = before.iter().map(|variance| 0.9 * variance).collect();
    assert_close(&host(&layer.running_var.value()), &decayed, 1e-6);
}

#[test]
fn names_and_shapes_are_those_of_the_members() {
    let parameters = Network::new(&Device::default()).parameters();
    let found: Vec<(&str, &[usize])> =
        parameters.iter().map(|p| (p.name.as_str(), p.shape.as_slice())).collect();
    let norm = ["weight", "bias", "running_mean", "running_var"];
    let under = |path: &str| norm.map(|name| (format!("{path}.{name}"), vec![4])).to_vec();
    let mut expected = vec![("stem.weight".to_owned(), vec![4, 3, 3, 3])];
    expected.extend([under("norms.0"), under("norms.1")].concat());
    expected.push(("shortcut.0.weight".into(), vec![4, 3, 1, 1]));
    expected.extend(under("shortcut.1"));
    expected.extend([("head.weight".into(), vec![2, 4]), ("head.bias".into(), vec![2])]);
    let expected: Vec<(&str, &[usize])> =
        expected.iter().map(|(name, shape)| (name.as_str(), shape.as_slice())).collect();
    assert_eq!(found, expected);
    assert!(is_adapted(&[4, 3, 1, 1]) && is_adapted(&[2, 4]) && !is_adapted(&[4]));
}

#[test]
fn variants_of_an_enum_are_no_part_of_a_name() {
    #[derive(Module, Debug)]
    #[allow(clippy::large_enum_variant, reason = "what is tested is an enum of layers as they are")]
    enum Layer {
        Full(Linear),
        Norm(BatchNorm),
    }
    #[derive(Module, Debug)]
    struct Layers {
        layers: Vec<Layer>,
    }
    let device = Device::default();
    let full = LinearConfig::new(2, 2).init(&Random::new(1), &device);
    let mut layers =
        Layers { layers: vec![Layer::Full(full), Layer::Norm(BatchNormConfig::new(2).init(&device))] };
    let names: Vec<String> = layers.parameters().into_iter().map(|p| p.name).collect();
    assert_eq!(names[..3], ["layers.0.weight", "layers.0.bias", "layers.1.weight"]);
    layers.update(&mut |name, value| (name == "layers.1.bias").then(|| value + 3.0));
    assert_eq!(values_of(&layers)[3], ("layers.1.bias".into(), vec![3.0, 3.0]));
}

#[test]
fn updates_reach_exactly_what_they_name_and_stay_trainable() {
    let mut network = Network::new(&Device::default().autodiff());
    let before = values_of(&network);
    network.update(&mut |name, value| match name {
        "head.weight" | "norms.1.running_mean" => Some(value * 2.0 + 1.0),
        _ => None,
    });
    for ((name, before), (_, after)) in before.into_iter().zip(values_of(&network)) {
        if matches!(name.as_str(), "head.weight" | "norms.1.running_mean") {
            assert_close(&after, &before.iter().map(|value| 2.0 * value + 1.0).collect::<Vec<_>>(), 1e-6);
        } else {
            assert_eq!(after, before, "{name}");
        }
    }
    assert_eq!(network.head.weight.dims(), [2, 4]);

    let images = tensor(&numbers("images", 2 * 3 * 16), [2, 4, 4, 3]);
    let loss = network.forward(Tensor::from_inner(images), &Mode::train()).square().sum();
    let mut all = loss.backward();
    let gradients = network.gradients(&mut all);
    let trained = network.parameters().into_iter().filter(|p| !is_statistic(&p.name));
    for ((name, gradient), parameter) in gradients.iter().zip(trained.clone()) {
        assert_eq!((name, gradient.dims()[0]), (&parameter.name, parameter.shape.iter().product()));
        assert!(!gradient.is_autodiff());
    }
    assert_eq!(gradients.len(), trained.count());
    assert!(network.gradients(&mut all).is_empty(), "they were taken out");
}

#[test]
fn a_gradient_is_that_of_its_parameter() {
    let network = Network::new(&Device::default().autodiff());
    let images = tensor(&numbers("images", 2 * 3 * 16), [2, 4, 4, 3]);
    let loss = |network: &Network| {
        network.forward(Tensor::from_inner(images.clone()), &Mode::train()).square().sum()
    };
    let gradients = network.gradients(&mut loss(&network).backward());
    for (name, gradient) in gradients {
        let moved = |step: f32| {
            let mut moved = network.clone();
            moved.update(&mut |other, value| {
                let mut first = vec![0.0; value.dims()[0]];
                first[0] = step;
                (other == name).then(|| value.clone() + tensor(&first, value.dims()))
            });
            host(&loss(&moved))[0]
        };
        let slope = (moved(1e-2) - moved(-1e-2)) / 2e-2;
        let found = host(&gradient)[0];
        assert!((found - slope).abs() < 1e-2 * (1.0 + slope.abs()), "{name}: {found} is not {slope}");
    }
}

#[test]
fn the_address_alone_decides_the_weights() {
    let device = Device::default();
    let random = Random::new(9);
    let first = LinearConfig::new(6, 4).init(&random.named("a"), &device);
    let mut used = random.clone();
    used.bits();
    let again = LinearConfig::new(6, 4).init(&used.named("a"), &device);
    let other = LinearConfig::new(6, 4).init(&random.named("b"), &device);
    assert_eq!(values_of(&first), values_of(&again));
    assert_ne!(values_of(&first), values_of(&other));
    assert_eq!(values_of(&Network::new(&device)), values_of(&Network::new(&device.clone().autodiff())));
    let bias = values_of(&first)[1].1.clone();
    assert_ne!(bias[..], values_of(&first)[0].1[..4], "weight and bias are drawn apart");
}

#[test]
fn initial_weights_have_pytorchs_distributions() {
    let device = Device::default();
    let linear = LinearConfig::new(64, 200).init(&Random::new(3), &device);
    for (name, values) in values_of(&linear) {
        let largest = values.iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
        assert!(largest <= 0.125 && largest > 0.115, "{name}: 1/√64 bounds it, found {largest}");
    }
    let convolution = Conv2dConfig::new(32, 64, 3).init(&Random::new(3), &device);
    let weights = host(&convolution.weight.val());
    let deviation = (weights.iter().map(|w| w * w).sum::<f64>() / weights.len() as f64).sqrt();
    // kaiming_normal_, fan_out.
    assert!((deviation / (2.0f64 / (64.0 * 9.0)).sqrt() - 1.0).abs() < 0.02, "{deviation}");
}

#[test]
fn copies_of_a_module_go_their_own_way() {
    let original = Network::new(&Device::default().autodiff());
    let before = values_of(&original);
    let (mut clone, frozen) = (original.clone(), original.valid());
    let images = tensor(&numbers("images", 2 * 3 * 16), [2, 4, 4, 3]);
    clone.forward(Tensor::from_inner(images.clone()), &Mode::train());
    frozen.forward(images, &Mode::train());
    clone.update(&mut |_, value| Some(value + 1.0));
    assert_eq!(values_of(&original), before);
    assert_ne!(values_of(&frozen), before, "a frozen copy in training mode has statistics of its own");
}

#[test]
fn statistics_never_require_gradients() {
    let network = Network::new(&Device::default().autodiff()).valid().train().unfreeze();
    assert!(network.head.weight.is_require_grad());
    let value = network.norms[0].running_mean.value();
    assert!(value.is_autodiff() && !value.is_require_grad());
    assert!(format!("{}", network.norms[0]).contains("Statistic"));
    assert_eq!(network.devices().len(), 1);
}

/// The golden's regions read out of its features as torchvision has it: output and, for a gradient of the output, that of the features.
#[test]
fn regions_are_read_as_the_golden_says() {
    let golden = Golden::read("roi_align");
    let (boxes, _) = golden.values("boxes");
    let regions: Vec<Region> = boxes
        .chunks(5)
        .map(|b| Region {
            image: b[0] as usize,
            left: b[1] as f32,
            top: b[2] as f32,
            right: b[3] as f32,
            bottom: b[4] as f32,
        })
        .collect();
    let features = golden.tensor::<4>("features").autodiff().require_grad();
    let read = |output, sampling, aligned| {
        let how = RoiAlign { output, scale: 1.0 / 32.0, sampling, aligned };
        roi_align(features.clone().permute([0, 2, 3, 1]), &regions, how).permute([0, 3, 1, 2])
    };
    assert_close(&host(&read(3, 0, true)), &golden.values("out_3x3_adaptive_aligned").0, 1e-5);
    let output = read(1, 2, false);
    assert_close(&host(&output), &golden.values("out_1x1_ratio2").0, 1e-5);
    let gradients = (output * golden.tensor::<4>("out_grad")).sum().backward();
    assert_close(&host(&features.grad(&gradients).unwrap()), &golden.values("grad_features").0, 1e-5);
}
