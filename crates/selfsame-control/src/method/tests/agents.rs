//! What agents do, whatever they are made of.

use super::*;

/// All agents with all that they can learn by.
const ALL: [(Actions, &str, &str); 8] = [
    (DISCRETE, "rainbow", "none"),
    (DISCRETE, "curl", "curl"),
    (DISCRETE, "rcrl", "rcrl"),
    (DISCRETE, "rcrl", "curl+rcrl"),
    (CONTINUOUS, "sac", "none"),
    (CONTINUOUS, "curl", "curl"),
    (CONTINUOUS, "rcrl", "rcrl"),
    (CONTINUOUS, "rcrl", "curl+rcrl"),
];

fn with(auxiliary: &str) -> String {
    format!("method.auxiliary=\"{auxiliary}\"")
}

#[test]
fn a_restored_agent_goes_on_to_the_last_bit() {
    for (actions, method, auxiliary) in ALL {
        let changes = [with(auxiliary)];
        let changes: Vec<&str> = changes.iter().map(String::as_str).collect();
        let mut agent = agent(actions, method, &changes);
        let mut memory = replay(actions, &agent.plan());
        for index in 0..3 {
            agent.learn(&mut memory, &update(index)).unwrap();
        }
        let mut restored = try_agent(actions, method, &changes, 77).unwrap();
        assert_ne!(numbers(&mut *agent), numbers(&mut *restored));
        let saved = numbers(&mut *agent);
        for (part, module) in restored.state() {
            module.update(&mut |name, value| {
                let values = saved[&format!("{part}.{name}")].as_slice();
                Some(Tensor::from_floats(values, &value.device()))
            });
        }
        let optimizers = agent.optimizers().into_iter().map(|(_, optimizer)| optimizer.state());
        let optimizers: Vec<_> = optimizers.collect();
        for ((_, optimizer), state) in restored.optimizers().into_iter().zip(optimizers) {
            optimizer.load_state(state.into_iter().collect()).unwrap();
        }
        let path = tempfile::tempdir().unwrap();
        memory.save(&path.path().join("replay")).unwrap();
        let mut other = Replay::new(memory.settings().clone()).unwrap();
        other.restore(&path.path().join("replay")).unwrap();
        for index in 3..6 {
            agent.learn(&mut memory, &update(index)).unwrap();
            restored.learn(&mut other, &update(index)).unwrap();
        }
        assert_eq!(numbers(&mut *agent), numbers(&mut *restored), "{method} with {auxiliary}");
        let seen = &memory.observations(&[20, 21]).0;
        for acting in [Acting::Random, Acting::Explore, Acting::Greedy] {
            let random = Random::new(5);
            assert_eq!(
                agent.act(seen, acting, &random).unwrap(),
                restored.act(seen, acting, &random).unwrap()
            );
        }
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    for (actions, method) in [(DISCRETE, "rainbow"), (CONTINUOUS, "sac")] {
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let mut agent = agent(actions, method, &[]);
                let mut memory = replay(actions, &agent.plan());
                (0..4).for_each(|index| drop(agent.learn(&mut memory, &update(index)).unwrap()));
                numbers(&mut *agent)
            })
        };
        let expected = on(1);
        for threads in [2, 3] {
            assert_eq!(on(threads), expected, "{method} on {threads} threads");
        }
    }
}

#[test]
fn everything_trained_moves_and_is_told() {
    for (actions, method, auxiliary) in ALL {
        let changes = [with(auxiliary)];
        let changes: Vec<&str> = changes.iter().map(String::as_str).collect();
        let mut agent = agent(actions, method, &changes);
        let mut memory = replay(actions, &agent.plan());
        let before = numbers(&mut *agent);
        let terms = agent.learn(&mut memory, &update(0)).unwrap();
        let named: Vec<&str> = terms.iter().map(|(name, _)| *name).collect();
        assert!(named.contains(&"loss"));
        assert_eq!(auxiliary.split('+').all(|name| named.contains(&name)), auxiliary != "none", "{named:?}");
        for (_, term) in terms {
            assert!(host::scalar(term).unwrap().is_finite());
        }
        let after = numbers(&mut *agent);
        for part in ["model", "critic", "actor", "temperature", "curl", "rcrl"] {
            let mut of_part = before.keys().filter(|name| name.starts_with(&format!("{part}.")));
            let known = of_part.clone().count() > 0;
            assert!(!known || of_part.any(|name| before[name] != after[name]), "{part} of {method}");
        }
    }
}

