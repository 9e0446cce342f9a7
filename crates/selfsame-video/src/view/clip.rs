//! One clip as a view: the same random transformation for all its frames.

use selfsame_core::{Error, Random, Result};
use selfsame_image::picture::Picture;
use selfsame_image::view::{Crop, Geometry, Pipeline, Recipe, Scratch};

use super::decoded::{Frames, VideoShape};
use super::rotation::turned;
use super::sampling::ClipTime;
use super::views::ClipViews;

/// What one clip shows of its video.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClipPlan {
    /// The number of its first frame in the video.
    pub start: usize,
    /// Frames of the video from one to the next. After the last frame of the video comes its first again.
    pub stride: usize,
    /// The part of the frames, and whether left and right are exchanged.
    pub geometry: Geometry,
    /// By how many quarter turns the clip is turned counter-clockwise thereafter.
    pub quarter_turns: usize,
}

/// Makes clips out of decoded frames.
///
/// A frame is treated as a picture is by [`selfsame_image`]'s pipeline, whose random choices depend on their address alone: given the address of the
/// clip, all its frames get the same crop, the same colours and the same blur.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClipPipeline {
    pub(super) pictures: Pipeline,
    pub(super) time: ClipTime,
}

/// The buffers of [`ClipPipeline::render`]: one for each thread, reused for all its clips.
#[derive(Debug, Default)]
pub struct ClipScratch {
    pub(super) picture: Scratch,
    frame: Vec<f32>,
}

impl ClipPipeline {
    /// Clips of `side` × `side` pixels, treated by a recipe and normalised by ImageNet's mean and deviation.
    ///
    /// # Errors
    /// [`Error::Config`] when the recipe has parameters out of range, or the side, the frames or the stride are zero.
    pub fn new(recipe: Recipe, time: ClipTime, side: usize) -> Result<Self> {
        for (setting, value, help) in [
            ("view.frames", time.frames, "give the frames of a clip: 8 and 16 are usual"),
            ("view.stride", time.stride, "1 shows every frame of the video, 4 every fourth"),
        ] {
            if value == 0 {
                return Err(Error::config(format!("{setting} is 0"), help));
            }
        }
        Ok(Self { pictures: Pipeline::new(recipe, side, 1)?, time })
    }

    /// How clips lie in time.
    pub fn time(&self) -> ClipTime {
        self.time
    }

    /// What is done to each frame.
    pub fn pictures(&self) -> Pipeline {
        self.pictures
    }

    /// Height and width of the clips in pixels.
    pub fn side(&self) -> usize {
        self.pictures.side
    }

    /// A frame of a clip of a batch: frame number `time` of clip number `clip` of the video in this place.
    pub fn picture(&self, views: &ClipViews, clip: usize, place: usize, time: usize) -> Picture {
        let (frames, area) = (views.frames, views.side * views.side);
        let pixels = &views.clips[clip][place * 3 * frames * area..];
        let plane = |channel: usize| &pixels[(channel * frames + time) * area..][..area];
        self.pictures.to_picture(&[0, 1, 2].map(plane).concat())
    }

    /// Values of one clip: 3 · frames · side · side.
    pub fn clip_len(&self) -> usize {
        self.time.frames * self.pictures.view_len()
    }

    /// Chooses when and where view number `view` of a video is, independently of its other views. `random` is the instance's stream.
    pub fn plan(&self, random: &Random, view: usize, video: VideoShape) -> ClipPlan {
        let start = self.time.random_start(&mut random.at(view as u64).named("start"), video.frames);
        self.plan_from(start, random, view, video)
    }

    /// As [`plan`](Self::plan), from this frame on.
    pub fn plan_from(&self, start: usize, random: &Random, view: usize, video: VideoShape) -> ClipPlan {
        ClipPlan {
            start,
            stride: self.time.stride,
            geometry: self.pictures.sample_geometry(random, view, video.width, video.height),
            quarter_turns: 0,
        }
    }

    /// The central square, from this frame on: all of it for views up to 64 px; for larger ones 7/8 of its side, as evaluations show pictures.
    pub fn plan_centre(&self, start: usize, video: VideoShape) -> ClipPlan {
        let share = self.pictures.side as f32 / self.pictures.resized_side() as f32;
        let crop = Crop::central_square(video.width, video.height, share);
        let geometry =
            Geometry { source_height: video.height, source_width: video.width, crop, flipped: false };
        ClipPlan { start, stride: self.time.stride, geometry, quarter_turns: 0 }
    }

    /// Makes the view that was planned out of its decoded frames. `random` is the instance's stream. The view is written to `out`,
    /// `[3, frames, side, side]`, normalised.
    ///
    /// # Errors
    /// [`Error::Internal`] when there are not as many frames as the clip has.
    pub fn render(
        &self,
        random: &Random,
        view: usize,
        frames: Frames<'_>,
        plan: &ClipPlan,
        scratch: &mut ClipScratch,
        out: &mut [f32],
    ) -> Result<()> {
        let (count, side) = (self.time.frames, self.pictures.side);
        check_count("frames of a clip", frames.count(), count)?;
        let ClipScratch { picture, frame } = scratch;
        frame.resize(self.pictures.view_len(), 0.0);
        let area = side * side;
        for time in 0..count {
            self.pictures.render(random, view, frames.frame(time), &plan.geometry, picture, frame);
            for (channel, plane) in frame.chunks_exact(area).enumerate() {
                let place = (channel * count + time) * area;
                turned(plane, side, plan.quarter_turns, &mut out[place..place + area]);
            }
        }
        Ok(())
    }
}

/// Whether the decoder has handed over what was planned.
pub(super) fn check_count(what: &str, found: usize, expected: usize) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    Err(Error::Internal(format!("{found} {what} were decoded instead of {expected}")))
}
