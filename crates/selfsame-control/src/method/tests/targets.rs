//! Rainbow's target, without any network: against what a hand computes.

use selfsame_core::loss::Support;

use super::*;

#[test]
fn the_double_target_is_what_a_hand_computes() {
    let device = Device::default();
    // Three atoms: -1, 0 and 1. Logits of 0 and -99 make distributions of whole numbers.
    let support = Support { low: -1.0, high: 1.0, atoms: 3 };
    let [no, yes] = [-99.0f32, 0.0];
    // State 0: the online network prefers action 1 (surely 1), state 1: action 0 (surely 0, the other surely -1).
    let online =
        Tensor::<3>::from_floats([[[no, yes, no], [no, no, yes]], [[no, yes, no], [yes, no, no]]], &device);
    // The target network has another opinion: it would prefer the other action, but is only asked what it makes of the online network's.
    let target =
        Tensor::<3>::from_floats([[[no, no, yes], [yes, yes, no]], [[yes, no, no], [no, no, yes]]], &device);
    let returns = Tensor::from_floats([0.25, 0.5], &device);
    let discounts = Tensor::from_floats([0.5, 0.0], &device);
    let found = double_target(returns, discounts, [online, target], support).unwrap();
    // State 0: half at 0.25 + 0.5 · (−1) = −0.25 and half at 0.25: a quarter of the first half goes to −1, of the second to 1.
    // State 1: all at 0.5, which lies halfway between 0 and 1.
    let expected = [0.125, 0.75, 0.125, 0.0, 0.5, 0.5];
    for (found, expected) in host::values(found).unwrap().iter().zip(expected) {
        assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
    }
}
