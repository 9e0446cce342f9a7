//! From a video to all the views that a method needs of it.

use selfsame_core::{Error, Random, Result};
use selfsame_image::view::resample::ResampleScratch;
use selfsame_image::view::{Framing, Geometry, Pipeline, Recipe};

use super::clip::{ClipPipeline, ClipPlan, ClipScratch, check_count};
use super::decoded::{Frames, MotionFrames, VideoShape};
use super::key_frame::{KEY_FRAME, choose_key_frame};
use super::motion::render_motion;
use super::overlap::{STRIDES, draw_space, draw_time};
use super::sampling::{ClipTime, windows_apart};
use super::views::{ClipViews, InstanceViews};

/// Of which views an instance consists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrangement {
    /// So many clips, each of them anywhere.
    Independent(usize),
    /// Two clips that start at one time, and one of another time.
    SameAndOtherTime,
    /// So many clips, evenly spaced from the beginning of the video to its end, of its central square.
    Even(usize),
    /// Two clips that differ in a way that a method has to recognise.
    Pair(PairTasks),
    /// A clip with what surrounds it.
    Surroundings {
        /// The motion that follows it, and motion at other times.
        motion: Option<MotionPlan>,
        /// Whether there is a key frame.
        key_frame: bool,
    },
}

/// In what the two clips of a pair differ so that their [`Labels`] tell (CSTP: Zhang et al. 2022, arXiv 2112.08913, section 3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PairTasks {
    /// They overlap by a rate, in time and in space. If not, each of them is anywhere.
    pub overlap: bool,
    /// Both are played at a random rate. If not, the stride is that of the settings.
    pub rate: bool,
    /// Each of them is turned by quarter turns.
    pub rotation: bool,
}

/// The motion around a clip (CMD: Huang et al. 2021, arXiv 2104.00862, section 3, and the authors' code).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MotionPlan {
    /// Frames of a motion window, which are consecutive.
    pub frames: usize,
    /// From the clip's last frame to the first of the window that is to be predicted.
    pub interval: usize,
    /// Windows elsewhere in the same video.
    pub negatives: usize,
}

/// What is to be recognised in a pair of clips; 0 throughout where the task is not set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Labels {
    /// The overlap rate in space, a place in [`OVERLAP_RATES`](super::overlap::OVERLAP_RATES).
    pub space: usize,
    /// The overlap rate in time, likewise.
    pub time: usize,
    /// The playback rate, a place in [`STRIDES`].
    pub rate: usize,
    /// The quarter turns of each clip.
    pub rotations: [usize; 2],
}

/// What has to be decoded of a video, and what becomes of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InstancePlan {
    /// The clips.
    pub clips: Vec<ClipPlan>,
    /// What is to be recognised in them.
    pub labels: Option<Labels>,
    /// The numbers of the first frames of the motion windows, whose frames are consecutive.
    pub motion: Vec<usize>,
    /// The number of the key frame, and which part of it is shown.
    pub key_frame: Option<(usize, Geometry)>,
}

/// What was decoded of a video, as planned.
#[derive(Clone, Debug, Default)]
pub struct Decoded<'a> {
    /// The frames of each clip.
    pub clips: Vec<Frames<'a>>,
    /// The maps of each motion window.
    pub motion: Vec<MotionFrames<'a>>,
    /// The key frame.
    pub key_frame: Option<Frames<'a>>,
}

/// The buffers of [`VideoPipeline::render`]: one for each thread, reused for all its videos.
#[derive(Debug, Default)]
pub struct VideoScratch {
    clip: ClipScratch,
    motion: ResampleScratch,
}

/// Makes the views of a video.
///
/// As for pictures, the work has two halves: [`plan`](Self::plan) needs only what is known of a video before it is decoded, and
/// [`render`](Self::render) does the rest. Both are given the random stream of (seed, epoch, instance) and derive from it that of each view and
/// purpose, so that views do not depend on which thread makes them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VideoPipeline {
    clip: ClipPipeline,
    arrangement: Arrangement,
    key_frame: Pipeline,
}

