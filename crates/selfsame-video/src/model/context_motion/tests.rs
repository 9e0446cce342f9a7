#![allow(clippy::unwrap_used)]

use selfsame_core::nn::{Parameters, is_statistic};

use super::*;

fn config(architecture: Architecture, frames: usize, side: usize) -> ContextMotionConfig {
    let transformer =
        TransformerConfig { features: 8, heads: 2, encoder_layers: 1, decoder_layers: 1, dropout: 0.1 };
    let backbone = BackboneConfig { architecture, width: 1.0 / 32.0 };
    ContextMotionConfig { frames, side, transformer, ..ContextMotionConfig::new(backbone) }
}

fn wave<const D: usize>(shape: [usize; D], device: &Device) -> Tensor<D> {
    let values = (0..shape.iter().product()).map(|at| (1.7 * at as f64).sin() as f32).collect::<Vec<_>>();
    Tensor::from_data(TensorData::new(values, shape), device)
}

fn host<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

#[test]
fn the_papers_sizes_give_the_papers_positions() {
    let device = Device::default();
    let [clip, motion] = [[2, 7, 7], [1, 7, 7]];
    for architecture in [Architecture::R2Plus1d26, Architecture::R3d18, Architecture::C3d] {
        let config = config(architecture, 16, 112);
        assert_eq!(config.clip_positions(), clip);
        assert_eq!(config.motion_positions(), motion);
        let networks = config.init(&Random::new(1), &device).unwrap();
        let map = networks.clip_map(wave([1, 3, 16, 112, 112], &device), &Mode::Evaluate);
        assert_eq!(map.dims(), [1, 2, 7, 7, config.backbone.features()]);
        assert_eq!(networks.predicted_motion(map, None).dims(), [1, 49, 8]);
        let motion = networks.motion(wave([3, 2, 8, 112, 112], &device), &Mode::Evaluate);
        assert_eq!(motion.dims(), [3, 49, config.motion_features()]);
        let context = networks.context(wave([2, 3, 112, 112], &device), &Mode::Evaluate);
        assert_eq!(context.dims(), [2, config.context_features()]);
    }
    let full = ContextMotionConfig::new(BackboneConfig::new(Architecture::R2Plus1d26));
    assert_eq!([full.backbone.features(), full.motion_features(), full.context_features()], [2048, 512, 512]);
}

#[test]
fn other_sizes_give_as_many_positions_as_are_told() {
    let device = Device::default();
    for architecture in Architecture::ALL {
        for (frames, motion_frames, side) in [(8, 8, 56), (16, 4, 41), (24, 9, 48)] {
            let config = ContextMotionConfig { motion_frames, ..config(architecture, frames, side) };
            let networks = config.init(&Random::new(1), &device).unwrap();
            let map = networks.clip_map(wave([1, 3, frames, side, side], &device), &Mode::Evaluate);
            assert_eq!(map.dims()[1..4], config.clip_positions(), "{architecture:?} {frames} {side}");
            let vectors = wave([1, 2, motion_frames, side, side], &device);
            let motion = networks.motion(vectors, &Mode::Evaluate);
            assert_eq!(motion.dims()[1], config.motion_positions().iter().product::<usize>());
            assert_eq!(networks.predicted_motion(map, None).dims()[1], motion.dims()[1]);
        }
    }
}

#[test]
fn the_map_is_the_sum_of_the_enlarged_last_and_the_paired_frames_of_the_one_before() {
    let device = Device::default();
    let networks = config(Architecture::R3d26, 16, 112).init(&Random::new(1), &device).unwrap();
    let clips = wave([2, 3, 16, 112, 112], &device);
    let [third, fourth] = networks.backbone.forward_stages(clips.clone(), &Mode::Evaluate);
    let channels = third.dims()[4];
    assert_eq!(third.dims(), [2, 4, 7, 7, channels]);
    assert_eq!(fourth.dims(), [2, 2, 4, 4, 2 * channels]);
    let [third, fourth] = [third, fourth].map(host);
    let found = host(networks.clip_map(clips, &Mode::Evaluate));
    for (at, found) in found.into_iter().enumerate() {
        let (channel, place) = (at % (2 * channels), at / (2 * channels));
        let (column, row, frame, clip) = (place % 7, place / 7 % 7, place / 49 % 2, place / 98);
        // As torch.nn.functional.interpolate does in its mode `nearest`.
        let nearest = |at: usize| (at as f32 * (4.0 / 7.0)).floor() as usize;
        let coarse = ((clip * 2 + frame) * 4 + nearest(row)) * 4 + nearest(column);
        let (neighbour, channel_there) = (channel / channels, channel % channels);
        let fine = ((clip * 4 + 2 * frame + neighbour) * 7 + row) * 7 + column;
        let expected = fourth[coarse * 2 * channels + channel] + third[fine * channels + channel_there];
        assert!((found - expected).abs() < 1e-5, "{found} is not {expected}");
    }
}

#[test]
fn gradients_reach_every_parameter() {
    let device = Device::default().autodiff();
    let mut networks = config(Architecture::R2Plus1d26, 8, 48).init(&Random::new(1), &device).unwrap();
    // Residual branches that are 0 at first let no gradient through.
    networks.update(&mut |name, old| name.ends_with(".1.weight").then(|| old.clone() + 0.1));
    let noise = Noise::new(&Random::new(4), 0);
    let map = networks.clip_map(wave([2, 3, 8, 48, 48], &device), &Mode::train());
    let predicted = networks.predicted_motion(map, Some(&noise));
    let motion = networks.motion(wave([2, 2, 8, 48, 48], &device), &Mode::train());
    let context = networks.context(wave([2, 3, 48, 48], &device), &Mode::train());
    let loss = (predicted * wave([2, 9, 8], &device)).sum() + motion.square().sum() + context.square().sum();
    let gradients = networks.gradients(&mut loss.backward());
    let trained = networks.parameters().iter().filter(|p| !is_statistic(&p.name)).count();
    assert_eq!(gradients.len(), trained);
    for (name, gradient) in gradients {
        let reached = host(gradient).iter().any(|&gradient| gradient != 0.0);
        // A shift of all keys changes no weight of attention, and as long as there are no biases, the decoder's first attention
        // among zeros yields zeros.
        let exempt = name.ends_with("key.bias")
            || name.contains("decoder.0.own.")
            || name.ends_with("decoder.0.norm1.gamma");
        assert!(reached || exempt, "{name} has no gradient");
    }
}

#[test]
fn what_cannot_be_built_is_refused() {
    let device = Device::default();
    let message = |config: ContextMotionConfig| {
        let error = config.init(&Random::new(0), &device).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        error.to_string()
    };
    assert!(message(config(Architecture::R3d26, 12, 112)).contains("multiple of 8"));
    assert!(message(config(Architecture::R3d26, 16, 16)).contains("too small"));
    assert!(
        message(ContextMotionConfig { motion_frames: 0, ..config(Architecture::C3d, 16, 112) })
            .contains("8 frames")
    );
}
