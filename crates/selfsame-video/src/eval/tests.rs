use std::cell::Cell;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use burn::tensor::{Device, Tensor};
use selfsame_core::nn::Parameters;
use selfsame_core::optimizer::OptimizerName;
use selfsame_core::probe::{KnnConfig, LinearConfig};
use selfsame_core::{Error, Random};

use super::*;
use crate::data::{EncodeOptions, Size, VideoCodec, VideoFolderOptions, VideoWriter};
use crate::model::{Architecture, Backbone, BackboneConfig};
use crate::view::ClipTime;

const OPTIONS: VideoFolderOptions = VideoFolderOptions { cache: None, list: None };
const TIME: ClipTime = ClipTime { frames: 4, stride: 2 };

/// What films [`write_films`] makes.
#[derive(Clone, Copy)]
pub(crate) struct Films {
    /// Of each class.
    pub each: usize,
    pub frames: usize,
    /// Whether they hold motion vectors.
    pub motion: bool,
}

/// Few and short.
pub(crate) const SMALL_SET: Films = Films { each: 5, frames: 20, motion: true };

/// Films of a square in two classes: over red it moves across, over blue it moves down.
pub(crate) fn write_films(folder: &Path, films: Films) {
    for (class, colour) in [("left-right", [190, 60, 60]), ("up-down", [60, 60, 190])] {
        fs::create_dir_all(folder.join(class)).unwrap();
        for film in 0..films.each {
            let path = folder.join(class).join(format!("{film}.mp4"));
            let options = EncodeOptions {
                codec: VideoCodec::Mpeg4,
                size: Size { width: 48, height: 32 },
                frame_rate: (25, 1),
                key_interval: if films.motion { 8 } else { 1 },
                b_frames: 0,
                quality: 3,
            };
            let mut writer = VideoWriter::create(&path, &options).unwrap();
            for time in 0..films.frames {
                let across = class == "left-right";
                let at = if across { [12 + time, 4 + 2 * film] } else { [14 + 2 * film, 2 + time] };
                writer.push(&frame(colour.map(|value| value - 3 * film as u8), at)).unwrap();
            }
            writer.finish().unwrap();
        }
    }
}

fn frame(colour: [u8; 3], [left, top]: [usize; 2]) -> Vec<u8> {
    let pixel = |at: usize| {
        let (x, y) = (at % 48, at / 48);
        let inside = (left..left + 8).contains(&x) && (top..top + 8).contains(&y);
        if inside { [(100 + 60 * ((x - left) / 2 % 2)) as u8; 3] } else { colour }
    };
    (0..48 * 32).flat_map(pixel).collect()
}

/// The mean of each channel.
fn mean_colour(clips: Tensor<5>) -> Tensor<2> {
    let [batch, channels, ..] = clips.dims();
    clips.reshape([batch as i32, channels as i32, -1]).mean_dim(2).reshape([batch, channels])
}

fn extraction<'a>(represent: &'a dyn Fn(Tensor<5>) -> Tensor<2>) -> Extraction<'a> {
    Extraction {
        time: TIME,
        side: 16,
        clips: 3,
        device: Device::default(),
        workers: 2,
        represent,
        progress: &|_| (),
    }
}

fn values(network: &impl Parameters) -> Vec<f32> {
    network.parameters().into_iter().flat_map(|p| p.value.into_data().try_to_vec::<f32>().unwrap()).collect()
}

fn films(films: Films) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    write_films(folder.path(), films);
    folder
}

#[test]
fn a_representation_is_the_mean_over_clips_of_the_central_square() {
    let folder = films(Films { each: 1, ..SMALL_SET });
    let videos = Arc::new(VideoFolder::open(folder.path(), &OPTIONS, &|_, _| ()).unwrap());
    let seen = Cell::new(0);
    let count = |clips: Tensor<5>| {
        assert_eq!(clips.dims(), [2, 3, 4, 16, 16]);
        seen.set(seen.get() + 1);
        mean_colour(clips) * f64::from(seen.get())
    };
    let extraction = extraction(&count);
    let batches = crate::data::evaluation_batches(videos.clone(), vec![1, 0], (TIME, 16), 3, 2).unwrap();
    for views in batches {
        let views = views.unwrap();
        assert_eq!((&views.instances[..], views.clips.len()), (&[1, 0][..], 3));
        let mean = extraction.mean(&views).unwrap().into_data().try_to_vec::<f32>().unwrap();
        let device = Device::default();
        let of_clip =
            |clip: usize| mean_colour(views.tensor(clip, &device)).into_data().try_to_vec::<f32>().unwrap();
        let clips = [0, 1, 2].map(of_clip);
        for (at, mean) in mean.iter().enumerate() {
            let expected = (clips[0][at] + 2.0 * clips[1][at] + 3.0 * clips[2][at]) / 3.0;
            assert!((mean - expected).abs() < 1e-5);
        }
        // The first clip begins with the first frame, whose middle 32 of 48 columns are shown.
        let shown = videos.clip(1, 0, 2, 4, None).unwrap();
        let first = shown.frame(0).unwrap();
        let expected: f32 =
            (0..32 * 32).map(|at| f32::from(first[3 * (at / 32 * 48 + 8 + at % 32) + 2])).sum();
        let blue: f32 =
            views.clips[0][2 * 4 * 256..][..256].iter().map(|value| (value * 0.225 + 0.406) * 255.0).sum();
        assert!(
            (blue / 256.0 - expected / 1024.0).abs() < 1.0,
            "{} is not {}",
            blue / 256.0,
            expected / 1024.0
        );
    }
    assert_eq!(seen.get(), 3);
}

