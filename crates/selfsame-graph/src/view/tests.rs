use std::collections::BTreeSet;

use proptest::prelude::*;
use selfsame_core::Random;

use super::*;
use crate::data::{Interactions, PowerLaw, power_law};

fn graph(seed: u64) -> Interactions {
    let law = PowerLaw { users: 100, items: 60, interactions: 1000, ..PowerLaw::default() };
    power_law(&law, seed).unwrap()
}

#[test]
fn a_ratio_of_zero_keeps_every_edge() {
    let graph = graph(1);
    let all: Vec<u32> = (0..graph.len() as u32).collect();
    for augmentation in [Augmentation::Node, Augmentation::Edge, Augmentation::Walk] {
        let layers = view(&graph, augmentation, 0.0, 2, &Random::new(1)).unwrap().layers;
        assert_eq!(layers.last(), Some(&all));
    }
}

#[test]
fn ratios_that_leave_nothing_are_refused() {
    for ratio in [1.0, 1.5, -0.1, f64::NAN] {
        assert_eq!(
            view(&graph(1), Augmentation::Edge, ratio, 3, &Random::new(1)).unwrap_err().exit_code(),
            2
        );
    }
    assert_eq!(view(&graph(1), Augmentation::Edge, 0.1, 0, &Random::new(1)).unwrap_err().exit_code(), 2);
}

#[test]
fn layers_of_a_walk_differ_and_addresses_decide() {
    let graph = graph(2);
    let walk = |seed| view(&graph, Augmentation::Walk, 0.3, 3, &Random::new(seed)).unwrap();
    assert_eq!(walk(1), walk(1));
    assert_eq!(walk(1).layers.len(), 3);
    assert_ne!(walk(1).layers[0], walk(1).layers[1]);
    assert_ne!(walk(1), walk(2));
}

#[test]
fn every_edge_is_kept_equally_often() {
    let graph = graph(3);
    let mut kept = vec![0; graph.len()];
    for draw in 0..400 {
        for &edge in &view(&graph, Augmentation::Edge, 0.4, 1, &Random::new(9).at(draw)).unwrap().layers[0] {
            kept[edge as usize] += 1;
        }
    }
    // 240 ± 9.8: five deviations either way.
    assert!(kept.iter().all(|count| (190..=290).contains(count)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn counts_are_exact(seed in 0_u64..1000, percent in 0_usize..100) {
        let graph = graph(seed % 5);
        let ratio = percent as f64 / 100.0;
        let random = Random::new(seed);
        let edges = &view(&graph, Augmentation::Edge, ratio, 3, &random).unwrap().layers[0];
        prop_assert_eq!(edges.len(), graph.len() * (100 - percent) / 100);
        prop_assert!(edges.is_sorted_by(|a, b| a < b));
        let nodes = &view(&graph, Augmentation::Node, ratio, 3, &random).unwrap().layers[0];
        prop_assert!(nodes.is_sorted_by(|a, b| a < b));
        // Nobody keeps some edges to nodes that others keep edges to, and loses others.
        let users = graph.user_of_each();
        let kept: BTreeSet<u32> = nodes.iter().copied().collect();
        let alive_users: BTreeSet<u32> = kept.iter().map(|&edge| users[edge as usize]).collect();
        let alive_items: BTreeSet<u32> = kept.iter().map(|&edge| graph.item_of_each()[edge as usize]).collect();
        prop_assert!(alive_users.len() <= 100 - percent);
        prop_assert!(alive_items.len() <= 60 - 60 * percent / 100);
        for (edge, pair) in (0_u32..).zip(graph.pairs()) {
            let alive = alive_users.contains(&pair.0) && alive_items.contains(&pair.1);
            prop_assert_eq!(alive, kept.contains(&edge));
        }
    }
}
