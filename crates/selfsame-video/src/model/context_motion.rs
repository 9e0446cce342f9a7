//! The networks of CMD, context and motion decoupled (Huang et al. 2021, arXiv 2104.00862, section 3, and the authors' code).
//!
//! The video backbone sees a clip; the motion network sees maps of motion vectors, and what it finds in the near future is to be predicted from the
//! clip at every position; the context network sees key frames.

use burn::module::{Module, Param};
use burn::tensor::{Device, Int, Tensor, TensorData};
use selfsame_core::nn::{Linear, Mode, Noise, mean_pool3d};
use selfsame_core::{Error, Random, Result};

use super::{
    Architecture, Backbone, BackboneConfig, Kernels, Stem, Transformer, TransformerConfig, VideoResNet,
    VideoResNetConfig,
};

/// Configuration of the networks.
#[derive(Clone, Debug)]
pub struct ContextMotionConfig {
    /// The video backbone, V. The other networks have the same width.
    pub backbone: BackboneConfig,
    /// Frames of a clip; 16 in the paper.
    pub frames: usize,
    /// Frames of a window of motion; 8 in the paper.
    pub motion_frames: usize,
    /// Height and width of clips and motion, in pixels; 112 in the paper.
    pub side: usize,
    /// What predicts.
    pub transformer: TransformerConfig,
}

impl ContextMotionConfig {
    /// The paper's sizes.
    pub fn new(backbone: BackboneConfig) -> Self {
        let transformer = TransformerConfig::default();
        Self { backbone, frames: 16, motion_frames: 8, side: 112, transformer }
    }

    /// Frames, rows and columns of the video backbone's [map](ContextMotion::clip_map): 2×7×7 for the paper's sizes.
    pub fn clip_positions(&self) -> [usize; 3] {
        let (frames, side) = match self.backbone.architecture {
            Architecture::R3d18 | Architecture::R2Plus1d18 => (halved(self.frames, 3), halved(self.side, 4)),
            Architecture::R3d26 | Architecture::R2Plus1d26 => {
                (halved(self.frames, 2) / 2, halved(self.side, 4))
            }
            Architecture::S3d => (halved(self.frames, 2) / 2, halved(self.side, 4) / 2),
            Architecture::C3d => (self.frames / 8, self.side / 16),
        };
        [frames, side, side]
    }

    /// Frames, rows and columns of the motion network's map: 1×7×7 for the paper's sizes.
    pub fn motion_positions(&self) -> [usize; 3] {
        let side = halved(self.side, 4);
        [halved(self.motion_frames, 3), side, side]
    }

    /// Features of a motion position.
    pub fn motion_features(&self) -> usize {
        self.motion().features()
    }

    /// Features of a key frame.
    pub fn context_features(&self) -> usize {
        self.context().features()
    }

    /// M: a residual network of 10 layers over vectors `(dx, dy)`. Its first stride is 1, so that its map has the rows and columns of V's.
    fn motion(&self) -> VideoResNetConfig {
        let stem = Stem::Pooled { stride: 1 };
        VideoResNetConfig { kernels: Kernels::Full, stem, input: 2, ..self.context() }
    }

    /// I: a residual network of 10 layers for images.
    fn context(&self) -> VideoResNetConfig {
        VideoResNetConfig {
            kernels: Kernels::Spatial,
            blocks: [1; 4],
            bottleneck: false,
            stem: Stem::Pooled { stride: 2 },
            input: 3,
            width: self.backbone.width,
        }
    }

    /// With weights drawn at this address.
    ///
    /// # Errors
    /// When the clips are too small for the backbone or cannot be halved in time, when there is no frame of motion, and as [`BackboneConfig::init`] and
    /// [`TransformerConfig::init`].
    pub fn init(&self, random: &Random, device: &Device) -> Result<ContextMotion> {
        self.backbone.check_clip_size(self.frames, self.side, self.side)?;
        let is_fused = is_fused(self.backbone.architecture);
        if is_fused && !halved(self.frames, 2).is_multiple_of(2) {
            let what = format!("clips of {} frames cannot be halved three times", self.frames);
            return Err(Error::config(what, "choose a multiple of 8 frames"));
        }
        if self.motion_frames == 0 {
            return Err(Error::config("windows of motion without frames predict nothing", "choose 8 frames"));
        }
        let features = self.transformer.features;
        let table = |name: &str, rows: [usize; 3]| {
            let (rows, mut random) = (rows.iter().product(), random.named(name));
            let values = (0..rows * features).map(|_| random.unit()).collect();
            parameter(values, [rows, features], device)
        };
        let mut drawn = random.named("reduce");
        let reduce = (0..features * self.backbone.features()).map(|_| 0.01 * drawn.normal()).collect();
        Ok(ContextMotion {
            backbone: self.backbone.init(&random.named("backbone"), device)?,
            motion: self.motion().init(&random.named("motion"), device)?,
            context: self.context().init(&random.named("context"), device)?,
            reduce: Linear {
                weight: parameter(reduce, [features, self.backbone.features()], device),
                bias: None,
            },
            positions: table("positions", self.clip_positions()),
            queries: table("queries", self.motion_positions()),
            transformer: self.transformer.init(&random.named("transformer"), device)?,
            is_fused,
        })
    }
}

