//! What one optimiser step is taken on: gradients, summed over accumulated batches and over ranks and clipped as a
//! whole, and the means of what the batches said of themselves.

use std::collections::HashMap;

use burn::tensor::{Tensor, TensorData};

use crate::collective::Collective;
use crate::method::Objective;
use crate::nn::Parameters;
use crate::optimizer::clip_by_global_norm;
use crate::{Result, host};

/// Gradients in the module's order, which fixes the order of every sum over them. A parameter may have a gradient in
/// some of the accumulated batches only.
#[derive(Default)]
pub struct Gradients {
    sums: Vec<(String, Tensor<1>)>,
    loss: Option<Tensor<1>>,
    terms: Vec<(&'static str, Tensor<1>)>,
}

/// What a step is taken on.
pub struct Reduced {
    /// Gradients by parameter name.
    pub by_name: HashMap<String, Tensor<1>>,
    /// Norm of the whole gradient before clipping; none where nothing was clipped.
    pub norm: Option<f64>,
    /// Mean loss of the accumulated batches.
    pub loss: f64,
    /// The means of its named terms, still on the device: most steps are not recorded.
    pub terms: Vec<(&'static str, Tensor<1>)>,
}

impl Reduced {
    /// The terms, and the gradient's norm where it is known, off the device.
    ///
    /// # Errors
    /// When the device fails to hand them out.
    pub fn values(&self) -> Result<Vec<(&'static str, f64)>> {
        let term = |(name, term): &(&'static str, Tensor<1>)| Ok((*name, host::scalar(term.clone())?));
        let mut values: Vec<_> = self.terms.iter().map(term).collect::<Result<_>>()?;
        values.extend(self.norm.map(|norm| ("gradient_norm", norm)));
        Ok(values)
    }
}

impl Gradients {
    /// Runs the backward pass of `objective` and adds what it gives.
    pub fn add(&mut self, objective: &Objective, trained: &dyn Parameters) {
        if objective.loss.is_autodiff() {
            for (name, gradient) in trained.gradients(&mut objective.loss.backward()) {
                add(&mut self.sums, name, gradient);
            }
        }
        let loss = objective.loss.clone().without_autodiff();
        self.loss = Some(match self.loss.take() {
            None => loss,
            Some(sum) => sum + loss,
        });
        for (name, term) in &objective.terms {
            add(&mut self.terms, *name, term.clone().without_autodiff());
        }
    }

    /// Mean over `accumulated` batches, sum over ranks (see [`crate::collective`] for why a sum), clipped to norm `clip` unless 0.
    ///
    /// # Errors
    /// When other ranks cannot be reached.
    pub fn reduce(self, accumulated: usize, collective: &dyn Collective, clip: f64) -> Result<Reduced> {
        let share = 1.0 / accumulated as f64;
        let loss = self.loss.map_or(Ok(f64::NAN), host::scalar)? * share;
        let (names, mut gradients): (Vec<_>, Vec<_>) = self.sums.into_iter().unzip();
        if accumulated > 1 {
            gradients = gradients.into_iter().map(|gradient| gradient * share).collect();
        }
        if collective.size() > 1 {
            gradients = sum_over_ranks(gradients, collective)?;
        }
        let norm = (clip > 0.0).then(|| clip_by_global_norm(&mut gradients, clip)).transpose()?;
        let terms = self.terms.into_iter().map(|(name, sum)| (name, sum * share)).collect();
        Ok(Reduced { by_name: names.into_iter().zip(gradients).collect(), norm, loss, terms })
    }
}

/// Adds to the sum of this name.
fn add<N: PartialEq>(sums: &mut Vec<(N, Tensor<1>)>, name: N, value: Tensor<1>) {
    match sums.iter_mut().find(|(known, _)| *known == name) {
        Some((_, sum)) => *sum = sum.clone() + value,
        None => sums.push((name, value)),
    }
}

/// One message for all gradients.
fn sum_over_ranks(gradients: Vec<Tensor<1>>, collective: &dyn Collective) -> Result<Vec<Tensor<1>>> {
    let Some(device) = gradients.first().map(Tensor::device) else { return Ok(gradients) };
    let lengths: Vec<usize> = gradients.iter().map(|gradient| gradient.dims()[0]).collect();
    let mut values = host::values(Tensor::cat(gradients, 0))?;
    collective.sum(&mut values)?;
    let mut start = 0;
    let part = |length: usize| {
        let values = values[start..start + length].to_vec();
        start += length;
        Tensor::from_data(TensorData::new(values, [length]), &device)
    };
    Ok(lengths.into_iter().map(part).collect())
}
