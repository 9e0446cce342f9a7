//! The backward steps of pooling.

use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, TensorMetadata};
use burn::tensor::Shape;

use super::ClipWindows;
use super::extension::PoolBackend;

#[derive(Debug)]
struct MaxPoolStep;

/// What it keeps. Both tensors are kept by the neighbouring operations anyway, unlike a list of where the largest values were.
#[derive(Clone, Debug)]
struct MaxPoolSaved<B: Backend> {
    input: NodeId,
    output: FloatTensor<B>,
    windows: ClipWindows,
}

impl<B: PoolBackend> Backward<B, 1> for MaxPoolStep {
    type State = MaxPoolSaved<B>;

    fn backward(self, step: Ops<Self::State, 1>, gradients: &mut Gradients, checkpointer: &mut Checkpointer) {
        let [parent] = step.parents;
        let output_gradient = gradients.consume::<B>(&step.node);
        let MaxPoolSaved { input, output, windows } = step.state;
        let input = checkpointer.retrieve_node_output(input);
        if let Some(parent) = parent {
            let gradient = B::max_pool_backward(input, output, output_gradient, windows);
            gradients.register::<B>(parent.id, gradient);
        }
    }
}

#[derive(Debug)]
struct MeanPoolStep;

impl<B: PoolBackend> Backward<B, 1> for MeanPoolStep {
    type State = Shape;

    fn backward(self, step: Ops<Shape, 1>, gradients: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let [parent] = step.parents;
        let output_gradient = gradients.consume::<B>(&step.node);
        if let Some(parent) = parent {
            gradients.register::<B>(parent.id, B::mean_pool_backward(output_gradient, step.state));
        }
    }
}

impl<B: PoolBackend, C: CheckpointStrategy> PoolBackend for Autodiff<B, C> {
    fn max_pool(input: FloatTensor<Self>, windows: ClipWindows) -> FloatTensor<Self> {
        let output = B::max_pool(input.primitive().clone(), windows);
        match MaxPoolStep.prepare::<C>([input.node()]).compute_bound().stateful() {
            OpsKind::Tracked(mut step) => {
                let saved = MaxPoolSaved { input: step.checkpoint(&input), output: output.clone(), windows };
                step.finish(saved, output)
            }
            OpsKind::UnTracked(step) => step.finish(output),
        }
    }

    fn mean_pool(input: FloatTensor<Self>) -> FloatTensor<Self> {
        let shape = input.shape();
        match MeanPoolStep.prepare::<C>([input.node()]).compute_bound().stateful() {
            OpsKind::Tracked(step) => step.finish(shape, B::mean_pool(input.into_primitive())),
            OpsKind::UnTracked(step) => step.finish(B::mean_pool(input.into_primitive())),
        }
    }
}
