//! A whole training on images: from settings to a finished run folder.

use std::sync::Arc;
use std::time::Instant;

use burn::module::Module;
use burn::tensor::Device;
use selfsame_core::data::add_bad_files;
use selfsame_core::pretrain::{Common, Learner, Modality, Prepared, Training, absolute};
use selfsame_core::run::{DataRecord, RunFolder};
use selfsame_core::settings::Resolved;
use selfsame_core::train::{Outcome, Yardstick};
use selfsame_core::{Error, Random, Result, device};

use crate::data::{Dataset, Loader, LoaderOptions, OpenOptions, PictureRender};
use crate::eval::OnlineKnn;
use crate::method::{self, Entry, ImageMethod, Layer};
use crate::network::{build, initial_weights};
use crate::settings::{DEFAULTS, DataSettings, Facts, PATHS, ViewSettings, resolve_auto};
use crate::view::{Pipeline, Recipe};

/// Images, as something to learn from.
pub static MODALITY: Modality = Modality {
    data: "images",
    instances: "images",
    defaults: DEFAULTS,
    paths: PATHS,
    yardstick: Yardstick::KNN,
    holds_out: false,
    next: &[
        "selfsame eval linear RUN --data LABELLED",
        "selfsame embed RUN --data PICTURES -o embeddings.parquet",
        "selfsame export RUN --to torchvision",
    ],
    methods: || method::METHODS.iter().map(Entry::about).collect(),
    prepare,
};

/// Makes a training on images ready: finds the data and builds the network.
///
/// # Errors
/// Settings that cannot be used (exit code 2), data that is not there (3), a device that is not (2 or 4).
pub fn prepare(mut settings: Resolved) -> Result<Prepared> {
    let started = Instant::now();
    let data: DataSettings = settings.section("data")?;
    if data.path.is_empty() {
        return Err(Error::config("there is no data to learn from", "name a folder of pictures with --data"));
    }
    data.validate()?;
    let entry = method::by_name(settings.text("method.name"))?;
    let options = OpenOptions { shuffle_buffer: data.shuffle_buffer, ..OpenOptions::default() };
    let dataset = Arc::new(Dataset::open(&data.path, &options)?);
    if dataset.len() < 2 {
        return Err(Error::data(
            dataset.path(),
            "there is only one picture here",
            "pictures are told from each other: give a folder with at least a few hundred",
        ));
    }
    let typical_side = dataset.typical_side();
    // Told before a run is begun, which may take the place of another.
    if typical_side == 0 {
        return Err(Error::data(
            dataset.path(),
            "none of the pictures that were looked at can be read",
            "`selfsame data check` says what is wrong with each",
        ));
    }
    let facts =
        Facts { instances: dataset.len(), typical_side, cpu: device::is_cpu(settings.text("run.device")) };
    let notes = resolve_auto(&mut settings, &facts);
    let common = Common::of(&settings)?;

    let pipeline = pipeline(&settings, entry.views(&settings))?;
    let side = pipeline.side;
    let workers = data.workers.or(std::thread::available_parallelism().map_or(1, usize::from));
    let options = LoaderOptions {
        batch_size: common.run.batch_size,
        workers,
        max_bad_share: data.max_bad_share,
        ..LoaderOptions::default()
    };
    let loader =
        Loader::new(PictureRender::new(dataset.clone(), pipeline), Random::new(common.run.seed), options)?;
    let device = device::by_name(&common.run.device)?;
    let initial = initial_weights(&settings)?;
    let method = build(entry, &settings, initial, &device.clone().autodiff())?;
    let knn = match common.run.measure_every {
        0 => None,
        _ => OnlineKnn::open(&data.eval, dataset.clone(), side, workers)?,
    };
    let network = describe(&settings, &*method);
    let learner = Box::new(ImageLearner { dataset, loader, method, network, knn, device });
    Prepared::new(&MODALITY, entry.about(), (settings, notes), common, learner, started)
}

/// The views of a training.
fn pipeline(settings: &Resolved, views: usize) -> Result<Pipeline> {
    let view: ViewSettings = settings.section("view")?;
    Pipeline::new(Recipe::by_name(&view.recipe)?.without(&view.without)?, view.image_size, views)
}

/// The network in a line.
fn describe(settings: &Resolved, method: &dyn ImageMethod) -> String {
    let width = settings.get("backbone", "width").map_or_else(String::new, ToString::to_string);
    format!(
        "{} of width {width}, {} stem, {:.2} M parameters",
        settings.text("backbone.name"),
        settings.text("backbone.stem"),
        method.backbone().num_params() as f64 / 1e6
    )
}

/// A training on images.
struct ImageLearner {
    dataset: Arc<Dataset>,
    loader: Loader,
    method: Box<dyn ImageMethod>,
    network: String,
    knn: Option<OnlineKnn>,
    device: Device,
}

impl Learner for ImageLearner {
    fn data(&self) -> DataRecord {
        DataRecord {
            path: absolute(self.dataset.path()).display().to_string(),
            instances: self.dataset.len() as u64,
            fingerprint: self.dataset.fingerprint(),
        }
    }

    fn batches_per_epoch(&self) -> usize {
        self.loader.batches_per_epoch()
    }

    fn describe(&self) -> Vec<(&'static str, String)> {
        let (path, pictures) = (self.dataset.path().display(), self.dataset.len());
        let classes = self.dataset.classes().len();
        vec![
            ("data", format!("{path}: {pictures} pictures, {classes} classes")),
            ("backbone", self.network.clone()),
        ]
    }

    fn train(&mut self, training: Training<'_>) -> Result<Outcome> {
        let (knn, device) = (&self.knn, &self.device);
        training.run(&mut *self.method, &self.loader, &mut |method| {
            let represent = |images| method.represent(images, Layer::Backbone);
            knn.as_ref().map(|knn| knn.measure(device, &represent)).transpose()
        })
    }

    fn ended(&self, folder: &RunFolder) -> Result<()> {
        add_bad_files(&folder.bad_files(), self.loader.bad_files())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests;