#[test]
fn frozen_features_are_classified_retrieved_and_reported() {
    let folder = films(Films { each: 10, ..SMALL_SET });
    fs::write(folder.path().join("up-down/3.mp4"), "broken").unwrap();
    let split = Split::open(folder.path(), &OPTIONS).unwrap();
    let done = Cell::new(0);
    let extraction = Extraction { progress: &|count| done.set(count), ..extraction(&mean_colour) };
    let frozen = extraction.frozen(&split).unwrap();
    // What is broken was left out when the folder was opened.
    assert_eq!((done.get(), frozen.train.names.len(), frozen.test.names.len()), (19, 16, 3));

    let result = json(&knn(&frozen, &KnnConfig { k: 5, temperature: 0.07 }).unwrap());
    assert_eq!((&result["protocol"], &result["top1"]), (&"knn".into(), &1.0.into()));
    assert_eq!((&result["train_videos"], &result["test_videos"]), (&16.into(), &3.into()));
    let config = LinearConfig { epochs: 20, ..LinearConfig::default() };
    assert_eq!(json(&linear(&frozen, &config, &Random::new(0)).unwrap())["top1"], 1.0);

    let found = retrieval(&frozen).unwrap();
    let result = json(&found.result);
    for name in ["r@1", "r@5", "r@10", "r@20", "r@50"] {
        assert_eq!(result[name], 1.0, "{name} in {result}");
    }
    // A query and four neighbours, each four frames of 64 pixels and a border wide.
    let sheet = sheet(&found, &split, &frozen, 2).unwrap();
    assert_eq!((sheet.width, sheet.height), (5 * (4 * 64 + 8 + 4) + 4, 2 * (64 + 8 + 4) + 4));
    let pixel = |x: usize, y: usize| [0, 1, 2].map(|c| sheet.pixels[(y * sheet.width + x) * 3 + c]);
    assert_eq!((pixel(5, 5), pixel(273, 5)), ([60; 3], [20, 160, 60]));
    let inside = pixel(20, 38);
    assert!(inside[0] > 120 && inside[2] < 100, "{inside:?}");
    assert!(super::sheet(&found, &split, &frozen, 0).is_none());
}

/// A result as JSON.
fn json(result: &impl serde::Serialize) -> serde_json::Value {
    serde_json::to_value(result).unwrap()
}

#[test]
fn lists_make_a_split() {
    let folder = films(SMALL_SET);
    let list = |name: &str, numbers: &[usize]| {
        let line = |number: &usize| format!("left-right/{number}.mp4 1\nup-down/{number}.mp4 2\n");
        let path = folder.path().join(name);
        fs::write(&path, numbers.iter().map(line).collect::<String>()).unwrap();
        path
    };
    let (train, test) = (list("train.txt", &[0, 1, 4]), list("test.txt", &[2]));
    let split = open_lists(folder.path(), [&train, &test], &OPTIONS).unwrap();
    assert_eq!(split.classes, ["left-right", "up-down"]);
    assert_eq!((split.train.instances.len(), split.test.instances.len()), (6, 2));
    assert!(split.how.contains("train.txt") && split.how.contains("test.txt"));
    let missing = folder.path().join("missing.txt");
    assert_eq!(open_lists(folder.path(), [&train, &missing], &OPTIONS).err().unwrap().exit_code(), 3);
}

