//! The three losses of soft actor-critic (Haarnoja et al. 2018, arXiv 1812.05905).

use burn::tensor::Tensor;

/// What the critics learn (eq. 3 and 6): `returns + discounts · (min(Q₁, Q₂) − α ln π)`, for an action of the policy in the next state. All are `[batch]`, α
/// `[1]`; `discounts` is γ, 0 where nothing follows. No gradient flows through it.
pub fn soft_target(
    returns: Tensor<1>,
    discounts: Tensor<1>,
    [first, second]: [Tensor<1>; 2],
    log_probability: Tensor<1>,
    temperature: Tensor<1>,
) -> Tensor<1> {
    let value = first.min_pair(second) - temperature * log_probability;
    (returns + discounts * value).without_autodiff()
}

/// E[(Q₁ − y)²] + E[(Q₂ − y)²] (eq. 5 for both critics, with weights of 1 instead of ½), `[1]`; all are `[batch]`.
pub fn critic_loss(values: [Tensor<1>; 2], target: Tensor<1>) -> Tensor<1> {
    let [first, second] = values.map(|value| (value - target.clone()).square().mean());
    first + second
}

/// E[α ln π − min(Q₁, Q₂)] (eq. 9), `[1]`: only the policy learns by it.
pub fn actor_loss(
    [first, second]: [Tensor<1>; 2],
    log_probability: Tensor<1>,
    temperature: Tensor<1>,
) -> Tensor<1> {
    (log_probability * temperature.without_autodiff() - first.min_pair(second)).mean()
}

/// E[−α (ln π + H)] (eq. 18), `[1]`, for α = exp of what is learned and the wanted entropy H: only the temperature learns by it.
pub fn temperature_loss(temperature: Tensor<1>, log_probability: Tensor<1>, entropy: f64) -> Tensor<1> {
    temperature * ((log_probability.without_autodiff() + entropy) * -1.0).mean()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::golden::{assert_close, host};

    const RETURNS: [f32; 3] = [1.0, -0.5, 2.0];
    const DISCOUNTS: [f32; 3] = [0.99, 0.0, 0.9];
    const FIRST: [f32; 3] = [0.3, 4.0, -1.0];
    const SECOND: [f32; 3] = [0.7, 1.0, -2.5];
    const LOG_PROBABILITY: [f32; 3] = [-1.2, 0.4, 2.0];
    const TEMPERATURE: f32 = 0.1;

    fn learned(values: &[f32]) -> Tensor<1> {
        Tensor::from_floats(values, &Device::default().autodiff()).require_grad()
    }

    fn constant(values: &[f32]) -> Tensor<1> {
        Tensor::from_floats(values, &Device::default())
    }

    #[test]
    fn the_target_is_the_soft_value_and_stops_at_an_end() {
        let values = [constant(&FIRST), constant(&SECOND)];
        let [returns, discounts] = [constant(&RETURNS), constant(&DISCOUNTS)];
        let log_probability = constant(&LOG_PROBABILITY);
        let target = soft_target(returns, discounts, values, log_probability, constant(&[TEMPERATURE]));
        let expected = [1.0 + 0.99 * (0.3 + 0.12), -0.5, 2.0 + 0.9 * (-2.5 - 0.2)];
        assert_close(&host(&target), &expected, 1e-6);
    }

    #[test]
    fn the_critics_are_squared_errors() {
        let [first, second] = [learned(&FIRST), learned(&SECOND)];
        let loss = critic_loss([first.clone(), second.clone()], constant(&RETURNS));
        let squares = |values: [f32; 3]| {
            let terms = values.iter().zip(RETURNS).map(|(v, y)| f64::from(v - y).powi(2));
            terms.sum::<f64>() / 3.0
        };
        assert_close(&host(&loss), &[squares(FIRST) + squares(SECOND)], 1e-6);
        let gradient = host(&second.grad(&loss.backward()).unwrap());
        let expected: Vec<f64> =
            SECOND.iter().zip(RETURNS).map(|(v, y)| 2.0 * f64::from(v - y) / 3.0).collect();
        assert_close(&gradient, &expected, 1e-6);
    }

    #[test]
    fn the_actor_weighs_entropy_against_the_lesser_value() {
        let [first, second, log_probability] = [learned(&FIRST), learned(&SECOND), learned(&LOG_PROBABILITY)];
        let temperature = learned(&[TEMPERATURE]);
        let values = [first.clone(), second.clone()];
        let loss = actor_loss(values, log_probability.clone(), temperature.clone());
        assert_close(&host(&loss), &[(-0.12 - 0.3 + 0.04 - 1.0 + 0.2 + 2.5) / 3.0], 1e-5);
        let gradients = loss.backward();
        let third = 1.0 / 3.0;
        assert_close(&host(&first.grad(&gradients).unwrap()), &[-third, 0.0, 0.0], 1e-6);
        assert_close(&host(&second.grad(&gradients).unwrap()), &[0.0, -third, -third], 1e-6);
        assert_close(&host(&log_probability.grad(&gradients).unwrap()), &[0.1 * third; 3], 1e-6);
        assert!(temperature.grad(&gradients).is_none());
    }

    #[test]
    fn the_temperature_rises_while_the_entropy_is_below_what_is_wanted() {
        let logarithm = learned(&[TEMPERATURE.ln()]);
        let log_probability = learned(&LOG_PROBABILITY);
        // The mean of −ln π is −0.4; wanted is −1: there is too much, so α is to fall, and its gradient is positive.
        let loss = temperature_loss(logarithm.clone().exp(), log_probability.clone(), -1.0);
        assert_close(&host(&loss), &[0.1 * 0.6], 1e-5);
        let gradients = loss.backward();
        assert_close(&host(&logarithm.grad(&gradients).unwrap()), &[0.06], 1e-5);
        assert!(log_probability.grad(&gradients).is_none());
    }
}
