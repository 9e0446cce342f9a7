//! The views of a batch of videos.

use burn::tensor::{Device, Tensor};
use selfsame_core::data::Batch;
use selfsame_core::momentum_contrast::HostView;

use super::pipeline::Labels;

/// The views of a batch of videos: what a loader yields and a method's step begins with. What a method does not use is empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClipViews {
    /// Frames of a clip.
    pub frames: usize,
    /// Height and width of the views in pixels.
    pub side: usize,
    /// The number of each video in its data set.
    pub instances: Vec<usize>,
    /// For each clip of a video `[batch, 3, frames, side, side]`, normalised.
    pub clips: Vec<Vec<f32>>,
    /// What CSTP has to recognise, for each video.
    pub labels: Vec<Labels>,
    /// Frames of a motion window.
    pub motion_frames: usize,
    /// CMD's motion windows, `[batch, windows, 2, motion_frames, side, side]`, in tens of pixels; the first is the future of the clip.
    pub motion: Vec<f32>,
    /// CMD's key frames, `[batch, 3, side, side]`, normalised.
    pub key_frames: Vec<f32>,
}

/// Where the views of one video are written.
#[derive(Debug)]
pub struct InstanceViews<'a> {
    /// `[3, frames, side, side]` each.
    pub clips: Vec<&'a mut [f32]>,
    /// `[windows, 2, motion_frames, side, side]`.
    pub motion: &'a mut [f32],
    /// `[3, side, side]`.
    pub key_frame: &'a mut [f32],
}

impl ClipViews {
    /// One clip of all videos, `[batch, 3, frames, side, side]`. `view` is below `clips.len()`.
    pub fn view(&self, view: usize) -> HostView<'_, 5> {
        let shape = [self.instances.len(), 3, self.frames, self.side, self.side];
        HostView { values: &self.clips[view], shape }
    }

    /// As [`view`](Self::view), on a device.
    pub fn tensor(&self, view: usize, device: &Device) -> Tensor<5> {
        self.view(view).tensor(device)
    }

    /// All motion windows, `[batch · windows, 2, motion_frames, side, side]`, on a device.
    pub fn motion_tensor(&self, device: &Device) -> Tensor<5> {
        let window = 2 * self.motion_frames * self.side * self.side;
        let count = self.motion.len() / window.max(1);
        let shape = [count, 2, self.motion_frames, self.side, self.side];
        HostView { values: &self.motion, shape }.tensor(device)
    }

    /// The key frames, `[batch, 3, side, side]`, on a device.
    pub fn key_frame_tensor(&self, device: &Device) -> Tensor<4> {
        let shape = [self.instances.len(), 3, self.side, self.side];
        HostView { values: &self.key_frames, shape }.tensor(device)
    }

    /// Keeps the places of a batch that have something, which is told of each place, with the number of their video.
    pub fn keep(&mut self, made: &[Option<usize>]) {
        let floats = self.clips.iter_mut().chain([&mut self.motion, &mut self.key_frames]);
        for values in floats {
            let length = values.len() / made.len().max(1);
            let mut kept = 0;
            for place in (0..made.len()).filter(|&place| made[place].is_some()) {
                if kept < place {
                    values.copy_within(place * length..(place + 1) * length, kept * length);
                }
                kept += 1;
            }
            values.truncate(kept * length);
        }
        self.instances = made.iter().flatten().copied().collect();
    }

    /// Where the views of each video are written.
    pub fn rows_mut(&mut self) -> Vec<InstanceViews<'_>> {
        let count = self.instances.len();
        let mut clips: Vec<_> = self.clips.iter_mut().map(|clips| parts(clips, count).into_iter()).collect();
        let rest = parts(&mut self.motion, count).into_iter().zip(parts(&mut self.key_frames, count));
        rest.map(|(motion, key_frame)| InstanceViews {
            clips: clips.iter_mut().filter_map(Iterator::next).collect(),
            motion,
            key_frame,
        })
        .collect()
    }
}

impl InstanceViews<'_> {
    /// The same place, lent for a shorter time.
    pub fn reborrow(&mut self) -> InstanceViews<'_> {
        InstanceViews {
            clips: self.clips.iter_mut().map(|clip| &mut **clip).collect(),
            motion: self.motion,
            key_frame: self.key_frame,
        }
    }
}

impl Batch for ClipViews {
    fn instances(&self) -> &[usize] {
        &self.instances
    }
}

/// As many equal parts.
fn parts(mut values: &mut [f32], count: usize) -> Vec<&mut [f32]> {
    let length = values.len() / count.max(1);
    (0..count).map(|_| values.split_off_mut(..length).unwrap_or_default()).collect()
}
