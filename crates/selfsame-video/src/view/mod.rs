//! How one video becomes several clips: the same random transformation for all frames of a clip.
//!
//! A [`VideoPipeline`] plans the views of a video from what is known before anything is decoded, then makes them out of what was decoded. Pixels are
//! treated by [`selfsame_image`]'s pipeline.

mod clip;
mod decoded;
mod erasing;
mod key_frame;
mod motion;
pub mod overlap;
mod pipeline;
mod rotation;
pub mod sampling;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
mod views;

pub use clip::{ClipPipeline, ClipPlan, ClipScratch};
pub use decoded::{Frames, MotionFrames, VideoShape};
pub use erasing::erase_background;
pub use key_frame::{KEY_FRAME, choose_key_frame};
pub use motion::LONGEST_MOTION;
pub use pipeline::{
    Arrangement, Decoded, InstancePlan, Labels, MotionPlan, PairTasks, VideoPipeline, VideoScratch,
};
pub use sampling::ClipTime;
pub use views::{ClipViews, InstanceViews};
