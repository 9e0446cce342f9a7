//! Where in a video networks look: their maps over its frames.

use std::sync::Arc;

use burn::tensor::{Device, Tensor};
use selfsame_core::host::values;
use selfsame_core::{Error, Result};
use selfsame_image::picture::Picture;
use selfsame_image::view::recipe::EVALUATION;
use serde::Serialize;

use super::strip::{self, strip};
use crate::data::{VideoFolder, evaluation_batches};
use crate::view::{ClipPipeline, ClipTime, ClipViews};

/// Side of a frame in the sheet, in pixels.
const SIDE: usize = 112;

/// The colour of the places where a network looks most.
const HEAT: [f32; 3] = [255.0, 60.0, 0.0];

/// Of the picture, what the heat covers at most.
const COVER: f32 = 0.7;

/// A network, as [`activation`] sees it.
pub struct Looking<'a> {
    /// What it is called in the result.
    pub name: String,
    /// Clips `[batch, 3, frames, side, side]` to maps `[batch, features, frames', rows, columns]`.
    pub represent_map: Box<dyn Fn(Tensor<5>) -> Tensor<5> + 'a>,
    /// Where it is; without gradients.
    pub device: Device,
}

/// How to look.
#[derive(Clone, Debug)]
pub struct Activation {
    /// How clips lie in time.
    pub time: ClipTime,
    /// Their height and width in pixels. Twice those of the training make finer maps.
    pub side: usize,
    /// Clips of a video: the columns of the sheet.
    pub clips: usize,
    /// Videos in the sheet, at even distances.
    pub shown: usize,
    /// Threads that read videos.
    pub workers: usize,
}

/// The result of [`activation`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ActivationResult {
    /// `activation`.
    pub protocol: &'static str,
    /// For each network how much more moves where it looks than elsewhere, see [`activation`].
    pub motion_lift: Vec<f64>,
    /// What each of them is called; in the sheet they come in this order, below the frames.
    pub networks: Vec<String>,
    /// Videos that were looked at.
    pub videos: usize,
    /// Videos that could not be used.
    pub skipped: usize,
}

