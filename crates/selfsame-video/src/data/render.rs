//! Videos, decoded and made into views.

use std::sync::Arc;

use selfsame_core::data::{self, OrderedBatches, Render, reason};
use selfsame_core::{Random, Result};
use selfsame_image::view::Geometry;
use selfsame_image::view::recipe::EVALUATION;

use super::clip::{Clip, clip_frames};
use super::folder::VideoFolder;
use super::motion_map::MotionMaps;
use super::size::Size;
use crate::view::{
    Arrangement, ClipTime, ClipViews, Decoded, Frames, InstancePlan, InstanceViews, Labels, MotionFrames,
    VideoPipeline, VideoScratch, VideoShape,
};

/// Bytes of the views of a batch that is evaluated, at most, unless a single video has more.
const EVALUATED_BYTES: usize = 64 << 20;

/// Videos of such a batch, at most.
const EVALUATED: usize = 32;

/// Decodes what the views of a video need, and makes them.
pub struct VideoRender {
    folder: Arc<VideoFolder>,
    pipeline: VideoPipeline,
}

/// Makes the batches of a training.
pub type Loader = data::Loader<VideoRender>;

/// Batches of some videos, `clips` of each evenly spaced, of their central squares; see [`data::ordered_batches`].
///
/// # Errors
/// [`selfsame_core::Error::Config`] when a size is zero; [`selfsame_core::Error::Internal`] when the system has no thread left.
pub fn evaluation_batches(
    folder: Arc<VideoFolder>,
    videos: Vec<usize>,
    (time, side): (ClipTime, usize),
    clips: usize,
    workers: usize,
) -> Result<OrderedBatches<VideoRender>> {
    let pipeline = VideoPipeline::new(EVALUATION, time, side, Arrangement::Even(clips))?;
    let bytes = size_of::<f32>() * clips * pipeline.clip().clip_len();
    let batch = (EVALUATED_BYTES / bytes.max(1)).clamp(1, EVALUATED);
    data::ordered_batches(VideoRender::new(folder, pipeline), videos, batch, workers, Random::new(0))
}

/// What was decoded of a video. All clips have frames of one size, one clip after the other.
struct Read {
    clips: Option<Clip>,
    motion: Vec<MotionMaps>,
    key_frame: Option<Clip>,
}

impl VideoRender {
    /// Views of the videos of a folder.
    pub fn new(folder: Arc<VideoFolder>, pipeline: VideoPipeline) -> Self {
        Self { folder, pipeline }
    }

    /// The views of a video, before anything is decoded; `random` is the instance's stream.
    ///
    /// # Errors
    /// When there is no such video.
    pub fn plan(&self, index: usize, random: &Random) -> Result<InstancePlan> {
        let video = self.folder.video(index)?;
        let (frames, size) = (video.frames(), video.size());
        let shape = VideoShape { frames, height: size.height, width: size.width };
        let key_frames: Vec<usize> =
            self.folder.key_frames(index)?.iter().map(|&frame| frame as usize).collect();
        Ok(self.pipeline.plan(random, shape, &key_frames))
    }

    /// Decodes what was planned of a video with so many frames. The file is gone through once for all clips.
    fn read(&self, index: usize, plan: &InstancePlan, frames: usize) -> Result<Read> {
        let length = self.pipeline.clip().time().frames;
        let wanted: Vec<usize> =
            plan.clips.iter().flat_map(|clip| clip_frames(clip.start, clip.stride, length, frames)).collect();
        let crops: Vec<Geometry> = plan.clips.iter().map(|clip| clip.geometry).collect();
        let motion = |first: &usize| self.folder.motion(index, *first, self.pipeline.motion_frames());
        let key_frame = |(number, geometry): &(usize, Geometry)| {
            self.folder.frames(index, &[*number], Some(self.size(&[*geometry])))
        };
        Ok(Read {
            clips: match wanted.is_empty() {
                true => None,
                false => Some(self.folder.frames(index, &wanted, Some(self.size(&crops)))?),
            },
            motion: plan.motion.iter().map(motion).collect::<Result<_>>()?,
            key_frame: plan.key_frame.as_ref().map(key_frame).transpose()?,
        })
    }

    /// The smallest size of the frames at which every crop keeps as many pixels as its view has; that of the video where there are none to
    /// spare.
    fn size(&self, crops: &[Geometry]) -> Size {
        let Some(Geometry { source_width: width, source_height: height, .. }) = crops.first() else {
            return Size { width: 1, height: 1 };
        };
        let smallest = crops.iter().map(|geometry| geometry.crop.width.min(geometry.crop.height));
        let smallest = smallest.fold(f32::INFINITY, f32::min).max(1.0);
        let shorter = (*width).min(*height) as f32 * self.pipeline.clip().side() as f32 / smallest;
        Size { width: *width, height: *height }.shrunk_to(shorter.ceil() as usize)
    }

    fn try_render(
        &self,
        scratch: &mut VideoScratch,
        index: usize,
        random: &Random,
        row: &mut InstanceViews<'_>,
    ) -> Result<Option<Labels>> {
        let plan = self.plan(index, random)?;
        let read = self.read(index, &plan, self.folder.video(index)?.frames())?;
        let pictures = |pixels, size: Size| Frames::new(pixels, size.height, size.width);
        let clips = read.clips.iter().flat_map(|clips| {
            let length = clips.pixels.len() / plan.clips.len().max(1);
            clips.pixels.chunks(length.max(1)).map(|clip| pictures(clip, clips.size))
        });
        let key_frame = read.key_frame.as_ref().map(|picture| pictures(&picture.pixels, picture.size));
        let decoded = Decoded {
            clips: clips.collect::<Result<_>>()?,
            motion: read.motion.iter().map(frames_of).collect::<Result<_>>()?,
            key_frame: key_frame.transpose()?,
        };
        self.pipeline.render(random, &plan, &decoded, scratch, row.reborrow())?;
        Ok(plan.labels)
    }
}

fn frames_of(maps: &MotionMaps) -> Result<MotionFrames<'_>> {
    MotionFrames::new(&maps.values, maps.size.height, maps.size.width)
}

impl Render for VideoRender {
    type Data = VideoFolder;
    type Batch = ClipViews;
    type Row<'a> = InstanceViews<'a>;
    type Worker = VideoScratch;
    type Made = Option<Labels>;

    fn data(&self) -> &Arc<VideoFolder> {
        &self.folder
    }

    fn room(&self, places: usize, spare: Option<ClipViews>) -> ClipViews {
        // Which videos they are is known when they are made.
        self.pipeline.batch_in(spare.unwrap_or_default(), vec![usize::MAX; places])
    }

    fn rows<'a>(&self, batch: &'a mut ClipViews) -> Vec<InstanceViews<'a>> {
        batch.rows_mut()
    }

    fn render(
        &self,
        worker: &mut VideoScratch,
        instance: usize,
        random: &Random,
        row: &mut InstanceViews<'_>,
    ) -> Result<Option<Labels>, String> {
        self.try_render(worker, instance, random, row).map_err(|error| reason(&error))
    }

    fn complete(&self, mut batch: ClipViews, made: Vec<Option<(usize, Option<Labels>)>>) -> ClipViews {
        let videos: Vec<Option<usize>> = made.iter().map(|made| Some(made.as_ref()?.0)).collect();
        batch.keep(&videos);
        batch.labels = made.into_iter().flatten().filter_map(|(_, labels)| labels).collect();
        batch
    }
}
