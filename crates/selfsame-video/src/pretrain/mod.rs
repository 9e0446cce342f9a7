//! A whole training on videos: from settings to a finished run folder.

mod auto;

pub use auto::{Facts, resolve_auto};

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use burn::module::Module;
use burn::tensor::Device;
use selfsame_core::data::{Instances, LoaderOptions, add_bad_files};
use selfsame_core::pretrain::{Common, Learner, Modality, Prepared, Training, absolute};
use selfsame_core::run::{DataRecord, RunFolder};
use selfsame_core::settings::Resolved;
use selfsame_core::train::{Outcome, Yardstick};
use selfsame_core::{Error, Random, Result, device};

use crate::data::{Loader, VideoFolder, VideoFolderOptions, VideoRender};
use crate::eval::OnlineKnn;
use crate::method::{self, Entry, Layer, VideoMethod};
use crate::network::{backbone_config, build, initial_weights};
use crate::settings::{DEFAULTS, DataSettings, PATHS, ViewSettings, pipeline};
use crate::view::Arrangement;

/// Videos, as something to learn from.
pub static MODALITY: Modality = Modality {
    data: "videos",
    instances: "videos",
    defaults: DEFAULTS,
    paths: PATHS,
    yardstick: Yardstick::KNN,
    holds_out: false,
    next: &[
        "selfsame eval retrieval RUN --data LABELLED",
        "selfsame embed RUN --data VIDEOS -o embeddings.parquet",
        "selfsame export RUN --to torchvision",
    ],
    methods: || method::METHODS.iter().map(Entry::about).collect(),
    prepare,
};

/// Makes a training on videos ready: finds the data and builds the network.
///
/// # Errors
/// Settings that cannot be used (exit code 2), data that is not there (3), a device that is not (2 or 4).
pub fn prepare(mut settings: Resolved) -> Result<Prepared> {
    let started = Instant::now();
    let data: DataSettings = settings.section("data")?;
    if data.path.is_empty() {
        return Err(Error::config("there is no data to learn from", "name a folder of videos with --data"));
    }
    data.validate()?;
    let entry = method::by_name(settings.text("method.name"))?;
    let folder = Arc::new(open(&data)?);
    let facts = Facts { instances: folder.len(), cpu: device::is_cpu(settings.text("run.device")) };
    let notes = resolve_auto(&mut settings, &facts);
    let common = Common::of(&settings)?;

    let view: ViewSettings = settings.section("view")?;
    let pipeline = pipeline(&settings)?;
    if let Arrangement::Surroundings { motion: Some(_), .. } = pipeline.arrangement() {
        check_motion(&folder, data.max_bad_share)?;
    }
    let workers = data.workers.or(std::thread::available_parallelism().map_or(1, usize::from));
    let options = LoaderOptions {
        batch_size: common.run.batch_size,
        workers,
        max_bad_share: data.max_bad_share,
        ..LoaderOptions::default()
    };
    let render = VideoRender::new(folder.clone(), pipeline);
    let loader = Loader::new(render, Random::new(common.run.seed), options)?;
    let device = device::by_name(&common.run.device)?;
    let method = build(entry, &settings, initial_weights(&settings)?, &device.clone().autodiff())?;
    let knn = match common.run.measure_every {
        0 => None,
        _ => OnlineKnn::open(&data.eval, folder.clone(), (view.time(), view.image_size), workers)?,
    };
    let network = format!(
        "{}, {:.2} M parameters",
        backbone_config(&settings)?,
        method.backbone().num_params() as f64 / 1e6
    );
    let clips = format!("{} frames, stride {}, {} px", view.frames, view.stride, view.image_size);
    let learner = Box::new(VideoLearner { folder, loader, method, network, clips, knn, device });
    Prepared::new(&MODALITY, entry.about(), (settings, notes), common, learner, started)
}

/// The videos to learn from. What is found broken at once counts as what is found while training.
fn open(data: &DataSettings) -> Result<VideoFolder> {
    let list = (!data.list.is_empty()).then(|| PathBuf::from(&data.list));
    let options = VideoFolderOptions { list, ..VideoFolderOptions::default() };
    let folder = <VideoFolder as Instances>::open(Path::new(&data.path), &options)?;
    if folder.len() < 2 {
        return Err(Error::data(
            folder.path(),
            "there is only one video here that can be used",
            "videos are told from each other: give a folder with at least a hundred",
        ));
    }
    let unusable = folder.unusable();
    let all = folder.len() + unusable.len();
    if unusable.len() as f64 > data.max_bad_share * all as f64 {
        let first = &unusable[0];
        return Err(Error::data(
            folder.path(),
            format!(
                "{} of {all} videos cannot be used, more than the allowed {} %: such as {} ({})",
                unusable.len(),
                data.max_bad_share * 100.0,
                first.name,
                first.error.detail
            ),
            "`selfsame data check` lists them all; remove them, or allow more with `--set data.max_bad_share=`",
        ));
    }
    Ok(folder)
}

/// Most videos must have motion vectors. Without this, it would be told one by one, while training.
fn check_motion(folder: &VideoFolder, max_bad_share: f64) -> Result<()> {
    let without = (0..folder.len()).filter(|&index| !folder.has_motion(index));
    let without: Vec<usize> = without.collect();
    match without.first() {
        Some(&first) if without.len() as f64 > max_bad_share * folder.len() as f64 => Err(Error::data(
            folder.path(),
            format!(
                "{} of {} videos have no motion vectors, such as {}",
                without.len(),
                folder.len(),
                folder.name(first)
            ),
            "`selfsame data reencode` writes copies that have them; or learn without: --set method.motion=false",
        )),
        _ => Ok(()),
    }
}

/// A training on videos.
struct VideoLearner {
    folder: Arc<VideoFolder>,
    loader: Loader,
    method: Box<dyn VideoMethod>,
    network: String,
    clips: String,
    knn: Option<OnlineKnn>,
    device: Device,
}

impl Learner for VideoLearner {
    fn data(&self) -> DataRecord {
        DataRecord {
            path: absolute(self.folder.path()).display().to_string(),
            instances: self.folder.len() as u64,
            fingerprint: self.folder.fingerprint(),
        }
    }

    fn batches_per_epoch(&self) -> usize {
        self.loader.batches_per_epoch()
    }

    fn describe(&self) -> Vec<(&'static str, String)> {
        let (path, videos) = (self.folder.path().display(), self.folder.len());
        let classes = self.folder.classes().len();
        vec![
            ("data", format!("{path}: {videos} videos, {classes} classes")),
            ("clips", self.clips.clone()),
            ("backbone", self.network.clone()),
        ]
    }

    fn train(&mut self, training: Training<'_>) -> Result<Outcome> {
        let (knn, device) = (&self.knn, &self.device);
        training.run(&mut *self.method, &self.loader, &mut |method| {
            let represent = |clips| method.represent(clips, Layer::Backbone);
            knn.as_ref().map(|knn| knn.measure(device, &represent)).transpose()
        })
    }

    fn ended(&self, folder: &RunFolder) -> Result<()> {
        let unusable = self.folder.bad_files().into_iter();
        add_bad_files(&folder.bad_files(), unusable.chain(self.loader.bad_files()).collect())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests;
