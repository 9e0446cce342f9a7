//! The backward step of RoIAlign.

use std::sync::Arc;

use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, TensorMetadata};
use burn::tensor::Shape;

use super::extension::RoiAlignBackend;
use super::reading::Reading;

#[derive(Debug)]
struct ReadStep;

/// It needs no values: reading is linear.
#[derive(Clone, Debug)]
struct Saved {
    reading: Arc<Reading>,
    shape: Shape,
}

impl<B: RoiAlignBackend> Backward<B, 1> for ReadStep {
    type State = Saved;

    fn backward(self, step: Ops<Saved, 1>, gradients: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let [parent] = step.parents;
        let output_gradient = gradients.consume::<B>(&step.node);
        if let Some(parent) = parent {
            let Saved { reading, shape } = step.state;
            gradients.register::<B>(parent.id, B::read_regions_backward(output_gradient, reading, shape));
        }
    }
}

impl<B: RoiAlignBackend, C: CheckpointStrategy> RoiAlignBackend for Autodiff<B, C> {
    fn read_regions(maps: FloatTensor<Self>, reading: Arc<Reading>) -> FloatTensor<Self> {
        let shape = maps.shape();
        match ReadStep.prepare::<C>([maps.node()]).compute_bound().stateful() {
            OpsKind::Tracked(step) => {
                let saved = Saved { reading: reading.clone(), shape };
                step.finish(saved, B::read_regions(maps.into_primitive(), reading))
            }
            OpsKind::UnTracked(step) => step.finish(B::read_regions(maps.into_primitive(), reading)),
        }
    }
}
