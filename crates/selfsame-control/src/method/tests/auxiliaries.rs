//! What encoders learn by besides, against what a hand computes.

use super::*;

/// Terms of an update by name.
fn told(agent: &mut dyn Agent, memory: &mut Replay, index: usize) -> BTreeMap<&'static str, f64> {
    let terms = agent.learn(memory, &update(index)).unwrap();
    terms.into_iter().map(|(name, term)| (name, host::scalar(term).unwrap())).collect()
}

#[test]
fn who_is_alone_in_its_segment_learns_no_returns() {
    for actions in [DISCRETE, CONTINUOUS] {
        for objective in ["discriminator", "infonce"] {
            let mut agent = agent(actions, "rcrl", &[&format!("method.rcrl.objective=\"{objective}\"")]);
            let mut memory = replay_of(actions, &agent.plan(), |_| 1);
            let before = numbers(&mut *agent);
            assert!(!told(&mut *agent, &mut memory, 0).contains_key("rcrl"));
            let after = numbers(&mut *agent);
            for name in before.keys().filter(|name| name.starts_with("rcrl.")) {
                assert_eq!(before[name], after[name], "{name}");
            }
        }
    }
}

#[test]
fn the_contrast_of_returns_is_among_those_with_partners() {
    let mut agent = agent(DISCRETE, "rcrl", &["method.rcrl.objective=\"infonce\"", "run.batch_size=20"]);
    // Rewards end segments: every second is of one step, the others of three.
    let mut memory = replay_of(DISCRETE, &agent.plan(), |episode| 1 + episode % 2 * 2);
    let random = update(0).random;
    let batch = memory.sample(20, 1.0, &random.named("replay")).unwrap();
    let pairs = memory.pairs(&batch.indices, &random.named("pairs"));
    let rows: Vec<usize> = (0..20).filter(|&row| pairs.positive[row] != batch.indices[row]).collect();
    assert!(rows.len() > 1 && rows.len() < 20, "{rows:?}");
    // The momentum copies are those that they were copied from, and W is the identity divided by the dimension, 8.
    let phi = |indices: &[usize]| -> Vec<Vec<f64>> {
        let (observations, actions) = memory.observations(indices);
        let phi = pair_features(&*agent, &observations, &actions).unwrap().unwrap();
        host::values(phi).unwrap().chunks(8).map(|row| row.iter().map(|x| f64::from(*x)).collect()).collect()
    };
    let (anchors, partners) = (phi(&batch.indices), phi(&pairs.positive));
    let score = |row: usize, other: usize| -> f64 {
        anchors[row].iter().zip(&partners[other]).map(|(a, b)| a * b).sum::<f64>() / 8.0
    };
    let loss = |row: usize| {
        let others =
            rows.iter().filter(|&&other| other == row || batch.segments[other] != batch.segments[row]);
        others.map(|&other| score(row, other).exp()).sum::<f64>().ln() - score(row, row)
    };
    let expected = rows.iter().map(|&row| loss(row)).sum::<f64>() / rows.len() as f64;
    let found = told(&mut *agent, &mut memory, 0)["rcrl"];
    assert!((found - expected).abs() < 1e-5, "{found} is not {expected}");
}

#[test]
fn the_loss_of_sac_is_what_is_descended() {
    let changes = ["method.auxiliary=\"curl+rcrl\"", "method.curl.weight=0.5", "method.rcrl.weight=0.25"];
    let mut agent = agent(CONTINUOUS, "rcrl", &changes);
    let mut memory = replay(CONTINUOUS, &agent.plan());
    for index in 0..2 {
        let found = told(&mut *agent, &mut memory, index);
        let mut expected = found["critic"] + 0.5 * found["curl"] + 0.25 * found["rcrl"];
        if index == 0 {
            // The temperature's loss is α times what entropy there is beyond the −2 that is wanted.
            expected += found["actor"] + found["temperature"] * (found["entropy"] + 2.0);
        }
        assert!((found["loss"] - expected).abs() < 1e-5, "{found:?}");
    }
}

#[test]
fn keys_of_curl_are_projected_by_a_copy_and_scored_by_what_is_learned() {
    for (actions, copied) in [(DISCRETE, true), (CONTINUOUS, false)] {
        let mut agent = agent(actions, "curl", &[]);
        let names: Vec<String> = numbers(&mut *agent).into_keys().collect();
        assert!(names.contains(&"curl.weight".to_owned()));
        let keys: Vec<&String> = names.iter().filter(|name| name.starts_with("curl_key.")).collect();
        assert_eq!(!keys.is_empty(), copied);
        for key in keys {
            assert!(key.starts_with("curl_key.projector."), "{key}");
            assert!(names.contains(&key.replacen("curl_key.", "curl.", 1)), "{key}");
        }
    }
}

#[test]
fn actor_and_critics_share_the_convolutions_alone() {
    let mut agent = agent(CONTINUOUS, "sac", &[]);
    let seen = replay(CONTINUOUS, &agent.plan()).observations(&[3, 9]).0;
    let mut acts_after = |changed: &str| {
        for (part, module) in agent.state() {
            module.update(&mut |name, value| {
                format!("{part}.{name}").starts_with(changed).then(|| value * 1.5 + 0.1)
            });
        }
        agent.act(&seen, Acting::Greedy, &Random::new(1)).unwrap()
    };
    let before = acts_after("nothing");
    assert_eq!(before, acts_after("critic.encoder.summary."));
    assert_ne!(before, acts_after("critic.encoder.convs."));
    let before = acts_after("nothing");
    assert_ne!(before, acts_after("actor.summary."));
}