#[test]
fn targets_follow_as_they_are_told() {
    let mut agent = agent(DISCRETE, "rainbow", &[]);
    let mut memory = replay(DISCRETE, &agent.plan());
    let start = numbers(&mut *agent);
    for index in 0..3 {
        let now = numbers(&mut *agent);
        let target = |name: &str| &now[&format!("target.{name}")];
        assert_eq!(target("encoder.conv1.weight"), &start["target.encoder.conv1.weight"], "after {index}");
        agent.learn(&mut memory, &update(index)).unwrap();
    }
    let now = numbers(&mut *agent);
    for (name, value) in now.iter().filter(|(name, _)| name.starts_with("model.")) {
        assert_eq!(*value, now[&name.replace("model.", "target.")], "{name}");
    }

    let mut agent = super::agent(CONTINUOUS, "sac", &["method.sac.critic_tau=0.25"]);
    let mut memory = replay(CONTINUOUS, &agent.plan());
    let start = numbers(&mut *agent);
    agent.learn(&mut memory, &update(0)).unwrap();
    let now = numbers(&mut *agent);
    for (part, online, share) in
        [("target_values", "critic.values", 0.25), ("target_encoder", "critic.encoder", 0.05)]
    {
        for (name, target) in now.iter().filter(|(name, _)| name.starts_with(part)) {
            let online = &now[&name.replacen(part, online, 1)];
            for ((found, before), online) in target.iter().zip(&start[name]).zip(online) {
                let expected = before + share * (online - before);
                assert!((found - expected).abs() < 1e-6 * (1.0 + expected.abs()), "{name}");
            }
        }
    }
    // Between two updates of the actor nothing but the critics moves.
    agent.learn(&mut memory, &update(1)).unwrap();
    let later = numbers(&mut *agent);
    for (name, value) in &later {
        let moves = name.starts_with("critic.");
        assert_eq!(moves, *value != now[name], "{name}");
    }
}

#[test]
fn auxiliary_losses_have_no_say_in_priorities() {
    let weights = |auxiliary: &str| {
        let mut agent = agent(DISCRETE, "rainbow", &[&with(auxiliary)]);
        let mut memory = replay(DISCRETE, &agent.plan());
        agent.learn(&mut memory, &update(0)).unwrap();
        memory.sample(32, 1.0, &Random::new(2)).unwrap().weights
    };
    let alone = weights("none");
    assert!(alone.iter().any(|weight| *weight != alone[0]), "priorities differ");
    assert_eq!(alone, weights("curl+rcrl"));
}

#[test]
fn losses_fall_on_what_can_be_learned() {
    for (actions, method, name) in [
        (DISCRETE, "rainbow", "rl"),
        (DISCRETE, "curl", "curl"),
        (DISCRETE, "rcrl", "rcrl"),
        (CONTINUOUS, "sac", "critic"),
        (CONTINUOUS, "curl", "curl"),
        (CONTINUOUS, "rcrl", "rcrl"),
    ] {
        let changes = ["optimizer.lr=3e-3", "method.rainbow.noise=0.1", "method.curl.scale=1.0"];
        let mut agent = agent(actions, method, &changes);
        let mut memory = replay(actions, &agent.plan());
        let mut losses = Vec::new();
        for index in 0..300 {
            let terms = agent.learn(&mut memory, &update(index)).unwrap();
            let found = terms.into_iter().find(|(known, _)| *known == name).unwrap();
            losses.push(host::scalar(found.1).unwrap());
        }
        let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
        let (early, late) = (mean(&losses[..10]), mean(&losses[290..]));
        assert!(late < 0.9 * early, "{name} of {method}: {early}, then {late}");
    }
}

