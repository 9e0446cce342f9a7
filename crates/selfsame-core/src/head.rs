//! Projectors and predictors: what is trained on top of the backbone and thrown away afterwards.

use burn::module::Module;
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};

use crate::nn::{BatchNorm, BatchNormConfig, Epilogue, Linear, LinearConfig, Mode};
use crate::{Error, Random, Result};

/// Configuration of an [`Mlp`].
#[derive(Clone, Debug)]
pub struct MlpConfig {
    /// Features of the input.
    pub input: usize,
    /// Features of every hidden layer.
    pub hidden: Vec<usize>,
    /// Features of the output.
    pub output: usize,
    /// Whether hidden layers are Linear–BN–ReLU, as by default, or Linear–ReLU (MoCo v2).
    pub batch_norm: bool,
    /// Whether batch norm without weight and bias follows the last layer (SimSiam's projector); by default not.
    pub output_norm: bool,
    /// Whether the last layer has a bias; by default it does, unless batch norm follows.
    pub output_bias: bool,
}

impl MlpConfig {
    /// Linear–BN–ReLU for every number of `hidden` features, then a linear layer.
    pub fn new(input: usize, hidden: &[usize], output: usize) -> Self {
        let hidden = hidden.to_vec();
        Self { input, hidden, output, batch_norm: true, output_norm: false, output_bias: true }
    }

    /// Hidden layers are Linear–ReLU.
    pub fn without_batch_norm(mut self) -> Self {
        self.batch_norm = false;
        self
    }

    /// Batch norm without weight and bias follows the last layer.
    pub fn with_output_norm(mut self) -> Self {
        self.output_norm = true;
        self.output_bias = false;
        self
    }

    /// The last layer has no bias.
    pub fn without_output_bias(mut self) -> Self {
        self.output_bias = false;
        self
    }

    /// # Errors
    /// When a layer would have no features.
    pub fn init(&self, random: &Random, device: &Device) -> Result<Mlp> {
        let widths = [&[self.input], self.hidden.as_slice(), &[self.output]].concat();
        if widths.contains(&0) {
            return Err(Error::config(
                format!("a head's layers would have {widths:?} features"),
                "give the projector's and predictor's sizes in section [method] values of at least 1",
            ));
        }
        let last = self.hidden.len();
        let layer = |(at, pair): (usize, &[usize])| {
            let config = LinearConfig::new(pair[0], pair[1]);
            let bias = if at == last { self.output_bias } else { !self.batch_norm };
            let config = if bias { config } else { config.without_bias() };
            config.init(&random.named("layers").at(at as u64), device)
        };
        let norms = self.hidden.iter().filter(|_| self.batch_norm);
        Ok(Mlp {
            layers: widths.windows(2).enumerate().map(layer).collect(),
            norms: norms.map(|&width| BatchNormConfig::new(width).init(device)).collect(),
            output_norm: self
                .output_norm
                .then(|| BatchNormConfig::new(self.output).without_affine().init(device)),
        })
    }
}

/// A multi-layer perceptron: linear layers with ReLU between them.
#[derive(Module, Debug)]
pub struct Mlp {
    layers: Vec<Linear>,
    /// One for every hidden layer, or none.
    norms: Vec<BatchNorm>,
    output_norm: Option<BatchNorm>,
}

