use burn::tensor::Device;
use selfsame_core::nn::Mode;
use selfsame_core::optimizer::{LrScaling, OptimizerConfig, OptimizerName};
use selfsame_core::schedule::{ScheduleConfig, ScheduleKind};
use selfsame_core::settings::Layers;

use super::*;
use crate::method::tests::{alone, build_with, first_step, noise, state};
use crate::settings::{BackboneSettings, Preset, ViewSettings, defaults};

/// Makes the method trainable on a dozen pictures.
const FEW: [&str; 2] = ["method.projector_dimension=3", "method.w_size=6"];

fn try_new(set: &[&str]) -> Result<WMse> {
    build_with("w-mse", 1.0 / 16.0, set, |from| WMse::new(&from.settings()?, from))
}

fn few(set: &[&str]) -> WMse {
    try_new(&[&FEW[..], set].concat()).unwrap()
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

#[test]
fn the_objective_is_the_loss_of_each_views_projections() {
    for (views, iterations, comparison) in [(2, 1, "normalised"), (4, 1, "squared"), (2, 3, "normalised")] {
        let set = [
            format!("method.views={views}"),
            format!("method.w_iter={iterations}"),
            format!("method.comparison={comparison}"),
            "method.epsilon=0.01".into(),
        ];
        let mut method = few(&set.each_ref().map(String::as_str));
        // 13 instances are two sub-batches, of 6 and 7.
        let pictures = noise(8, 13, views, 0, 0);
        let step = first_step(alone());
        let device = Device::default().autodiff();
        let frozen = method.encoder.clone();
        let forward = |view: usize| {
            let h = frozen.backbone.forward(pictures.tensor(view, &device), &Mode::train());
            (h.clone(), frozen.projector.forward(h, &Mode::train()))
        };
        let (representations, projections): (Vec<_>, Vec<_>) = (0..views).map(forward).unzip();
        let permutations: Vec<_> =
            (0..iterations).map(|draw| step.random.named("sub-batches").at(draw).permutation(13)).collect();
        assert_eq!(permutations.iter().collect::<std::collections::HashSet<_>>().len(), permutations.len());
        let whitening = Whitening { size: 6, epsilon: 0.01, normalised: comparison == "normalised" };
        let expected = w_mse(&projections, &permutations, &whitening).unwrap();

        let objective = method.objective(&pictures, &step).unwrap();
        let [loss, expected] = [objective.loss, expected].map(|loss| values(loss)[0]);
        assert!((loss - expected).abs() <= 1e-6 * expected, "{loss} is not {expected}");
        for (found, expected) in objective.representations.into_iter().zip(representations) {
            assert!(!found.is_autodiff());
            assert_eq!(values(found), values(expected));
        }
    }
}

#[test]
fn every_parameter_learns_from_two_views_and_from_four() {
    for views in [2, 4] {
        let mut method = few(&[&format!("method.views={views}"), "method.projector_hidden=20"]);
        let parameters = method.trained().parameters();
        let shape = |name: &str| &parameters.iter().find(|p| p.name == name).unwrap().shape;
        assert_eq!(shape("projector.layers.0.weight"), &[20, 32]);
        assert_eq!(shape("projector.layers.1.weight"), &[3, 20]);
        let objective = method.objective(&noise(8, 12, views, 0, 0), &first_step(alone())).unwrap();
        let gradients = method.trained().gradients(&mut objective.loss.backward());
        let learning = parameters.iter().filter(|p| !p.name.contains("running_"));
        let names: Vec<_> = gradients.iter().map(|(name, _)| name).collect();
        assert_eq!(names, learning.map(|p| &p.name).collect::<Vec<_>>());
        for (name, gradient) in gradients {
            let gradient = values(gradient);
            assert!(gradient.iter().all(|value| value.is_finite()), "{name}");
            assert!(gradient.iter().any(|value| value.abs() > 1e-7), "{name}");
        }
    }
}

#[test]
fn pictures_that_are_all_alike_cannot_be_whitened() {
    let mut method = few(&[]);
    let mut pictures = noise(8, 12, 2, 0, 0);
    let first = pictures.pixels[1][..3 * 64].to_vec();
    pictures.pixels[1] = first.repeat(12);
    let error = method.objective(&pictures, &first_step(alone())).unwrap_err();
    assert_eq!(error.exit_code(), 5);
    let message = error.to_string();
    for words in ["sub-batch 1 of 2 of view 2", "rank 0, not 3", "method.epsilon = 0.01"] {
        assert!(message.contains(words), "{message}");
    }
    let mut method = few(&["method.epsilon=0.01"]);
    let objective = method.objective(&pictures, &first_step(alone())).unwrap();
    assert!(values(objective.loss)[0].is_finite());
}

#[test]
fn representations_come_from_the_layer_that_is_asked_for() {
    let mut method = few(&[]);
    let images = noise(8, 4, 1, 0, 0).tensor(0, &Device::default());
    let before = state(&mut method);
    assert_eq!(method.represent(images.clone(), Layer::Backbone).dims(), [4, 32]);
    let projected = method.represent(images, Layer::Projector);
    assert_eq!(projected.dims(), [4, 3]);
    assert!(!projected.is_autodiff());
    assert_eq!(state(&mut method), before, "looking changes nothing");
}

#[test]
fn sub_batches_have_twice_the_features_unless_told() {
    let size = |set: &[&str]| try_new(set).unwrap().config.sub_batch();
    assert_eq!(size(&[]), 64);
    assert_eq!(size(&["method.projector_dimension=128", "run.batch_size=256"]), 256);
    assert_eq!(size(&["method.w_size=100"]), 100);
}

#[test]
fn settings_that_cannot_be_used_are_refused() {
    for (set, message) in [
        (
            &["method.w_size=63"][..],
            "method.w_size is 63, but 32 features need sub-batches of at least 64 rows",
        ),
        (&["method.w_size=200"], "a batch of 128 does not fill a sub-batch of 200 rows"),
        (&["run.batch_size=127", "method.w_size=128"], "give run.batch_size = 128 or more"),
        (&["run.batch_size=63"], "a batch of 63 does not fill a sub-batch of 64 rows"),
        (&["method.projector_dimension=65"], "give run.batch_size = 130 or more"),
        (&["method.projector_dimension=0"], "32, 32, 0"),
        (&["method.projector_hidden=0"], "32, 0, 32"),
        (&["method.views=1"], "method.views is 1"),
        (&["method.w_iter=0"], "method.w_iter is 0"),
        (&["method.epsilon=-0.1"], "method.epsilon is -0.1"),
        (&["method.epsilon=nan"], "method.epsilon is NaN"),
        (&["method.epsilon=1.5"], "method.epsilon is 1.5"),
        (&["method.comparison=cosine"], "method.comparison"),
        (&["method.w_size=many"], "method.w_size"),
        (&["method.views=-2"], "method.views"),
    ] {
        let error = try_new(set).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{set:?}");
        assert!(error.to_string().contains(message), "{set:?}: {error}");
    }
    assert!(try_new(&["run.batch_size=64"]).is_ok());
    assert!(try_new(&["method.projector_dimension=64", "method.w_size=128"]).is_ok());
}

#[test]
fn the_papers_settings_are_the_papers() {
    let settings = Layers::new(defaults(&ENTRY, Preset::Paper).unwrap()).resolve();
    let optimizer: OptimizerConfig = settings.section("optimizer").unwrap();
    optimizer.validate().unwrap();
    assert_eq!((optimizer.name, optimizer.lr_scaling), (OptimizerName::Adam, LrScaling::None));
    assert_eq!((optimizer.lr, optimizer.weight_decay), (3e-3, 1e-6));
    let run: RunSettings = settings.section("run").unwrap();
    run.validate().unwrap();
    assert_eq!(run.batch_size, 512);
    let schedule: ScheduleConfig = settings.section("schedule").unwrap();
    assert_eq!((schedule.epochs, schedule.kind), (1000, ScheduleKind::Step));
    // CIFAR-10 has 97 batches of 512: 500 steps of warm-up, then a fifth at epochs 950 and 975.
    let schedule = schedule.init(1.0, 97).unwrap();
    assert_eq!((schedule.share(499), schedule.share(249)), (1.0, 0.5));
    let around =
        [950 * 97 - 1, 950 * 97, 975 * 97 - 1, 975 * 97, 1000 * 97 - 1].map(|step| schedule.share(step));
    for (share, expected) in around.into_iter().zip([1.0, 0.2, 0.2, 0.04, 0.04]) {
        assert!((share - expected).abs() < 1e-12, "{share} is not {expected}");
    }
    let method: WMseConfig = settings.section("method").unwrap();
    method.validate(run.batch_size).unwrap();
    assert_eq!((method.views, method.w_iter, method.epsilon), (2, 1, 0.0));
    assert_eq!((method.projector_hidden, method.projector_dimension), (Auto::Value(1024), 64));
    assert_eq!((method.w_size, method.comparison), (Auto::Value(128), Comparison::Normalised));
    let backbone: BackboneSettings = settings.section("backbone").unwrap();
    assert_eq!((backbone.name.as_str(), backbone.stem.as_str()), ("resnet18", "cifar"));
    let view: ViewSettings = settings.section("view").unwrap();
    assert_eq!((view.recipe.as_str(), view.image_size), ("w-mse", 32));
}