#[test]
fn knn_while_training_needs_labels_but_no_flag() {
    let folder = films(SMALL_SET);
    let open = |path: &Path| Arc::new(VideoFolder::open(path, &OPTIONS, &|_, _| ()).unwrap());
    let flat = folder.path().join("up-down");
    assert!(OnlineKnn::open("", open(&flat), (TIME, 16), 1).unwrap().is_none());
    assert!(OnlineKnn::open("nowhere", open(&flat), (TIME, 16), 1).is_err());
    let online = OnlineKnn::open("", open(folder.path()), (TIME, 16), 1).unwrap().unwrap();
    assert_eq!(online.measure(&Device::default(), &mean_colour).unwrap(), 1.0);
}

fn backbone() -> (Backbone, BackboneConfig) {
    let config = BackboneConfig { architecture: Architecture::R3d18, width: 1.0 / 16.0 };
    (config.init(&Random::new(1), &Device::default()).unwrap(), config)
}

fn finetuning(epochs: usize) -> Finetuning {
    let config = FinetuneConfig {
        fraction: 1.0,
        epochs,
        batch_size: 4,
        optimizer: OptimizerName::Sgd,
        lr: 0.02,
        image_size: 16,
        workers: 2,
        seed: 0,
    };
    Finetuning { config, time: ClipTime { frames: 8, stride: 1 }, clips: 2, auxiliary: None }
}

fn finetuned(folder: &Path, finetuning: &Finetuning) -> Result<VideoFinetuneResult, Error> {
    let split = Split::open(folder, &OPTIONS).unwrap();
    let (backbone, config) = backbone();
    let before = values(&backbone);
    let result = finetune(&backbone, &config, &split, finetuning, &mut |_, _| ());
    assert_eq!(values(&backbone), before);
    result
}

#[test]
fn fine_tuning_learns_alone_and_beside_motion_prediction() {
    let folder = films(SMALL_SET);
    // Long enough for batch norm's running statistics, by which the test is measured, to have come near those of batches.
    let alone = finetuned(folder.path(), &finetuning(15)).unwrap();
    assert_eq!((alone.result.steps, alone.result.measured.train, alone.result.measured.test), (30, 8, 2));
    let loss = &alone.result.loss;
    assert!(loss[14] < 0.5 * loss[0], "{loss:?}");
    assert_eq!(alone.result.top1, 1.0);

    let time = finetuning(1).time;
    let auxiliary = Some(Auxiliary::motion_prediction(0.5, time, 16).unwrap());
    let helped =
        finetuned(folder.path(), &Finetuning { auxiliary: auxiliary.clone(), ..finetuning(1) }).unwrap();
    let again = finetuned(folder.path(), &Finetuning { auxiliary, ..finetuning(1) }).unwrap();
    assert_eq!(helped, again);
    // Motion prediction adds to the loss.
    assert!(helped.result.loss[0] > alone.result.loss[0] && helped.motion_weight == Some(0.5));
    let json = serde_json::to_value(&helped).unwrap();
    assert_eq!(
        (&json["protocol"], &json["motion_weight"], &json["clips"]),
        (&"finetune".into(), &0.5.into(), &2.into())
    );
    assert_eq!(Auxiliary::motion_prediction(0.0, time, 16).unwrap_err().exit_code(), 2);
}

#[test]
fn activation_tells_who_looks_at_what_moves() {
    let folder = films(Films { each: 2, ..SMALL_SET });
    let videos = Arc::new(VideoFolder::open(folder.path(), &OPTIONS, &|_, _| ()).unwrap());
    // One map changes where the clip does, one is the same everywhere.
    let moving = |clips: Tensor<5>| {
        let [_, _, frames, ..] = clips.dims();
        let (before, after) = (clips.clone().narrow(2, 0, frames - 1), clips.narrow(2, 1, frames - 1));
        (after - before).abs()
    };
    let looking = |name: &str, map: fn(Tensor<5>) -> Tensor<5>| Looking {
        name: name.into(),
        represent_map: Box::new(map),
        device: Device::default(),
    };
    let networks = [looking("moving", moving), looking("even", |clips| clips * 0.0 + 1.0)];
    let how = Activation { time: TIME, side: 16, clips: 3, shown: 2, workers: 1 };
    let (result, sheet) = activation(&videos, &networks, &how, &|_| ()).unwrap();
    assert!(result.motion_lift[0] > 2.0, "{result:?}");
    assert!((result.motion_lift[1] - 1.0).abs() < 1e-5, "{result:?}");
    assert_eq!((result.videos, &result.networks[0][..]), (4, "moving"));
    // Two videos, for each the frames and a row a network, of three clips of 112 pixels.
    let sheet = sheet.unwrap();
    assert_eq!((sheet.width, sheet.height), (3 * 112 + 8, 6 * 116 + 4));
    assert!(activation(&videos, &networks, &Activation { shown: 0, ..how }, &|_| ()).unwrap().1.is_none());
}
