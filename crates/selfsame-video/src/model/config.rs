//! Which backbone, and how wide.

use std::fmt::{self, Display};

use burn::tensor::Device;
use selfsame_core::settings::unknown_name;
use selfsame_core::{Error, Random, Result};
use serde::{Deserialize, Serialize};

use super::{Backbone, C3d, Kernels, S3d, Stem, VideoResNetConfig};

/// A network for clips.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Architecture {
    /// torchvision's R3D-18: basic blocks of 3×3×3 kernels, 2-2-2-2.
    #[serde(rename = "r3d_18")]
    R3d18,
    /// torchvision's R(2+1)D-18: as R3D-18, with kernels factored into space and time.
    #[serde(rename = "r2plus1d_18")]
    R2Plus1d18,
    /// torchvision's S3D: Inception blocks with kernels separated into space and time.
    #[serde(rename = "s3d")]
    S3d,
    /// C3D with batch norm: eight convolutions of 3×3×3 kernels.
    #[serde(rename = "c3d")]
    C3d,
    /// CMD's R3D-26: bottlenecks, 2-2-2-2, and a maximum after the first convolution.
    #[serde(rename = "r3d_26")]
    R3d26,
    /// CMD's R(2+1)D-26: as R3D-26, with kernels factored into space and time.
    #[serde(rename = "r2plus1d_26")]
    R2Plus1d26,
}

impl Architecture {
    /// Every architecture; torchvision's first.
    pub const ALL: [Self; 6] =
        [Self::R3d18, Self::R2Plus1d18, Self::S3d, Self::C3d, Self::R3d26, Self::R2Plus1d26];

    /// The name that settings use, and torchvision where it has the network.
    pub fn name(self) -> &'static str {
        match self {
            Self::R3d18 => "r3d_18",
            Self::R2Plus1d18 => "r2plus1d_18",
            Self::S3d => "s3d",
            Self::C3d => "c3d",
            Self::R3d26 => "r3d_26",
            Self::R2Plus1d26 => "r2plus1d_26",
        }
    }

    /// What it is, in a few words.
    pub fn description(self) -> &'static str {
        match self {
            Self::R3d18 => "residual network of 3×3×3 kernels",
            Self::R2Plus1d18 => "residual network of 1×3×3 and 3×1×1 kernels",
            Self::S3d => "Inception network of separated kernels; the fewest parameters",
            Self::C3d => "eight convolutions of 3×3×3 kernels",
            Self::R3d26 => "residual network of bottlenecks with 3×3×3 kernels",
            Self::R2Plus1d26 => "residual network of bottlenecks with 1×3×3 and 3×1×1 kernels",
        }
    }

    /// Parameters at width 1, without a classifier.
    pub fn parameters(self) -> usize {
        match self {
            Self::R3d18 => 33_166_272,
            Self::R2Plus1d18 => 31_300_125,
            Self::S3d => 7_910_048,
            Self::C3d => 27_658_688,
            Self::R3d26 => 26_498_752,
            Self::R2Plus1d26 => 26_507_471,
        }
    }

    /// The backbone of this name.
    ///
    /// # Errors
    /// When there is none; the help names the nearest.
    pub fn by_name(name: &str) -> Result<Self> {
        let plain = |name: &str| name.to_lowercase().replace("(2+1)", "2plus1").replace(['-', '_'], "");
        let found = Self::ALL.into_iter().find(|architecture| plain(architecture.name()) == plain(name));
        found.ok_or_else(|| unknown_name("backbone for clips", name, &Self::ALL.map(Self::name)))
    }

    /// The fewest frames and the smallest side of clips that the network takes: with fewer, the last stage would see nothing, or nothing
    /// but padding.
    pub fn smallest(self) -> [usize; 2] {
        match self {
            Self::R3d18 | Self::R2Plus1d18 => [1, 16],
            Self::S3d => [5, 32],
            Self::C3d => [8, 16],
            Self::R3d26 | Self::R2Plus1d26 => [1, 32],
        }
    }
}

/// Configuration of a backbone for clips.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BackboneConfig {
    /// Which network.
    pub architecture: Architecture,
    /// Multiplies the channels of the whole network, rounded to whole numbers and at least 1; 1 is the paper's.
    pub width: f64,
}

impl Display for BackboneConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of width {}", self.architecture.name(), self.width)
    }
}

impl BackboneConfig {
    /// The paper's network.
    pub fn new(architecture: Architecture) -> Self {
        Self { architecture, width: 1.0 }
    }

    /// Features of the representation.
    pub fn features(&self) -> usize {
        match (self.architecture, self.resnet()) {
            (_, Some(resnet)) => resnet.features(),
            (Architecture::S3d, _) => S3d::features(self.width),
            _ => C3d::features(self.width),
        }
    }

    /// Whether clips of this size, in frames and pixels, can go through the network.
    ///
    /// # Errors
    /// When there are fewer than [`Architecture::smallest`].
    pub fn check_clip_size(&self, frames: usize, height: usize, width: usize) -> Result<()> {
        let [fewest, side] = self.architecture.smallest();
        if frames >= fewest && height.min(width) >= side {
            return Ok(());
        }
        let what = format!(
            "clips of {frames} frames with {width}×{height} pixels are too small for `{}`, which needs {fewest} frames with {side}×{side}",
            self.architecture.name()
        );
        Err(Error::config(
            what,
            "choose longer or larger clips, or another backbone (`selfsame list backbones`)",
        ))
    }

    /// With weights drawn at this address, as torchvision draws those of its residual networks.
    ///
    /// # Errors
    /// When the width is not a number between 1/64 and 64.
    pub fn init(&self, random: &Random, device: &Device) -> Result<Backbone> {
        Ok(match (self.architecture, self.resnet()) {
            (_, Some(resnet)) => Backbone::ResNet(resnet.init(random, device)?),
            (Architecture::S3d, _) => Backbone::S3d(S3d::init(self.width, random, device)?),
            _ => Backbone::C3d(C3d::init(self.width, random, device)?),
        })
    }

    /// The residual network that it is.
    fn resnet(&self) -> Option<VideoResNetConfig> {
        let (kernels, bottleneck, stem) = match self.architecture {
            Architecture::R3d18 => (Kernels::Full, false, Stem::Torchvision),
            Architecture::R2Plus1d18 => (Kernels::Factored, false, Stem::Torchvision),
            Architecture::R3d26 => (Kernels::Full, true, Stem::Pooled { stride: 2 }),
            Architecture::R2Plus1d26 => (Kernels::Factored, true, Stem::Pooled { stride: 2 }),
            Architecture::S3d | Architecture::C3d => return None,
        };
        Some(VideoResNetConfig { kernels, blocks: [2; 4], bottleneck, stem, input: 3, width: self.width })
    }
}