impl VideoPipeline {
    /// Views of `side` × `side` pixels, treated by a recipe; the key frame by [`KEY_FRAME`].
    ///
    /// # Errors
    /// [`Error::Config`] when the recipe has parameters out of range; sizes that are zero; overlaps of crops that are not random.
    pub fn new(recipe: Recipe, time: ClipTime, side: usize, arrangement: Arrangement) -> Result<Self> {
        let framed = matches!(recipe.framing, Framing::Random { .. });
        match arrangement {
            Arrangement::Independent(0) | Arrangement::Even(0) => {
                return Err(Error::config(
                    "the number of clips is 0",
                    "give at least 1; most methods need 2",
                ));
            }
            Arrangement::Pair(PairTasks { overlap: true, .. }) if !framed => {
                return Err(Error::config(
                    "overlap rates are to be recognised, but the recipe cuts nothing out of the frames",
                    "choose a recipe with random crops, or leave `crop` out of view.without",
                ));
            }
            Arrangement::Surroundings { motion: Some(MotionPlan { frames: 0, .. }), .. } => {
                return Err(Error::config("method.motion_frames is 0", "8 frames of motion are usual"));
            }
            _ => {}
        }
        Ok(Self {
            clip: ClipPipeline::new(recipe, time, side)?,
            arrangement,
            key_frame: Pipeline::new(KEY_FRAME, side, 1)?,
        })
    }

    /// What is done to each clip.
    pub fn clip(&self) -> &ClipPipeline {
        &self.clip
    }

    /// Of which views an instance consists.
    pub fn arrangement(&self) -> Arrangement {
        self.arrangement
    }

    /// Frames of a motion window; 0 where there is none.
    pub fn motion_frames(&self) -> usize {
        match self.arrangement {
            Arrangement::Surroundings { motion: Some(motion), .. } => motion.frames,
            _ => 0,
        }
    }

    /// Room for the views of a batch; labels are set by the caller, from the plans.
    pub fn batch(&self, instances: Vec<usize>) -> ClipViews {
        self.batch_in(ClipViews::default(), instances)
    }

    /// As [`batch`](Self::batch), in the memory of views that are no longer needed.
    pub fn batch_in(&self, spare: ClipViews, instances: Vec<usize>) -> ClipViews {
        let (count, side) = (instances.len(), self.clip.pictures.side);
        let clips = match self.arrangement {
            Arrangement::Independent(clips) | Arrangement::Even(clips) => clips,
            Arrangement::Pair(_) => 2,
            Arrangement::SameAndOtherTime => 3,
            Arrangement::Surroundings { .. } => 1,
        };
        let mut views = ClipViews { frames: self.clip.time().frames, side, instances, ..spare };
        views.labels.clear();
        views.clips.resize_with(clips, Vec::new);
        views.clips.iter_mut().for_each(|clip| clip.resize(count * self.clip.clip_len(), 0.0));
        if let Arrangement::Surroundings { motion, key_frame } = self.arrangement {
            if let Some(MotionPlan { frames, negatives, .. }) = motion {
                views.motion_frames = frames;
                views.motion.resize(count * (1 + negatives) * 2 * frames * side * side, 0.0);
            }
            if key_frame {
                views.key_frames.resize(count * self.key_frame.view_len(), 0.0);
            }
        }
        views
    }

    /// Chooses the views of a video. `random` is the instance's stream; `key_frames` are the numbers of the video's key frames, ascending, which
    /// only arrangements with motion need.
    pub fn plan(&self, random: &Random, video: VideoShape, key_frames: &[usize]) -> InstancePlan {
        match self.arrangement {
            Arrangement::Independent(clips) => {
                let clips = (0..clips).map(|view| self.clip.plan(random, view, video)).collect();
                InstancePlan { clips, ..InstancePlan::default() }
            }
            Arrangement::SameAndOtherTime => {
                let mut starts = random.named("time");
                let time = self.clip.time;
                let start = time.random_start(&mut starts, video.frames);
                let other = time.another_start(&mut starts, start, video.frames);
                let clips = [start, start, other].into_iter().enumerate();
                let clips =
                    clips.map(|(view, start)| self.clip.plan_from(start, random, view, video)).collect();
                InstancePlan { clips, ..InstancePlan::default() }
            }
            Arrangement::Even(clips) => {
                let starts = self.clip.time.even_starts(clips, video.frames);
                let clips = starts.map(|start| self.clip.plan_centre(start, video)).collect();
                InstancePlan { clips, ..InstancePlan::default() }
            }
            Arrangement::Pair(tasks) => self.plan_pair(tasks, random, video),
            Arrangement::Surroundings { motion, key_frame } => {
                let key_frames = key_frame.then_some(key_frames);
                self.plan_surroundings(motion, key_frames, random, video)
            }
        }
    }

