use super::*;
use crate::method::tests::{alone, build_with, first_step, noise};

fn try_densecl(set: &[&str]) -> Result<DenseCl> {
    build_with("densecl", 1.0 / 16.0, set, |from| DenseCl::new(&from.settings()?, from.settings()?, from))
}

fn number(tensor: &Tensor<1>) -> f64 {
    tensor.clone().without_autodiff().into_data().try_to_vec::<f32>().unwrap()[0].into()
}

fn objective(epoch: usize, set: &[&str]) -> Objective {
    let set = [&["method.queue=9", "method.batch_norm_group=0"][..], set].concat();
    let step = Step { epoch, ..first_step(alone()) };
    try_densecl(&set).unwrap().objective(&noise(16, 5, 2, 0, 0), &step).unwrap()
}

#[test]
fn the_objective_is_equation_4() {
    for (epoch, weight, share) in [(0, 0.5, 0.5), (0, 0.3, 0.3), (1, 0.3, 0.3), (0, 0.0, 0.0), (0, 1.0, 1.0)]
    {
        let objective = objective(epoch, &[&format!("method.dense_weight={weight}")]);
        let [global, dense] = [0, 1].map(|term| number(&objective.terms[term].1));
        assert!((number(&objective.loss) - ((1.0 - share) * global + share * dense)).abs() < 1e-5);
        assert_ne!(global, dense);
    }
    let early = objective(2, &["method.dense_from_epoch=3"]);
    assert_eq!(number(&early.loss), number(&early.terms[0].1));
    let late = objective(3, &["method.dense_from_epoch=3"]);
    assert_ne!(number(&late.loss), number(&late.terms[0].1));
}

/// Cell by cell, from maps with their channels first as in the paper.
#[test]
fn the_dense_term_is_equation_2_on_the_cells_of_both_maps() {
    let mut method = try_densecl(&["method.queue=9", "method.batch_norm_group=0"]).unwrap();
    let views = noise(16, 3, 2, 0, 0);
    let (copy, device) = (method.encoders.queries.valid(), burn::tensor::Device::default());
    let vectors = |tensor: Tensor<4>| -> Vec<Vec<Vec<f64>>> {
        let [batch, features, rows, columns] = tensor.dims();
        let values: Vec<f32> = tensor.into_data().try_to_vec().unwrap();
        let vector = |image: usize, cell: usize| {
            let at = |feature| f64::from(values[(image * features + feature) * rows * columns + cell]);
            (0..features).map(at).collect()
        };
        (0..batch).map(|image| (0..rows * columns).map(|cell| vector(image, cell)).collect()).collect()
    };
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let cosine = |a: &[f64], b: &[f64]| dot(a, b) / (dot(a, a) * dot(b, b)).sqrt();
    let dense = |map: Tensor<4>| {
        let [batch, features, rows, columns] = map.dims();
        let cells = map.permute([0, 2, 3, 1]).reshape([batch * rows * columns, features]);
        let dense = copy.dense.forward(cells, &Mode::train());
        dense.reshape([batch, rows, columns, 128]).permute([0, 3, 1, 2])
    };
    let maps = [0, 1].map(|view| copy.backbone.forward_map(views.tensor(view, &device), &Mode::train()));
    let heads = maps.clone().map(|map| vectors(dense(map)));
    let maps = maps.map(vectors);
    let queue = vectors(method.dense_queue.keys().reshape([9, 128, 1, 1]));
    let mut expected = 0.0;
    for image in 0..3 {
        for cell in 0..4 {
            let similarity = |other: &usize| cosine(&maps[0][image][cell], &maps[1][image][*other]);
            let matched = (0..4).max_by(|a, b| similarity(a).total_cmp(&similarity(b))).unwrap();
            let query = &heads[0][image][cell];
            let positive = (cosine(query, &heads[1][image][matched]) / 0.2).exp();
            let negatives: f64 = queue.iter().map(|key| (cosine(query, &key[0]) / 0.2).exp()).sum();
            expected -= (positive / (positive + negatives)).ln() / 12.0;
        }
    }
    let objective = method.objective(&views, &first_step(alone())).unwrap();
    let found = number(&objective.terms[1].1);
    assert!((found - expected).abs() < 1e-5 * expected, "{found} is not {expected}");

    // The dense queue takes the mean of an image's dense vectors, at unit length.
    method.after_step(&first_step(alone())).unwrap();
    let held = vectors(method.dense_queue.keys().reshape([9, 128, 1, 1]));
    for (image, key) in heads[1].iter().zip(&held) {
        let mean: Vec<f64> =
            (0..128).map(|at| image.iter().map(|cell| cell[at]).sum::<f64>() / 4.0).collect();
        assert!((cosine(&mean, &key[0]) - 1.0).abs() < 1e-5 && (dot(&key[0], &key[0]) - 1.0).abs() < 1e-5);
    }
}

#[test]
fn every_parameter_learns_and_the_dense_queue_is_short_unless_told() {
    let mut method = try_densecl(&["method.queue=9", "method.batch_norm_group=2"]).unwrap();
    let objective = method.objective(&noise(16, 4, 2, 0, 0), &first_step(alone())).unwrap();
    let gradients = method.trained().gradients(&mut objective.loss.backward());
    let parameters = method.trained().parameters().into_iter().map(|p| p.name);
    let expected: Vec<_> = parameters.filter(|name| !name.contains("running")).collect();
    assert_eq!(
        gradients.iter().map(|(name, _)| name).collect::<Vec<_>>(),
        expected.iter().collect::<Vec<_>>()
    );
    assert!(expected.iter().any(|name| name.starts_with("dense.")));

    for (set, length) in [
        (&["method.queue=500"][..], 500),
        (&["method.queue=4096"], 512),
        (&["method.queue=20", "method.dense_queue=30"], 30),
    ] {
        assert_eq!(try_densecl(set).unwrap().dense_queue.keys().dims()[0], length);
    }
}

#[test]
fn settings_that_cannot_be_used_are_refused() {
    for (set, message) in [
        ("view.image_size=8", "views of 8 pixels become a map of 1×1 cells"),
        ("method.dense_weight=1.5", "method.dense_weight is 1.5"),
        ("method.dense_weight=nan", "method.dense_weight is NaN"),
        ("method.dense_queue=0", "a queue of 0 keys"),
        ("method.temperature=0", "method.temperature is 0"),
    ] {
        let error = try_densecl(&[set]).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{set}");
        assert!(error.to_string().contains(message), "{set}: {error}");
    }
    let error = check_cells(32, Stem::ImageNet).unwrap_err().to_string();
    assert!(error.contains("at least 64") && error.contains("backbone.stem = \"cifar\""), "{error}");
    assert!(check_cells(9, Stem::Cifar).is_ok() && check_cells(33, Stem::ImageNet).is_ok());
}