#[test]
fn pairs_are_represented_and_told_apart() {
    for objective in ["discriminator", "infonce"] {
        let changes = [format!("method.rcrl.objective=\"{objective}\"")];
        let changes: Vec<&str> = changes.iter().map(String::as_str).collect();
        for actions in [DISCRETE, CONTINUOUS] {
            let mut agent = agent(actions, "rcrl", &changes);
            let mut memory = replay(actions, &agent.plan());
            agent.learn(&mut memory, &update(0)).unwrap();
            let (observations, done) = memory.observations(&[3, 9, 30]);
            let pairs = pair_features(&*agent, &observations, &done).unwrap().unwrap();
            assert_eq!(pairs.dims(), [3, 8]);
            let apart = host::values(difference(&*agent, pairs.clone(), pairs).unwrap()).unwrap();
            assert!(apart.len() == 3 && apart.iter().all(|value| (0.0..=1.0).contains(value)));
        }
    }
    let agent = agent(DISCRETE, "rainbow", &[]);
    assert!(agent.pairs().is_none() && agent.plan().segments.is_none());
}

#[test]
fn actions_are_those_of_the_environment() {
    for (actions, method) in [(DISCRETE, "rainbow"), (CONTINUOUS, "sac")] {
        let mut agent = agent(actions, method, &[]);
        let seen = replay(actions, &agent.plan()).observations(&(10..40).collect::<Vec<_>>()).0;
        for acting in [Acting::Random, Acting::Explore, Acting::Greedy] {
            let taken = agent.act(&seen, acting, &Random::new(6)).unwrap();
            assert_eq!(taken.len(), 30);
            assert!(taken.iter().all(|action| match action {
                Action::Discrete(number) => *number < 3,
                Action::Continuous(numbers) => numbers.len() == 2 && numbers.iter().all(|n| n.abs() <= 1.0),
            }));
            if acting == Acting::Random {
                assert!(taken.iter().any(|action| *action != taken[0]));
            }
        }
        assert!(agent.act(&seen[1..], Acting::Greedy, &Random::new(6)).is_err());
        assert_eq!(agent.features(&seen).unwrap().dims()[0], 30);
    }
}

#[test]
fn what_cannot_be_built_is_refused() {
    let code = |actions, method, changes: &[&str]| {
        try_agent(actions, method, changes, 1).map(|_| ()).unwrap_err().exit_code()
    };
    assert_eq!(code(CONTINUOUS, "rainbow", &[]), 2);
    assert_eq!(code(DISCRETE, "sac", &[]), 2);
    assert_eq!(code(DISCRETE, "rainbow", &["method.auxiliary=\"crul\""]), 2);
    assert_eq!(code(DISCRETE, "rainbow", &["method.auxiliary=\"curl+curl\""]), 2);
    assert_eq!(code(DISCRETE, "rainbow", &["method.rainbow.low=20.0"]), 2);
    assert_eq!(code(DISCRETE, "curl", &["method.curl.weight=-1.0"]), 2);
    assert_eq!(code(CONTINUOUS, "sac", &["method.sac.critic_tau=1.5"]), 2);
    assert_eq!(code(CONTINUOUS, "sac", &["method.sac.layers=9"]), 2);
    assert!(by_name("rainbwo").map(|_| ()).unwrap_err().to_string().contains("rainbow"));
    let mut agent = agent(DISCRETE, "rainbow", &["run.batch_size=9999"]);
    let mut memory = replay(DISCRETE, &agent.plan());
    assert_eq!(agent.learn(&mut memory, &update(0)).unwrap_err().exit_code(), 2);
}