/// Halved so often, rounded up each time.
fn halved(size: usize, times: u32) -> usize {
    size.div_ceil(1 << times)
}

fn parameter<const D: usize>(values: Vec<f32>, shape: [usize; D], device: &Device) -> Param<Tensor<D>> {
    Param::from_tensor(Tensor::from_data(TensorData::new(values, shape), device))
}

/// Whether the last map is too coarse, and the one before is added: where a maximum follows the first convolution.
fn is_fused(architecture: Architecture) -> bool {
    matches!(architecture, Architecture::R3d26 | Architecture::R2Plus1d26)
}

/// The networks of CMD, up to the heads.
#[derive(Module, Debug)]
pub struct ContextMotion {
    /// V, the video backbone, which is kept.
    pub backbone: Backbone,
    motion: VideoResNet,
    context: VideoResNet,
    reduce: Linear,
    positions: Param<Tensor<2>>,
    queries: Param<Tensor<2>>,
    transformer: Transformer,
    is_fused: bool,
}

impl ContextMotion {
    /// Clips `[batch, 3, frames, height, width]` to the map that motion is predicted from, `[batch, frames', rows, columns, features]`; see
    /// [`ContextMotionConfig::clip_positions`]. Its mean ([`mean_pool3d`]) is to match the key frames.
    ///
    /// It is the last map, but for R3D-26 and R(2+1)D-26 the sum of the last one, enlarged to the grid of the one before, and that one
    /// with neighbouring frames side by side.
    pub fn clip_map(&self, clips: Tensor<5>, mode: &Mode) -> Tensor<5> {
        let [third, fourth] = self.backbone.forward_stages(clips, mode);
        if !self.is_fused {
            return fourth;
        }
        let third = neighbours_side_by_side(third);
        let [_, frames, rows, columns, _] = third.dims();
        third + enlarged(fourth, [frames, rows, columns])
    }

    /// A [clip's map](Self::clip_map) to what the motion network is expected to find, `[batch, motion positions, features of the Transformer]`. Training
    /// passes have `noise`.
    pub fn predicted_motion(&self, map: Tensor<5>, noise: Option<&Noise>) -> Tensor<3> {
        let memory = self.reduce.forward(places(map));
        self.transformer.forward(memory, self.positions.val(), self.queries.val(), noise)
    }

    /// Windows of motion vectors `[windows, 2, frames, height, width]` to `[windows, positions, features]`; positions go frame by frame and row by row, see
    /// [`ContextMotionConfig::motion_positions`].
    pub fn motion(&self, vectors: Tensor<5>, mode: &Mode) -> Tensor<3> {
        let [_, map] = self.motion.forward_stages(vectors.permute([0, 2, 3, 4, 1]), mode);
        places(map)
    }

    /// Key frames `[batch, 3, height, width]` to `[batch, features]`.
    pub fn context(&self, key_frames: Tensor<4>, mode: &Mode) -> Tensor<2> {
        let clips = key_frames.permute([0, 2, 3, 1]).unsqueeze_dim(1);
        let [_, map] = self.context.forward_stages(clips, mode);
        mean_pool3d(map)
    }
}

/// `[batch, frames, rows, columns, features]` to `[batch, positions, features]`.
fn places(map: Tensor<5>) -> Tensor<3> {
    let [batch, frames, rows, columns, features] = map.dims();
    map.reshape([batch, frames * rows * columns, features])
}

/// `[batch, 2 frames, rows, columns, channels]` to `[batch, frames, rows, columns, 2 channels]`.
fn neighbours_side_by_side(map: Tensor<5>) -> Tensor<5> {
    let [batch, frames, rows, columns, channels] = map.dims();
    let pairs = map.reshape([batch, frames / 2, 2, rows, columns, channels]);
    pairs.permute([0, 1, 3, 4, 2, 5]).reshape([batch, frames / 2, rows, columns, 2 * channels])
}

/// To a grid of this size, each place taking the value of the nearest (the one that its start falls into).
fn enlarged(map: Tensor<5>, grid: [usize; 3]) -> Tensor<5> {
    let mut map = map;
    for (axis, size) in (1..).zip(grid) {
        let old = map.dims()[axis];
        if old != size {
            let nearest: Vec<i64> = (0..size).map(|at| (at * old / size) as i64).collect();
            map = map.clone().select(axis, Tensor::<1, Int>::from_data(nearest.as_slice(), &map.device()));
        }
    }
    map
}

#[cfg(test)]
mod tests;
