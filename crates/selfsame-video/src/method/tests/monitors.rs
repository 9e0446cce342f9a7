//! What every method shows the monitors, by which a collapse is seen.

use selfsame_core::monitor::effective_rank;

use super::*;

#[test]
fn the_monitors_see_the_representations_of_a_batch_without_gradients() {
    for entry in METHODS {
        let mut method = build(entry.name, 0.0625, &[]).unwrap();
        let views = noise(&settings(entry.name, &[]), 6, 0, 0);
        let objective = method.objective(&views, &first_step(alone())).unwrap();
        for representations in objective.representations {
            // R3D-18 has 512 features at its full width.
            assert_eq!(representations.dims(), [6, 32], "{}", entry.name);
            assert!(!representations.is_autodiff(), "{}", entry.name);
            let rank = effective_rank(representations).unwrap();
            assert!(rank > 2.0, "{}: different videos lie on a line ({rank})", entry.name);
        }
    }
}