/// Shows what networks look at, over the middle frames of evenly spaced clips: how strong the backbone's last map is, the mean of its features at each
/// place. The sheet has for each video its frames, and below them one row a network.
///
/// The *motion lift* tells whether that is where something moves: the change from frame to frame, averaged with the map as weights, over its plain average; all
/// clips of all videos together. Who looks everywhere alike has 1.
///
/// # Errors
/// When no video can be used, or a device fails.
pub fn activation(
    folder: &Arc<VideoFolder>,
    networks: &[Looking<'_>],
    how: &Activation,
    progress: &dyn Fn(usize),
) -> Result<(ActivationResult, Option<Picture>)> {
    let pipeline = ClipPipeline::new(EVALUATION, how.time, how.side)?;
    let all = folder.len();
    let shown: Vec<usize> = (0..how.shown.min(all)).map(|place| place * all / how.shown.min(all)).collect();
    let videos = (0..all).collect();
    let batches = evaluation_batches(folder.clone(), videos, (how.time, how.side), how.clips, how.workers)?;
    let mut batches = batches;
    let (mut rows, mut done) = (Vec::new(), 0);
    let mut lifts = vec![Lift::default(); networks.len()];
    for views in &mut batches {
        let views = views?;
        // By network, clip and video.
        let mut maps = Vec::with_capacity(networks.len());
        for (network, lift) in networks.iter().zip(&mut lifts) {
            let of_clips: Vec<Maps> =
                (0..views.clips.len()).map(|clip| Maps::of(network, &views, clip)).collect::<Result<_>>()?;
            for (clip, maps) in of_clips.iter().enumerate() {
                lift.add(&views, clip, maps);
            }
            maps.push(of_clips);
        }
        for (place, video) in views.instances.iter().enumerate() {
            if shown.contains(video) {
                rows.extend(video_rows(&pipeline, &views, place, &maps));
            }
        }
        done += views.instances.len();
        progress(done);
    }
    let result = ActivationResult {
        protocol: "activation",
        motion_lift: lifts.iter().map(Lift::value).collect(),
        networks: networks.iter().map(|network| network.name.clone()).collect(),
        videos: done,
        skipped: batches.bad_files().len(),
    };
    Ok((result, strip::sheet(&rows)))
}

/// How strong a network's map is at each place of the clips of a batch.
struct Maps {
    rows: usize,
    columns: usize,
    /// `[batch, rows, columns]`, not negative.
    cells: Vec<f32>,
}

impl Maps {
    fn of(network: &Looking<'_>, views: &ClipViews, clip: usize) -> Result<Self> {
        let map = (network.represent_map)(views.tensor(clip, &network.device));
        let [batch, _, _, rows, columns] = map.dims();
        let cells = values(map.abs().mean_dim(1).mean_dim(2).reshape([batch, rows, columns]))?;
        if cells.iter().all(|value| value.is_finite()) {
            return Ok(Self { rows, columns, cells });
        }
        Err(Error::diverged(
            format!("the maps of {} hold numbers that are not finite", network.name),
            "the network has diverged; look at an earlier checkpoint",
        ))
    }

    /// The map of one clip.
    fn of_clip(&self, place: usize) -> &[f32] {
        let area = self.rows * self.columns;
        &self.cells[place * area..(place + 1) * area]
    }

    /// At a pixel of a square of this side, bilinearly between cells.
    fn at(&self, place: usize, [x, y]: [usize; 2], side: usize) -> f32 {
        let cells = self.of_clip(place);
        let tap = |pixel: usize, count: usize| {
            let at = (pixel as f32 + 0.5) * count as f32 / side as f32 - 0.5;
            let at = at.clamp(0.0, (count - 1) as f32);
            (at as usize, (at as usize + 1).min(count - 1), at.fract())
        };
        let ((left, right, across), (top, bottom, down)) = (tap(x, self.columns), tap(y, self.rows));
        let blend = |a: f32, b: f32, share: f32| a + (b - a) * share;
        let row =
            |row: usize| blend(cells[row * self.columns + left], cells[row * self.columns + right], across);
        blend(row(top), row(bottom), down)
    }
}

/// Sums that make a motion lift.
#[derive(Clone, Debug, Default)]
struct Lift {
    weighted: f64,
    plain: f64,
}

impl Lift {
    fn add(&mut self, views: &ClipViews, clip: usize, maps: &Maps) {
        let (side, frames) = (views.side, views.frames);
        let length = 3 * frames * side * side;
        for (place, pixels) in views.clips[clip].chunks_exact(length).enumerate() {
            let map = maps.of_clip(place);
            let mean = map.iter().sum::<f32>() / map.len() as f32;
            if mean <= 0.0 {
                continue;
            }
            let mut moving = vec![0.0_f32; map.len()];
            for plane in pixels.chunks_exact(frames * side * side) {
                for (before, after) in
                    plane.chunks_exact(side * side).zip(plane[side * side..].chunks_exact(side * side))
                {
                    for (at, (before, after)) in before.iter().zip(after).enumerate() {
                        let cell = [at / side * maps.rows / side, at % side * maps.columns / side];
                        moving[cell[0] * maps.columns + cell[1]] += (after - before).abs();
                    }
                }
            }
            for (strength, moving) in map.iter().zip(moving) {
                self.weighted += f64::from(strength / mean * moving);
                self.plain += f64::from(moving);
            }
        }
    }

    /// 1 where nothing moves at all.
    fn value(&self) -> f64 {
        if self.plain > 0.0 { self.weighted / self.plain } else { 1.0 }
    }
}

/// The middle frames of a video's clips, and below them the same under each network's maps.
fn video_rows(
    pipeline: &ClipPipeline,
    views: &ClipViews,
    place: usize,
    maps: &[Vec<Maps>],
) -> Vec<Vec<Picture>> {
    let middles: Vec<Picture> =
        (0..views.clips.len()).map(|clip| pipeline.picture(views, clip, place, views.frames / 2)).collect();
    let below = maps.iter().map(|of_clips| {
        // One scale for the whole row, so that clips can be compared.
        let cells = || of_clips.iter().flat_map(|maps| maps.of_clip(place).iter().copied());
        let (lowest, highest) = (cells().fold(f32::INFINITY, f32::min), cells().fold(0.0, f32::max));
        let strength = |value: f32| (value - lowest) / (highest - lowest).max(f32::MIN_POSITIVE);
        let heated = middles.iter().zip(of_clips).map(|(frame, maps)| {
            let mut frame = frame.clone();
            for (pixel, colour) in frame.pixels.chunks_exact_mut(3).enumerate() {
                let at = [pixel % frame.width, pixel / frame.width];
                let cover = COVER * strength(maps.at(place, at, frame.width));
                for (value, heat) in colour.iter_mut().zip(HEAT) {
                    *value = (f32::from(*value) * (1.0 - cover) + heat * cover).round() as u8;
                }
            }
            frame
        });
        heated.collect::<Vec<_>>()
    });
    let rows: Vec<Vec<Picture>> = below.collect();
    [middles].into_iter().chain(rows).filter_map(|frames| Some(vec![strip(&frames, SIDE)?])).collect()
}
