use super::*;
use crate::method::tests::{alone, build_with, first_step, noise};

fn try_mochi(set: &[&str]) -> Result<Mochi> {
    build_with("mochi", 1.0 / 16.0, set, |from| Mochi::new(&from.settings()?, &from.settings()?, from))
}

fn number(tensor: &Tensor<1>) -> f64 {
    tensor.clone().without_autodiff().into_data().try_to_vec::<f32>().unwrap()[0].into()
}

fn names(objective: &Objective) -> Vec<&'static str> {
    objective.terms.iter().map(|(name, _)| *name).collect()
}

#[test]
fn mixing_begins_after_the_warm_up_and_makes_the_task_harder() {
    let set = ["method.queue=32", "method.batch_norm_group=0", "method.hard_negatives=8"];
    let objective = |epoch: usize, set: &[&str]| {
        let mut method = try_mochi(set).unwrap();
        let step = Step { epoch, ..first_step(alone()) };
        method.objective(&noise(8, 6, 2, 0, 0), &step).unwrap()
    };
    let (before, after) = (objective(1, &set), objective(2, &set));
    assert_eq!(names(&before), ["proxy_accuracy"]);
    assert_eq!(names(&after), ["hardest_queue", "hardest_mixed", "hardest_with_query", "proxy_accuracy"]);
    assert!(number(&after.loss) > number(&before.loss), "more negatives can only raise the loss");
    let shares: Vec<f64> = after.terms[..3].iter().map(|(_, share)| number(share)).collect();
    assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-5 && shares[2] > 0.0, "{shares:?}");
    // With nothing to mix, it is MoCo v2.
    let nothing = [&set[..], &["method.mixed=0", "method.mixed_with_query=0"]].concat();
    assert_eq!(number(&objective(2, &nothing).loss), number(&before.loss));
}

#[test]
fn by_default_synthetic_negatives_scale_with_the_queue() {
    for (queue, expected) in [(16384, (1024, 512, 256)), (1000, (62, 31, 16)), (3, (1, 1, 1))] {
        let Synthesis { hard, mixed, with_query } =
            try_mochi(&[&format!("method.queue={queue}")]).unwrap().synthesis;
        assert_eq!((hard, mixed, with_query), expected);
    }
}

#[test]
fn settings_that_cannot_be_used_are_refused() {
    for (set, message) in [
        (
            &["method.queue=100", "method.hard_negatives=101"][..],
            "the queue holds 100 keys\n  help: lower it to at most 100",
        ),
        (&["method.hard_negatives=0", "method.mixed=3"], "method.hard_negatives is 0"),
        (&["method.temperature=0"], "method.temperature is 0"),
        (&["method.mixed=-1"], "method.mixed"),
        (&["method.batch_norm_group=1"], "method.batch_norm_group is 1"),
    ] {
        let error = try_mochi(set).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{set:?}");
        assert!(error.to_string().contains(message), "{set:?}: {error}");
    }
}
