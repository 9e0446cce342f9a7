//! Propagation, both views, all losses and the gradient against an independent implementation.

use safetensors::SafeTensors;
use safetensors::tensor::TensorView;

use super::*;
use crate::model::view_layers;
use crate::view::View;

struct Golden(Vec<u8>);

impl Golden {
    fn read() -> Self {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/sgl_ed.safetensors");
        Self(std::fs::read(path).unwrap())
    }

    fn with<T>(&self, name: &str, work: impl FnOnce(TensorView<'_>) -> T) -> T {
        work(SafeTensors::deserialize(&self.0).unwrap().tensor(name).unwrap())
    }

    fn reals(&self, name: &str) -> Vec<f32> {
        let number = |bytes: &[u8]| f32::from_le_bytes(bytes.try_into().unwrap());
        self.with(name, |tensor| tensor.data().chunks_exact(4).map(number).collect())
    }

    fn integers(&self, name: &str) -> Vec<u32> {
        let number = |bytes: &[u8]| i64::from_le_bytes(bytes.try_into().unwrap()) as u32;
        self.with(name, |tensor| tensor.data().chunks_exact(8).map(number).collect())
    }

    fn interactions(&self) -> Interactions {
        let pairs = self.integers("edges");
        let pairs = pairs.chunks_exact(2).map(|pair| (pair[0], pair[1]));
        Interactions::from_pairs(9, 11, pairs).0
    }

    /// The layers of a view.
    fn view(&self, name: &str, interactions: &Interactions) -> Layers {
        let kept = (0..).zip(self.integers(name)).filter(|(_, kept)| *kept != 0).map(|(edge, _)| edge);
        view_layers(interactions, &View { layers: vec![kept.collect()] }, 3).unwrap()
    }
}

const CLOSE: f32 = 1e-5;

#[test]
fn the_objective_and_its_gradient_are_those_of_the_golden_file() {
    let golden = Golden::read();
    let interactions = golden.interactions();
    assert_eq!(interactions.len(), 40);
    let set = ["method.l2=0", "method.ids=unique", "method.ssl_weight=0.1", "method.temperature=0.2"];
    let mut method = build("sgl", &interactions, &set).unwrap();
    set_table(&mut *method, &golden.reals("embeddings"));
    let views = ["keep_view1", "keep_view2"].map(|name| golden.view(name, &interactions));

    let nodes = method.nodes();
    assert_near(&numbers(&nodes.spread()), &golden.reals("propagated"), CLOSE);
    let [users, items] = nodes.finals().unwrap();
    assert_near(&[users, items].concat(), &golden.reals("propagated"), CLOSE);
    for (view, name) in views.iter().zip(["view1", "view2"]) {
        assert_near(&numbers(&nodes.spread_over(view)), &golden.reals(name), CLOSE);
    }
    let [users, positives, negatives] = ["users", "pos", "neg"].map(|name| golden.integers(name));
    let rows: Vec<u32> = users.iter().copied().chain([9, 10, 11]).collect();
    let seen = [nodes.rows_over(&views[0], &rows), nodes.spread_over(&views[1])];
    let [of_users, of_items] =
        discriminate(seen, 9, &[Told::once(users.clone()), Told::once(vec![0, 1, 2])], 0.2);
    assert_near(&numbers(&of_users), &golden.reals("ssl_user"), CLOSE);
    assert_near(&numbers(&of_items), &golden.reals("ssl_item"), CLOSE);

    let pairs = PairBatch { users, positives, negatives };
    let batch = Batch { pairs, views: Arc::new(views) };
    let objective = method.objective(&batch, &first_step(alone())).unwrap();
    assert_near(&numbers(&objective.terms[0].1), &golden.reals("bpr"), CLOSE);
    assert_near(&numbers(&objective.loss), &golden.reals("total"), CLOSE);
    let found = gradients(&mut *method, &objective);
    assert_near(&found["weight"], &golden.reals("grad_embeddings"), CLOSE);
}

#[test]
fn repeats_count_as_often_as_they_come() {
    let table = |rows: usize, phase: f32| {
        let values: Vec<f32> = (0..rows * 4).map(|at| (0.7 * at as f32 + phase).sin()).collect();
        Tensor::<2>::from_data(TensorData::new(values, [rows, 4]), &Device::default())
    };
    let all = table(9, 0.1);
    let told = [Told::repeated(vec![3, 1, 3, 3]), Told::repeated(vec![2])];
    let rows = |nodes: &[u32]| selfsame_core::nn::gather_rows(all.clone(), nodes);
    let [of_users, of_items] = discriminate([rows(&[1, 3, 6]), table(9, 0.5)], 4, &told, 0.2);
    let one = |user: u32| {
        let told = [Told::once(vec![user]), Told::once(Vec::new())];
        let [of_user, none] = discriminate([rows(&[user]), table(9, 0.5)], 4, &told, 0.2);
        assert_eq!(numbers(&none), [0.0]);
        numbers(&of_user)[0]
    };
    assert_near(&numbers(&of_users), &[(one(1) + 3.0 * one(3)) / 4.0], CLOSE);
    let told = [Told::once(Vec::new()), Told::once(vec![2])];
    let [_, expected] = discriminate([rows(&[6]), table(9, 0.5)], 4, &told, 0.2);
    assert_near(&numbers(&of_items), &numbers(&expected), CLOSE);
}

#[test]
fn the_penalty_is_half_the_mean_of_the_squares_of_layer_0() {
    let interactions = interactions();
    for name in ["mf", "lightgcn"] {
        let mut method = build(name, &interactions, &["method.l2=0.5"]).unwrap();
        let batch = batches(&*method, &interactions, 16).epoch(0, 0).unwrap().next().unwrap().unwrap();
        let table = numbers(&method.nodes().initial());
        let square = |row: u32| {
            table[row as usize * 8..][..8].iter().map(|value| f64::from(*value).powi(2)).sum::<f64>()
        };
        let PairBatch { users, positives, negatives } = &batch.pairs;
        let squares: f64 = users.iter().map(|&user| square(user)).sum::<f64>()
            + positives.iter().chain(negatives).map(|&item| square(60 + item)).sum::<f64>();
        let expected = squares / 2.0 / 16.0;
        let objective = method.objective(&batch, &first_step(alone())).unwrap();
        let [bpr, penalty] = [0, 1].map(|term| f64::from(numbers(&objective.terms[term].1)[0]));
        assert!((penalty - expected).abs() < 1e-6 * expected);
        let loss = f64::from(numbers(&objective.loss)[0]);
        assert!((loss - bpr - 0.5 * expected).abs() < 1e-6);
    }
}
