//! Convolution as an operation of Burn's backends, with its own backward step.

use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Flex, backend_extension};
use burn::tensor::DType;
use burn::tensor::ops::ConvOptions;

use super::cpu;

fn options(stride: usize, padding: usize) -> ConvOptions<2> {
    ConvOptions::new([stride; 2], [padding; 2], [1, 1], 1)
}

#[backend_extension(
    Flex,
    Cube: cfg(any(feature = "wgpu", feature = "vulkan", feature = "metal", feature = "cuda", feature = "rocm")),
    Autodiff
)]
pub trait Conv2dBackend: Backend {
    /// See [`conv2d`](super::conv2d).
    fn conv2d_over_patches(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        stride: usize,
        padding: usize,
    ) -> FloatTensor<Self> {
        Self::conv2d(input, weight, None, options(stride, padding))
    }

    /// The gradient of the input, given that of the output. Of `input`, only the shape counts.
    fn conv2d_over_patches_input_gradient(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        output_gradient: FloatTensor<Self>,
        stride: usize,
        padding: usize,
    ) -> FloatTensor<Self> {
        Self::conv2d_x_backward(input, weight, output_gradient, options(stride, padding))
    }

    /// The gradient of the weight, given that of the output. Of `weight`, only the shape counts.
    fn conv2d_over_patches_weight_gradient(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        output_gradient: FloatTensor<Self>,
        stride: usize,
        padding: usize,
    ) -> FloatTensor<Self> {
        Self::conv2d_weight_backward(input, weight, output_gradient, options(stride, padding))
    }
}

#[cfg(any(feature = "wgpu", feature = "vulkan", feature = "metal", feature = "cuda", feature = "rocm"))]
impl Conv2dBackend for burn::backend::Cube {}

impl Conv2dBackend for Flex {
    fn conv2d_over_patches(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        stride: usize,
        padding: usize,
    ) -> FloatTensor<Self> {
        use burn::backend::ops::ModuleOps;
        match (input.dtype(), weight.dtype()) {
            (DType::F32, DType::F32) => cpu::forward(&input, &weight, stride, padding),
            _ => <Self as ModuleOps<Self>>::conv2d(input, weight, None, options(stride, padding)),
        }
    }

    fn conv2d_over_patches_input_gradient(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        output_gradient: FloatTensor<Self>,
        stride: usize,
        padding: usize,
    ) -> FloatTensor<Self> {
        use burn::backend::ops::ModuleOps;
        match (weight.dtype(), output_gradient.dtype()) {
            (DType::F32, DType::F32) => {
                cpu::input_gradient(&input, &weight, &output_gradient, stride, padding)
            }
            _ => <Self as ModuleOps<Self>>::conv2d_x_backward(
                input,
                weight,
                output_gradient,
                options(stride, padding),
            ),
        }
    }

    fn conv2d_over_patches_weight_gradient(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        output_gradient: FloatTensor<Self>,
        stride: usize,
        padding: usize,
    ) -> FloatTensor<Self> {
        use burn::backend::ops::ModuleOps;
        match (input.dtype(), output_gradient.dtype()) {
            (DType::F32, DType::F32) => {
                cpu::weight_gradient(&input, &weight, &output_gradient, stride, padding)
            }
            _ => <Self as ModuleOps<Self>>::conv2d_weight_backward(
                input,
                weight,
                output_gradient,
                options(stride, padding),
            ),
        }
    }
}

#[derive(Debug)]
struct Conv2dStep;

/// What the backward step keeps.
#[derive(Clone, Debug)]
struct Saved {
    input: burn::backend::autodiff::NodeId,
    weight: burn::backend::autodiff::NodeId,
    stride: usize,
    padding: usize,
}

impl<B: Conv2dBackend> Backward<B, 2> for Conv2dStep {
    type State = Saved;

    fn backward(self, step: Ops<Saved, 2>, gradients: &mut Gradients, checkpointer: &mut Checkpointer) {
        let [input_node, weight_node] = step.parents;
        let output_gradient = gradients.consume::<B>(&step.node);
        let Saved { input, weight, stride, padding } = step.state;
        let input: FloatTensor<B> = checkpointer.retrieve_node_output(input);
        let weight: FloatTensor<B> = checkpointer.retrieve_node_output(weight);
        if let Some(node) = weight_node {
            let gradient = B::conv2d_over_patches_weight_gradient(
                input.clone(),
                weight.clone(),
                output_gradient.clone(),
                stride,
                padding,
            );
            gradients.register::<B>(node.id, gradient);
        }
        if let Some(node) = input_node {
            let gradient =
                B::conv2d_over_patches_input_gradient(input, weight, output_gradient, stride, padding);
            gradients.register::<B>(node.id, gradient);
        }
    }
}

impl<B: Conv2dBackend, C: CheckpointStrategy> Conv2dBackend for Autodiff<B, C> {
    fn conv2d_over_patches(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        stride: usize,
        padding: usize,
    ) -> FloatTensor<Self> {
        let nodes = [input.node(), weight.node()];
        match Conv2dStep.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(mut step) => {
                let (input_id, weight_id) = (step.checkpoint(&input), step.checkpoint(&weight));
                let [input, weight] = [input, weight].map(|tensor| tensor.into_primitive());
                let output = B::conv2d_over_patches(input, weight, stride, padding);
                step.finish(Saved { input: input_id, weight: weight_id, stride, padding }, output)
            }
            OpsKind::UnTracked(step) => {
                let [input, weight] = [input, weight].map(|tensor| tensor.into_primitive());
                step.finish(B::conv2d_over_patches(input, weight, stride, padding))
            }
        }
    }
}
