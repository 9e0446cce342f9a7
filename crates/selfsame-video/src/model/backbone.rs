//! A backbone, whichever it is.

use burn::module::Module;
use burn::tensor::Tensor;
use selfsame_core::nn::{Mode, mean_pool3d};

use super::{C3d, S3d, VideoResNet};

/// A network for clips without its classifier; see [`BackboneConfig::init`](super::BackboneConfig::init). Its parameters have torchvision's names.
#[derive(Module, Debug)]
pub enum Backbone {
    /// R3D and R(2+1)D.
    ResNet(VideoResNet),
    /// S3D.
    S3d(S3d),
    /// C3D.
    C3d(C3d),
}

impl Backbone {
    /// Clips `[batch, 3, frames, height, width]` to representations `[batch, features]`, the mean of the map.
    pub fn forward(&self, clips: Tensor<5>, mode: &Mode) -> Tensor<2> {
        let [_, map] = self.forward_stages(clips, mode);
        mean_pool3d(map)
    }

    /// Clips `[batch, 3, frames, height, width]` to the map before pooling, `[batch, features, frames', rows, columns]`.
    pub fn forward_map(&self, clips: Tensor<5>, mode: &Mode) -> Tensor<5> {
        let [_, map] = self.forward_stages(clips, mode);
        map.permute([0, 4, 1, 2, 3])
    }

    /// Clips `[batch, 3, frames, height, width]` to the maps after the last stage but one (layer 3 of the residual networks) and after the last,
    /// `[batch, frames', rows, columns, channels]`: from the first layer on, all maps have their channels last.
    pub fn forward_stages(&self, clips: Tensor<5>, mode: &Mode) -> [Tensor<5>; 2] {
        let clips = clips.permute([0, 2, 3, 4, 1]);
        match self {
            Self::ResNet(network) => network.forward_stages(clips, mode),
            Self::S3d(network) => network.forward_stages(clips, mode),
            Self::C3d(network) => network.forward_stages(clips, mode),
        }
    }
}
