#![allow(clippy::unwrap_used)]

use burn::tensor::{Device, Tensor, TensorData};
use safetensors::SafeTensors;
use selfsame_core::Random;
use selfsame_core::nn::{Mode, Parameters, is_statistic};

use super::*;

/// Element `e` of parameter `number`, as the golden files define it.
fn golden_value(name: &str, shape: &[usize], number: usize, element: usize) -> f32 {
    let (i, e) = (number as f64, element as f64);
    let wave = (0.7 * e + i).sin();
    let value = if name.ends_with("running_var") {
        1.0 + 0.5 * wave * wave
    } else if shape.len() > 1 {
        let fan_in: usize = shape[1..].iter().product();
        (0.7 * e * (1.0 + 0.01 * i) + i).sin() * (2.0 / fan_in as f64).sqrt()
    } else if name.ends_with(".weight") {
        1.0 + 0.1 * wave
    } else {
        0.1 * wave
    };
    value as f32
}

fn clips(shape: [usize; 5]) -> Tensor<5> {
    let pixels: Vec<f32> = (0..shape.iter().product()).map(|k| (0.37 * k as f64).sin() as f32).collect();
    Tensor::from_data(TensorData::new(pixels, shape), &Device::default())
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

fn numbers<const BYTES: usize, T>(
    file: &SafeTensors<'_>,
    name: &str,
    number: impl Fn([u8; BYTES]) -> T,
) -> Vec<T> {
    file.tensor(name).unwrap().data().as_chunks().0.iter().map(|&bytes| number(bytes)).collect()
}

/// Against torchvision's network with the same weights and the same clip.
fn check_golden(file: &[u8], architecture: Architecture, tensors: usize) {
    let file = SafeTensors::deserialize(file).unwrap();
    let shape = numbers(&file, "input_shape", i64::from_le_bytes);
    let expected = numbers(&file, "output", f32::from_le_bytes);
    let device = Device::default();
    let config = BackboneConfig::new(architecture);
    let mut network = Classifier::init(&config, 400, &Random::new(0), &device).unwrap();
    let parameters: Vec<_> = network.parameters().into_iter().map(|p| (p.name, p.shape)).collect();
    assert_eq!(parameters.len(), tensors);
    network.update(&mut |name, old| {
        let number = parameters.iter().position(|(known, _)| known == name).unwrap();
        let shape = &parameters[number].1;
        let values: Vec<f32> = (0..old.dims()[0]).map(|e| golden_value(name, shape, number, e)).collect();
        let length = values.len();
        Some(Tensor::from_data(TensorData::new(values, [length]), &device))
    });

    let shape = std::array::from_fn(|axis| shape[axis] as usize);
    let output = values(network.forward(clips(shape), &Mode::Evaluate));
    let scale = expected.iter().fold(0f32, |scale, value| scale.max(value.abs()));
    assert_eq!(output.len(), expected.len());
    for (found, expected) in output.iter().zip(&expected) {
        let tolerance = 1e-3 * expected.abs().max(0.01 * scale);
        assert!((found - expected).abs() <= tolerance, "{found} is not {expected}");
    }
}

#[test]
fn r3d_18_computes_what_torchvision_computes() {
    let file = include_bytes!("../../tests/golden/backbone_r3d_18.safetensors");
    check_golden(file, Architecture::R3d18, 102);
}

#[test]
fn r2plus1d_18_computes_what_torchvision_computes() {
    let file = include_bytes!("../../tests/golden/backbone_r2plus1d_18.safetensors");
    check_golden(file, Architecture::R2Plus1d18, 187);
}

#[test]
fn s3d_computes_what_torchvision_computes() {
    let file = include_bytes!("../../tests/golden/backbone_s3d.safetensors");
    check_golden(file, Architecture::S3d, 387);
}

fn small(architecture: Architecture) -> BackboneConfig {
    BackboneConfig { architecture, width: 1.0 / 16.0 }
}

fn build(architecture: Architecture, seed: u64) -> Backbone {
    small(architecture).init(&Random::new(seed), &Device::default()).unwrap()
}

#[test]
fn names_are_torchvisions() {
    let names = |architecture| -> Vec<String> {
        build(architecture, 0).parameters().into_iter().map(|p| p.name).collect()
    };
    let r3d = names(Architecture::R3d18);
    assert_eq!(r3d[..3], ["stem.0.weight", "stem.1.weight", "stem.1.bias"]);
    assert_eq!(r3d[5..7], ["layer1.0.conv1.0.weight", "layer1.0.conv1.1.weight"]);
    assert_eq!(r3d.last().unwrap(), "layer4.1.conv2.1.running_var");
    assert!(r3d.contains(&"layer2.0.downsample.0.weight".into()));
    let factored = names(Architecture::R2Plus1d18);
    for name in
        ["stem.3.weight", "stem.4.bias", "layer1.0.conv1.0.1.running_mean", "layer4.1.conv2.0.3.weight"]
    {
        assert!(factored.contains(&name.into()), "{name}");
    }
    let s3d = names(Architecture::S3d);
    assert_eq!(s3d[0], "features.0.0.0.weight");
    assert_eq!(s3d.last().unwrap(), "features.15.branch3.1.1.running_var");
    for name in ["features.2.0.weight", "features.5.branch0.0.weight", "features.14.branch2.1.1.1.bias"] {
        assert!(s3d.contains(&name.into()), "{name}");
    }
    assert!(names(Architecture::R2Plus1d26).contains(&"layer3.1.conv2.0.3.weight".into()));
    assert_eq!(names(Architecture::R3d26)[1], "stem.1.weight");
}

#[test]
fn the_maps_have_the_sizes_of_the_papers() {
    let [frames, side] = [16, 112];
    for (architecture, third, fourth) in [
        (Architecture::R3d18, [4, 14, 14, 16], [2, 7, 7, 32]),
        (Architecture::R2Plus1d18, [4, 14, 14, 16], [2, 7, 7, 32]),
        (Architecture::S3d, [4, 7, 7, 52], [2, 3, 3, 64]),
        (Architecture::C3d, [4, 14, 14, 32], [2, 7, 7, 32]),
        (Architecture::R3d26, [4, 7, 7, 64], [2, 4, 4, 128]),
        (Architecture::R2Plus1d26, [4, 7, 7, 64], [2, 4, 4, 128]),
    ] {
        let network = build(architecture, 1);
        let clips = clips([1, 3, frames, side, side]);
        let maps = network.forward_stages(clips, &Mode::Evaluate);
        for (map, expected) in maps.iter().zip([third, fourth]) {
            assert_eq!(map.dims()[1..], expected, "{architecture:?}");
        }
        assert_eq!(fourth[3], small(architecture).features());
    }
}

#[test]
fn the_representation_is_the_mean_of_the_map_and_the_smallest_clips_have_one() {
    for architecture in Architecture::ALL {
        let network = build(architecture, 1);
        let [frames, side] = architecture.smallest();
        for shape in [[2, 3, frames, side, side], [1, 3, 9, 43, 37]] {
            let map = network.forward_map(clips(shape), &Mode::Evaluate);
            let [batch, features, frames, height, width] = map.dims();
            assert_eq!([batch, features], [shape[0], small(architecture).features()]);
            let pooled = values(network.forward(clips(shape), &Mode::Evaluate));
            let cells = frames * height * width;
            for (cell, mean) in values(map).chunks(cells).zip(&pooled) {
                assert!((cell.iter().sum::<f32>() / cells as f32 - mean).abs() < 1e-5);
            }
        }
    }
}

#[test]
fn gradients_reach_every_parameter_and_statistics_move() {
    let device = Device::default().autodiff();
    for architecture in Architecture::ALL {
        let mut network = small(architecture).init(&Random::new(2), &device).unwrap();
        // Residual branches that are 0 at first let no gradient through.
        network.update(&mut |name, old| name.ends_with(".1.weight").then(|| old.clone() + 0.1));
        let clips = Tensor::from_inner(clips([2, 3, 8, 48, 48]));
        let loss = network.forward(clips, &Mode::train()).square().sum();
        let gradients = network.gradients(&mut loss.backward());
        let trained = network.parameters().iter().filter(|p| !is_statistic(&p.name)).count();
        assert_eq!(gradients.len(), trained);
        for (name, gradient) in gradients {
            let largest = values(gradient).iter().fold(0f32, |largest, value| largest.max(value.abs()));
            assert!(largest.is_finite() && largest > 0.0, "{architecture:?}: {name} has gradient {largest}");
        }
        for parameter in network.parameters().into_iter().filter(|p| p.name.ends_with("running_mean")) {
            let moved = values(parameter.value).iter().any(|&mean| mean != 0.0);
            assert!(moved, "{architecture:?}: {} did not move", parameter.name);
        }
    }
}

#[test]
fn the_address_decides_the_weights() {
    for architecture in Architecture::ALL {
        let weights = |seed| -> Vec<f32> {
            build(architecture, seed).parameters().into_iter().flat_map(|p| values(p.value)).collect()
        };
        assert_eq!(weights(3), weights(3));
        assert_ne!(weights(3), weights(4));
    }
}

#[test]
fn networks_have_the_parameters_that_are_listed() {
    for architecture in Architecture::ALL {
        let network = BackboneConfig::new(architecture).init(&Random::new(0), &Device::default()).unwrap();
        let trained = network.parameters().into_iter().filter(|p| !is_statistic(&p.name));
        let count: usize = trained.map(|p| p.shape.iter().product::<usize>()).sum();
        assert_eq!(count, architecture.parameters(), "{architecture:?}");
    }
}

#[test]
fn widths_are_rounded_and_checked() {
    let features = |architecture, width| BackboneConfig { architecture, width }.features();
    assert_eq!(Architecture::ALL.map(|a| features(a, 1.0)), [512, 512, 1024, 512, 2048, 2048]);
    assert_eq!(Architecture::ALL.map(|a| features(a, 0.25)), [128, 128, 256, 128, 512, 512]);
    assert_eq!(features(Architecture::R3d18, 0.3), 8 * 19);
    assert_eq!(features(Architecture::C3d, 0.3), 8 * 19);
    for (architecture, width) in
        [(Architecture::R3d26, 0.0), (Architecture::S3d, f64::NAN), (Architecture::C3d, 65.0)]
    {
        let config = BackboneConfig { architecture, width };
        assert_eq!(config.init(&Random::new(0), &Device::default()).unwrap_err().exit_code(), 2);
    }
    // Even the narrowest has a channel everywhere.
    for architecture in Architecture::ALL {
        let config = BackboneConfig { architecture, width: 1.0 / 64.0 };
        let network = config.init(&Random::new(0), &Device::default()).unwrap();
        assert_eq!(network.forward(clips([1, 3, 8, 32, 32]), &Mode::Evaluate).dims(), [1, config.features()]);
    }
}

#[test]
fn small_clips_are_refused_with_a_remedy() {
    let config = BackboneConfig::new(Architecture::C3d);
    assert!(config.check_clip_size(8, 16, 40).is_ok());
    let message = config.check_clip_size(7, 112, 120).unwrap_err().to_string();
    assert!(message.contains("7 frames with 120×112") && message.contains("another backbone"), "{message}");
    assert_eq!(
        BackboneConfig::new(Architecture::S3d).check_clip_size(16, 31, 64).unwrap_err().exit_code(),
        2
    );
}

#[test]
fn architectures_have_names() {
    for architecture in Architecture::ALL {
        assert_eq!(Architecture::by_name(architecture.name()).unwrap(), architecture);
        let stored = serde_json::to_value(architecture).unwrap();
        assert_eq!(stored, architecture.name());
    }
    assert_eq!(Architecture::by_name("R(2+1)D-18").unwrap(), Architecture::R2Plus1d18);
    assert_eq!(Architecture::by_name("R3D-26").unwrap(), Architecture::R3d26);
    let message = Architecture::by_name("r3d_19").unwrap_err().to_string();
    assert!(message.contains("did you mean `r3d_18`"), "{message}");
    assert!(Architecture::by_name("vit").unwrap_err().to_string().contains("c3d"));
}
