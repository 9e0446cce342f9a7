//! Noisy linear layers.

use burn::module::{Module, Param};
use selfsame_core::Random;
use selfsame_core::nn::{Linear, LinearConfig};
use selfsame_core::tensor::{Device, Tensor};
use selfsame_kernels::{linear, noisy_weight};

/// A linear layer whose weights are noisy by as much as is learned (Fortunato et al. 2018, arXiv 1706.10295), with factorised noise:
/// `y = (μ_w + σ_w ⊙ ε_out ε_inᵀ) x + μ_b + σ_b ⊙ ε_out` (eq. 9 to 11, `ε = sgn(z) √|z|` of normal z).
#[derive(Module, Debug)]
pub struct NoisyLinear {
    /// μ.
    pub mean: Linear,
    /// σ, shaped as μ.
    pub deviation: Linear,
}

impl NoisyLinear {
    /// μ uniform in ±1/√input; σ is `noise / √input` for weights and `noise / √output` for biases (section 3.2, where `noise` σ₀ is 0.5).
    pub fn new([input, output]: [usize; 2], noise: f64, random: &Random, device: &Device) -> Self {
        let config = LinearConfig::new(input, output);
        let filled = |over: usize| noise / (over.max(1) as f64).sqrt();
        Self {
            mean: config.init(random, device),
            deviation: Linear {
                weight: Param::from_tensor(Tensor::full([output, input], filled(input), device)),
                bias: Some(Param::from_tensor(Tensor::full([output], filled(output), device))),
            },
        }
    }

    /// `[batch, input]` to `[batch, output]`, with the noise of this address; without noise where there is none.
    pub fn forward(&self, input: Tensor<2>, noise: Option<&Random>) -> Tensor<2> {
        let Some(noise) = noise else { return self.mean.forward(input) };
        let [outputs, inputs] = self.mean.weight.dims();
        let device = input.device();
        let of_input = factor(inputs, noise.named("input"), &device);
        let of_output = factor(outputs, noise.named("output"), &device);
        let bias = match (&self.mean.bias, &self.deviation.bias) {
            (Some(mean), Some(deviation)) => Some(mean.val() + deviation.val() * of_output.clone()),
            _ => None,
        };
        let weight = noisy_weight(self.mean.weight.val(), self.deviation.weight.val(), of_output, of_input);
        linear(input, weight, bias)
    }
}

/// ε, `[length]`.
fn factor(length: usize, mut random: Random, device: &Device) -> Tensor<1> {
    let values: Vec<f32> = (0..length)
        .map(|_| {
            let normal = random.normal();
            normal.signum() * normal.abs().sqrt()
        })
        .collect();
    Tensor::from_floats(values.as_slice(), device)
}
