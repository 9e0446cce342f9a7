//! Convolution as an operation of Burn's backends, with its own backward step.

use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Flex, backend_extension};
use burn::tensor::{DType, Shape};

use super::extent::Extent;
use super::{Window, cpu, portable};
use crate::flex::tensor;

#[backend_extension(
    Flex,
    Cube: cfg(any(feature = "wgpu", feature = "vulkan", feature = "metal", feature = "cuda", feature = "rocm")),
    Autodiff
)]
pub trait ConvolutionBackend: Backend {
    /// See [`conv2d`](super::conv2d) and [`conv3d`](super::conv3d).
    fn convolution_channels_last(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        window: Window,
    ) -> FloatTensor<Self> {
        portable::forward::<Self>(input, weight, window)
    }

    /// The gradient of the input, given that of the output. Of `input`, only the shape counts.
    fn convolution_channels_last_input_gradient(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        output_gradient: FloatTensor<Self>,
        window: Window,
    ) -> FloatTensor<Self> {
        portable::input_gradient::<Self>(input, weight, output_gradient, window)
    }

    /// The gradient of the weight, given that of the output. Of `weight`, only the shape counts.
    fn convolution_channels_last_weight_gradient(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        output_gradient: FloatTensor<Self>,
        window: Window,
    ) -> FloatTensor<Self> {
        portable::weight_gradient::<Self>(input, weight, output_gradient, window)
    }
}

#[cfg(any(feature = "wgpu", feature = "vulkan", feature = "metal", feature = "cuda", feature = "rocm"))]
impl ConvolutionBackend for burn::backend::Cube {}

impl ConvolutionBackend for Flex {
    fn convolution_channels_last(input: FlexTensor, weight: FlexTensor, window: Window) -> FlexTensor {
        let extent = extent(&input, &weight, window);
        on_slices(cpu::forward, &extent, [&input, &weight], output_shape(&input, &extent))
            .unwrap_or_else(|| portable::forward::<Self>(input, weight, window))
    }

    fn convolution_channels_last_input_gradient(
        input: FlexTensor,
        weight: FlexTensor,
        output_gradient: FlexTensor,
        window: Window,
    ) -> FlexTensor {
        let extent = extent(&input, &weight, window);
        on_slices(cpu::input_gradient, &extent, [&output_gradient, &weight], input.layout().shape())
            .unwrap_or_else(|| portable::input_gradient::<Self>(input, weight, output_gradient, window))
    }

    fn convolution_channels_last_weight_gradient(
        input: FlexTensor,
        weight: FlexTensor,
        output_gradient: FlexTensor,
        window: Window,
    ) -> FlexTensor {
        let extent = extent(&input, &weight, window);
        on_slices(cpu::weight_gradient, &extent, [&input, &output_gradient], weight.layout().shape())
            .unwrap_or_else(|| portable::weight_gradient::<Self>(input, weight, output_gradient, window))
    }
}

fn extent(input: &FlexTensor, weight: &FlexTensor, window: Window) -> Extent {
    Extent::new(input.layout().shape(), weight.layout().shape(), window)
}

/// `[batch, height', width', outputs]`, for clips with frames before the height.
fn output_shape(input: &FlexTensor, extent: &Extent) -> Vec<usize> {
    let axes = input.layout().shape().num_dims() - 2;
    [&[extent.batch], &extent.output[3 - axes..], &[extent.outputs]].concat()
}

/// What `work` makes of two tensors; nothing unless they are `f32`.
fn on_slices(
    work: fn(&Extent, &[f32], &[f32]) -> Vec<f32>,
    extent: &Extent,
    sources: [&FlexTensor; 2],
    shape: impl Into<Shape>,
) -> Option<FlexTensor> {
    if sources.iter().any(|source| source.dtype() != DType::F32) {
        return None;
    }
    let sources = sources.map(FlexTensor::to_contiguous);
    let [left, right]: [&[f32]; 2] = sources.each_ref().map(FlexTensor::storage);
    let is_empty = left.is_empty() || right.is_empty();
    let shape: Shape = shape.into();
    let target = if is_empty { vec![0.0; shape.num_elements()] } else { work(extent, left, right) };
    Some(tensor(target, shape))
}

#[derive(Debug)]
struct ConvolutionStep;

/// What the backward step keeps.
#[derive(Clone, Debug)]
struct Saved {
    input: NodeId,
    weight: NodeId,
    window: Window,
}

impl<B: ConvolutionBackend> Backward<B, 2> for ConvolutionStep {
    type State = Saved;

    fn backward(self, step: Ops<Saved, 2>, gradients: &mut Gradients, checkpointer: &mut Checkpointer) {
        let [input_node, weight_node] = step.parents;
        let output_gradient = gradients.consume::<B>(&step.node);
        let Saved { input, weight, window } = step.state;
        let input: FloatTensor<B> = checkpointer.retrieve_node_output(input);
        let weight: FloatTensor<B> = checkpointer.retrieve_node_output(weight);
        // There is no node where no gradient is needed, as for images and for frozen weights.
        if let Some(node) = weight_node {
            let gradient = B::convolution_channels_last_weight_gradient(
                input.clone(),
                weight.clone(),
                output_gradient.clone(),
                window,
            );
            gradients.register::<B>(node.id, gradient);
        }
        if let Some(node) = input_node {
            let gradient =
                B::convolution_channels_last_input_gradient(input, weight, output_gradient, window);
            gradients.register::<B>(node.id, gradient);
        }
    }
}

impl<B: ConvolutionBackend, C: CheckpointStrategy> ConvolutionBackend for Autodiff<B, C> {
    fn convolution_channels_last(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        window: Window,
    ) -> FloatTensor<Self> {
        let nodes = [input.node(), weight.node()];
        match ConvolutionStep.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(mut step) => {
                let saved =
                    Saved { input: step.checkpoint(&input), weight: step.checkpoint(&weight), window };
                let output =
                    B::convolution_channels_last(input.into_primitive(), weight.into_primitive(), window);
                step.finish(saved, output)
            }
            OpsKind::UnTracked(step) => step.finish(B::convolution_channels_last(
                input.into_primitive(),
                weight.into_primitive(),
                window,
            )),
        }
    }
}
