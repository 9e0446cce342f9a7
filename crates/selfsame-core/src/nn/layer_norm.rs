//! Layer normalisation.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};

use super::parameter;

/// PyTorch's default.
const EPSILON: f64 = 1e-5;

/// Normalises every row to mean 0 and variance 1, then scales and shifts its features (Ba et al. 2016, arXiv 1607.06450, eq. 4).
#[derive(Module, Debug)]
pub struct LayerNorm {
    /// `[features]`.
    pub weight: Param<Tensor<1>>,
    /// `[features]`.
    pub bias: Param<Tensor<1>>,
}

impl LayerNorm {
    /// Scale 1, shift 0.
    pub fn new(features: usize, device: &Device) -> Self {
        let filled = |value| parameter(vec![value; features], [features], device);
        Self { weight: filled(1.0), bias: filled(0.0) }
    }

    /// `[rows, features]` to `[rows, features]`.
    pub fn forward(&self, input: Tensor<2>) -> Tensor<2> {
        let centred = input.clone() - input.mean_dim(1);
        let variance = centred.clone().square().mean_dim(1);
        let normalised = centred / (variance + EPSILON).sqrt();
        normalised * self.weight.val().unsqueeze() + self.bias.val().unsqueeze()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::golden::{assert_close, host};
    use crate::nn::Parameters;

    #[test]
    fn rows_are_normalised_each_for_itself_then_scaled_and_shifted() {
        let device = Device::default();
        let mut norm = LayerNorm::new(3, &device);
        norm.update(&mut |name, _| {
            let values = if name == "weight" { [2.0, 1.0, -1.0] } else { [0.0, 0.5, 1.0] };
            Some(Tensor::from_floats(values, &device))
        });
        let rows = [[1.0f64, 2.0, 6.0], [-3.0, 0.0, 3.0]];
        let mut expected = Vec::new();
        for row in rows {
            let mean = row.iter().sum::<f64>() / 3.0;
            let variance = row.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / 3.0;
            let unit = row.map(|value| (value - mean) / (variance + 1e-5).sqrt());
            expected.extend([2.0 * unit[0], unit[1] + 0.5, 1.0 - unit[2]]);
        }
        let input = Tensor::from_floats([[1.0, 2.0, 6.0], [-3.0, 0.0, 3.0]], &device);
        assert_close(&host(&norm.forward(input)), &expected, 1e-5);
    }
}