    fn plan_pair(&self, tasks: PairTasks, random: &Random, video: VideoShape) -> InstancePlan {
        let mut labels = Labels::default();
        let mut clip = self.clip;
        if tasks.rate {
            // The rates at which the clip fits; the slowest always counts.
            let fits = |stride: &&usize| (clip.time.frames - 1) * **stride < video.frames;
            labels.rate = random.named("rate").below(STRIDES.iter().take_while(fits).count().max(1));
            clip.time.stride = STRIDES[labels.rate];
        }
        let mut clips = [0, 1].map(|view| clip.plan(random, view, video));
        if tasks.overlap {
            let (starts, label) = draw_time(random, clip.time, video.frames);
            labels.time = label;
            for (plan, start) in clips.iter_mut().zip(starts) {
                plan.start = start;
            }
            let first = clips[0].geometry.crop;
            let (second, label) = draw_space(random, &first, [video.width, video.height]);
            labels.space = label;
            clips[1].geometry.crop = second;
        }
        if tasks.rotation {
            for (view, plan) in clips.iter_mut().enumerate() {
                plan.quarter_turns = random.at(view as u64).named("rotation").below(4);
                labels.rotations[view] = plan.quarter_turns;
            }
        }
        InstancePlan { clips: clips.to_vec(), labels: Some(labels), ..InstancePlan::default() }
    }

    fn plan_surroundings(
        &self,
        motion: Option<MotionPlan>,
        key_frames: Option<&[usize]>,
        random: &Random,
        video: VideoShape,
    ) -> InstancePlan {
        let span = self.clip.time.span();
        // The clip and its future, one after the other.
        let future = motion.map_or(1, |motion| motion.interval + motion.frames);
        let whole = ClipTime { frames: span + future, stride: 1 };
        let start = whole.random_start(&mut random.at(0).named("start"), video.frames);
        let last = start + span;
        let windows = motion.map(|MotionPlan { frames, interval, negatives }| {
            let (target, mut elsewhere) = (last + interval, random.named("windows"));
            let others = windows_apart(&mut elsewhere, target, frames, negatives, video.frames);
            [target].into_iter().chain(others).map(|start| start % video.frames.max(1)).collect()
        });
        let key_frame = key_frames.map(|key_frames| {
            let random = random.named("key frame");
            let number = choose_key_frame(&mut random.clone(), start..=last, key_frames);
            let geometry = self.key_frame.sample_geometry(&random, 0, video.width, video.height);
            (number % video.frames.max(1), geometry)
        });
        InstancePlan {
            clips: vec![self.clip.plan_from(start, random, 0, video)],
            labels: None,
            motion: windows.unwrap_or_default(),
            key_frame,
        }
    }

    /// Makes the views that were planned out of what was decoded. `random` is the instance's stream.
    ///
    /// # Errors
    /// [`Error::Internal`] when something else was decoded than was planned.
    pub fn render(
        &self,
        random: &Random,
        plan: &InstancePlan,
        decoded: &Decoded<'_>,
        scratch: &mut VideoScratch,
        out: InstanceViews<'_>,
    ) -> Result<()> {
        let VideoScratch { clip, motion } = scratch;
        check_count("clips", decoded.clips.len(), plan.clips.len())?;
        check_count("motion windows", decoded.motion.len(), plan.motion.len())?;
        let clips = decoded.clips.iter().zip(&plan.clips).zip(out.clips);
        for (view, ((frames, plan), out)) in clips.enumerate() {
            self.clip.render(random, view, *frames, plan, clip, out)?;
        }
        let side = self.clip.pictures.side;
        let window = out.motion.len() / plan.motion.len().max(1);
        for (maps, out) in decoded.motion.iter().zip(out.motion.chunks_exact_mut(window.max(1))) {
            check_count("frames of a motion window", maps.count(), out.len() / (2 * side * side))?;
            render_motion(*maps, &plan.clips[0].geometry, side, motion, out);
        }
        if let Some((_, geometry)) = &plan.key_frame {
            let frames = decoded.key_frame;
            check_count("key frames", frames.map_or(0, |frames| frames.count()), 1)?;
            if let Some(frames) = frames {
                let random = random.named("key frame");
                self.key_frame.render(
                    &random,
                    0,
                    frames.frame(0),
                    geometry,
                    &mut clip.picture,
                    out.key_frame,
                );
            }
        }
        Ok(())
    }
}
