//! Layers one after the other, each named by its place as in PyTorch's `nn.Sequential`: activations and pools count.

use burn::module::Module;
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};
use selfsame_core::Random;
use selfsame_core::nn::{
    BatchNorm, BatchNormConfig, ClipWindows, Conv3d, Conv3dConfig, Epilogue, Mode, max_pool3d,
};

use super::s3d::Inception;

/// A layer of a network for clips.
// Modules of Burn lie where they are used; a network has a few dozen layers, of which most are the large ones.
#[allow(clippy::large_enum_variant)]
#[derive(Module, Debug)]
pub enum Layer {
    Convolution(Conv3d),
    Norm(BatchNorm),
    Relu(Relu),
    Pool(MaxPool),
    Sequential(Vec<Layer>),
    Inception(Inception),
}

/// Has no parameters, but a place.
#[derive(Module, Debug)]
pub struct Relu;

/// Has no parameters, but a place.
#[derive(Module, Debug)]
pub struct MaxPool {
    #[module(skip)]
    windows: ClipWindows,
}

impl Layer {
    /// With weights drawn at this address.
    pub fn convolution(config: Conv3dConfig, random: &Random, device: &Device) -> Self {
        Self::Convolution(config.init(random, device))
    }

    /// With PyTorch's defaults.
    pub fn norm(channels: usize, device: &Device) -> Self {
        Self::Norm(BatchNormConfig::new(channels).init(device))
    }

    /// With windows of these frames, rows and columns.
    pub fn pool(kernel: [usize; 3], stride: [usize; 3], padding: [usize; 3]) -> Self {
        Self::Pool(MaxPool { windows: ClipWindows { kernel, stride, padding } })
    }
}

/// `[batch, frames, height, width, channels]` through all layers. A ReLU that follows a norm is done in the norm's pass over memory.
pub fn forward(layers: &[Layer], input: Tensor<5>, mode: &Mode) -> Tensor<5> {
    let mut layers = layers.iter().peekable();
    let mut x = input;
    while let Some(layer) = layers.next() {
        x = match layer {
            Layer::Convolution(convolution) => convolution.forward(x),
            Layer::Norm(norm) => {
                let then_relu = layers.next_if(|next| matches!(next, Layer::Relu(_))).is_some();
                let epilogue = if then_relu { Epilogue::relu() } else { Epilogue::none() };
                norm.forward_then(x, epilogue, mode)
            }
            Layer::Relu(_) => relu(x),
            Layer::Pool(pool) => max_pool3d(x, pool.windows),
            Layer::Sequential(layers) => forward(layers, x, mode),
            Layer::Inception(inception) => inception.forward(x, mode),
        };
    }
    x
}

/// As [`forward`], then the addition of the shortcut and a ReLU, which are done in the last norm's pass over memory.
pub fn forward_residual(layers: &[Layer], input: Tensor<5>, shortcut: Tensor<5>, mode: &Mode) -> Tensor<5> {
    match layers {
        [before @ .., Layer::Norm(norm)] => {
            norm.forward_then(forward(before, input, mode), Epilogue::residual_relu(shortcut), mode)
        }
        _ => relu(forward(layers, input, mode) + shortcut),
    }
}