impl Mlp {
    /// `[rows, input]` to `[rows, output]`.
    pub fn forward(&self, input: Tensor<2>, mode: &Mode) -> Tensor<2> {
        let last = self.layers.len().saturating_sub(1);
        let mut x = input;
        for (at, layer) in self.layers.iter().enumerate() {
            x = layer.forward(x);
            if at < last {
                x = match self.norms.get(at) {
                    Some(norm) => norm.forward_then(x, Epilogue::relu(), mode),
                    None => relu(x),
                };
            }
        }
        match &self.output_norm {
            Some(norm) => norm.forward(x, mode),
            None => x,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::golden::{assert_close, host};
    use crate::nn::Parameters;

    type Rows = Vec<Vec<f64>>;

    fn input() -> Rows {
        let value = |at: usize| (0.7 * at as f64).sin() + 0.1 * at as f64;
        (0..6).map(|row| (0..3).map(|column| value(5 * row + column)).collect()).collect()
    }

    fn values(mlp: &Mlp) -> HashMap<String, (Vec<f64>, Vec<usize>)> {
        let parameters = mlp.parameters().into_iter();
        parameters.map(|p| (p.name.clone(), (host(&p.value), p.shape))).collect()
    }

    fn slow_linear(
        input: &Rows,
        weight: &(Vec<f64>, Vec<usize>),
        bias: Option<&(Vec<f64>, Vec<usize>)>,
    ) -> Rows {
        let product = |row: &Vec<f64>, output: usize| {
            let weights = &weight.0[output * row.len()..(output + 1) * row.len()];
            let sum: f64 = row.iter().zip(weights).map(|(x, w)| x * w).sum();
            sum + bias.map_or(0.0, |bias| bias.0[output])
        };
        input.iter().map(|row| (0..weight.1[0]).map(|output| product(row, output)).collect()).collect()
    }

    fn slow_norm(input: &Rows) -> Rows {
        let mut output = input.clone();
        for column in 0..input[0].len() {
            let mean = input.iter().map(|row| row[column]).sum::<f64>() / input.len() as f64;
            let variance =
                input.iter().map(|row| (row[column] - mean).powi(2)).sum::<f64>() / input.len() as f64;
            for row in &mut output {
                row[column] = (row[column] - mean) / (variance + 1e-5).sqrt();
            }
        }
        output
    }

    fn slow_relu(input: &Rows) -> Rows {
        input.iter().map(|row| row.iter().map(|value| value.max(0.0)).collect()).collect()
    }

    fn check(
        config: &MlpConfig,
        expected: &[&str],
        slow: impl Fn(&HashMap<String, (Vec<f64>, Vec<usize>)>) -> Rows,
    ) {
        let mlp = config.init(&Random::new(4), &Device::default()).unwrap();
        let names: Vec<_> =
            mlp.parameters().into_iter().map(|p| p.name).filter(|n| !n.contains("running")).collect();
        assert_eq!(names, expected);
        let data: Vec<f32> = input().concat().iter().map(|&value| value as f32).collect();
        let data = burn::tensor::TensorData::new(data, [6, 3]);
        let output = mlp.forward(Tensor::from_data(data, &Device::default()), &Mode::train());
        assert_close(&host(&output), &slow(&values(&mlp)).concat(), 1e-5);
    }

    #[test]
    fn the_projectors_of_the_papers_are_their_layers_one_after_the_other() {
        let [w0, b0, w1, b1] = ["layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias"];
        let [n0, c0] = ["norms.0.weight", "norms.0.bias"];
        check(&MlpConfig::new(3, &[], 2), &[w0, b0], |v| slow_linear(&input(), &v[w0], Some(&v[b0])));
        check(&MlpConfig::new(3, &[5], 2), &[w0, w1, b1, n0, c0], |v| {
            let hidden = slow_relu(&slow_norm(&slow_linear(&input(), &v[w0], None)));
            slow_linear(&hidden, &v[w1], Some(&v[b1]))
        });
        check(&MlpConfig::new(3, &[5], 2).without_batch_norm(), &[w0, b0, w1, b1], |v| {
            slow_linear(&slow_relu(&slow_linear(&input(), &v[w0], Some(&v[b0]))), &v[w1], Some(&v[b1]))
        });
        check(&MlpConfig::new(3, &[5], 2).without_output_bias(), &[w0, w1, n0, c0], |v| {
            slow_linear(&slow_relu(&slow_norm(&slow_linear(&input(), &v[w0], None))), &v[w1], None)
        });
        check(&MlpConfig::new(3, &[5], 4).with_output_norm(), &[w0, w1, n0, c0], |v| {
            let hidden = slow_relu(&slow_norm(&slow_linear(&input(), &v[w0], None)));
            slow_norm(&slow_linear(&hidden, &v[w1], None))
        });
    }

    #[test]
    fn layers_without_features_are_refused() {
        for config in [MlpConfig::new(0, &[2], 2), MlpConfig::new(3, &[0], 2), MlpConfig::new(3, &[2], 0)] {
            let error = config.init(&Random::new(1), &Device::default()).unwrap_err();
            assert_eq!(error.exit_code(), 2);
        }
    }
}
