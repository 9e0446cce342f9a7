#![allow(clippy::unwrap_used)]

use burn::tensor::{Device, Tensor, TensorData};
use safetensors::SafeTensors;
use selfsame_core::Random;
use selfsame_core::nn::{Mode, Parameters};

use super::*;
use crate::model::Classifier;

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

fn golden_classifier(depth: Depth) -> Classifier {
    let device = Device::default();
    let config = ResNetConfig::new(depth);
    let mut network = Classifier::init(&config, 1000, &Random::new(0), &device).unwrap();
    let numbers: Vec<_> = network.parameters().into_iter().map(|p| (p.name, p.shape)).collect();
    network.update(&mut |name, old| {
        let number = numbers.iter().position(|(known, _)| known == name).unwrap();
        let shape = &numbers[number].1;
        let values: Vec<f32> = (0..old.dims()[0]).map(|e| golden_value(name, shape, number, e)).collect();
        let length = values.len();
        Some(Tensor::from_data(TensorData::new(values, [length]), &device))
    });
    network
}

fn golden_images(shape: [usize; 4]) -> Tensor<4> {
    let pixels: Vec<f32> = (0..shape.iter().product()).map(|k| (0.37 * k as f64).sin() as f32).collect();
    Tensor::from_data(TensorData::new(pixels, shape), &Device::default())
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

fn check_golden(file: &[u8], depth: Depth, images: [usize; 4], tensors: usize) {
    let file = SafeTensors::deserialize(file).unwrap();
    let bytes = file.tensor("output").unwrap().data().to_vec();
    let expected: Vec<f32> = bytes.as_chunks().0.iter().map(|&b| f32::from_le_bytes(b)).collect();
    let network = golden_classifier(depth);
    assert_eq!(network.parameters().len(), tensors);

    let output = values(network.forward(golden_images(images), &Mode::Evaluate));
    let scale = expected.iter().fold(0f32, |scale, value| scale.max(value.abs()));
    assert_eq!(output.len(), expected.len());
    for (found, expected) in output.iter().zip(&expected) {
        assert!(
            (found - expected).abs() <= 1e-3 * expected.abs().max(0.01 * scale),
            "{found} is not {expected}"
        );
    }
}

#[test]
fn resnet18_computes_what_torchvision_computes() {
    check_golden(
        include_bytes!("../../../tests/golden/backbone_resnet18.safetensors"),
        Depth::ResNet18,
        [2, 3, 64, 64],
        102,
    );
}

#[test]
fn resnet50_computes_what_torchvision_computes() {
    check_golden(
        include_bytes!("../../../tests/golden/backbone_resnet50.safetensors"),
        Depth::ResNet50,
        [1, 3, 64, 64],
        267,
    );
}

fn small(depth: Depth, stem: Stem) -> ResNetConfig {
    ResNetConfig { depth, width: 1.0 / 16.0, stem }
}

#[test]
fn names_are_torchvisions() {
    let device = Device::default();
    let names = |depth| -> Vec<String> {
        let network = small(depth, Stem::ImageNet).init(&Random::new(0), &device).unwrap();
        network.parameters().into_iter().map(|p| p.name).collect()
    };
    let resnet18 = names(Depth::ResNet18);
    let start = ["conv1.weight", "bn1.weight", "bn1.bias", "bn1.running_mean", "bn1.running_var"];
    assert_eq!(resnet18[..5], start);
    assert_eq!(resnet18[5], "layer1.0.conv1.weight");
    for name in ["layer2.0.downsample.0.weight", "layer2.0.downsample.1.running_var", "layer4.1.bn2.bias"] {
        assert!(resnet18.iter().any(|known| known == name), "{name}");
    }
    assert!(!resnet18.iter().any(|name| name.starts_with("layer1.0.downsample")));
    assert!(names(Depth::ResNet50).contains(&"layer1.0.downsample.0.weight".into()));
    // torchvision's state dictionaries without num_batches_tracked and fc.
    assert_eq!(Depth::ALL.map(|depth| names(depth).len()), [100, 180, 265, 520]);
}

#[test]
fn the_representation_is_the_mean_of_the_map() {
    let network = small(Depth::ResNet18, Stem::Cifar).init(&Random::new(1), &Device::default()).unwrap();
    let images = golden_images([2, 3, 20, 16]);
    let map = network.forward_map(images.clone(), &Mode::Evaluate);
    assert_eq!(map.dims(), [2, 32, 3, 2]);
    let map = values(map);
    let pooled = values(network.forward(images, &Mode::Evaluate));
    assert_eq!(pooled.len(), 2 * network.features());
    for (cell, mean) in map.chunks(6).zip(&pooled) {
        assert!((cell.iter().sum::<f32>() / 6.0 - mean).abs() < 1e-5);
    }
}

#[test]
fn gradients_reach_every_parameter_and_statistics_move() {
    let device = Device::default().autodiff();
    let network = small(Depth::ResNet50, Stem::ImageNet).init(&Random::new(2), &device).unwrap();
    let images = Tensor::from_inner(golden_images([4, 3, 64, 64]));
    let loss = network.forward(images, &Mode::train()).powf_scalar(2.0).sum();
    let mut gradients = loss.backward();
    let gradients = network.gradients(&mut gradients);
    let is_statistic = |name: &str| name.contains("running_");
    let trained = network.parameters().iter().filter(|p| !is_statistic(&p.name)).count();
    assert_eq!(gradients.len(), trained);
    for (name, gradient) in gradients {
        let largest = values(gradient).iter().fold(0f32, |largest, value| largest.max(value.abs()));
        assert!(largest.is_finite() && largest > 0.0, "{name} has gradient {largest}");
    }
    for parameter in network.parameters() {
        if parameter.name.ends_with("running_mean") {
            assert!(
                values(parameter.value).iter().any(|&mean| mean != 0.0),
                "{} did not move",
                parameter.name
            );
        }
    }
}

#[test]
fn the_address_decides_the_weights() {
    let weights = |seed| {
        let network =
            small(Depth::ResNet18, Stem::Cifar).init(&Random::new(seed), &Device::default()).unwrap();
        network.parameters().into_iter().flat_map(|p| values(p.value)).collect::<Vec<_>>()
    };
    assert_eq!(weights(3), weights(3));
    assert_ne!(weights(3), weights(4));
}

#[test]
fn widths_are_rounded_and_checked() {
    let features = |depth, width| ResNetConfig { depth, width, stem: Stem::Cifar }.features();
    assert_eq!(features(Depth::ResNet18, 1.0), 512);
    assert_eq!(features(Depth::ResNet18, 0.25), 128);
    assert_eq!(features(Depth::ResNet50, 1.0), 2048);
    assert_eq!(features(Depth::ResNet50, 2.0), 4096);
    assert_eq!(features(Depth::ResNet18, 0.3), 8 * 19);
    for width in [0.0, -1.0, f64::NAN, f64::INFINITY, 1000.0] {
        let config = ResNetConfig { depth: Depth::ResNet18, width, stem: Stem::Cifar };
        assert_eq!(config.init(&Random::new(0), &Device::default()).unwrap_err().exit_code(), 2);
    }
}

#[test]
fn small_images_are_refused_with_a_remedy() {
    let config = ResNetConfig::new(Depth::ResNet18);
    assert!(config.check_image_size(32, 224).is_ok());
    let message = config.check_image_size(28, 40).unwrap_err().to_string();
    assert!(message.contains("40×28") && message.contains("`cifar` stem"), "{message}");
    let cifar = ResNetConfig { stem: Stem::Cifar, ..config };
    assert!(cifar.check_image_size(28, 28).is_ok());
    assert_eq!(cifar.check_image_size(7, 8).unwrap_err().exit_code(), 2);
}

#[test]
fn backbones_and_stems_have_names() {
    assert_eq!(Depth::by_name("resnet50").unwrap(), Depth::ResNet50);
    assert_eq!(Depth::by_name("ResNet-18").unwrap(), Depth::ResNet18);
    let message = Depth::by_name("resnet19").unwrap_err().to_string();
    assert!(message.contains("did you mean `resnet18`"), "{message}");
    assert!(Depth::by_name("vit").unwrap_err().to_string().contains("resnet101"));
    assert_eq!(Stem::by_name("cifar").unwrap(), Stem::Cifar);
    assert!(Stem::by_name("imagnet").unwrap_err().to_string().contains("did you mean `imagenet`"));
}
