//! The backward step of gathering rows.

use std::sync::Arc;

use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, TensorMetadata};

use super::extension::RowsBackend;

#[derive(Debug)]
struct GatherStep;

/// It needs no values: gathering is linear.
#[derive(Clone, Debug)]
struct Saved {
    indices: Arc<[u32]>,
    rows: usize,
}

impl<B: RowsBackend> Backward<B, 1> for GatherStep {
    type State = Saved;

    fn backward(self, step: Ops<Saved, 1>, gradients: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let [parent] = step.parents;
        let output_gradient = gradients.consume::<B>(&step.node);
        if let Some(parent) = parent {
            let Saved { indices, rows } = step.state;
            gradients.register::<B>(parent.id, B::gather_rows_backward(output_gradient, indices, rows));
        }
    }
}

impl<B: RowsBackend, C: CheckpointStrategy> RowsBackend for Autodiff<B, C> {
    fn gather_rows(table: FloatTensor<Self>, indices: Arc<[u32]>) -> FloatTensor<Self> {
        let rows = table.shape()[0];
        match GatherStep.prepare::<C>([table.node()]).compute_bound().stateful() {
            OpsKind::Tracked(step) => {
                let saved = Saved { indices: indices.clone(), rows };
                step.finish(saved, B::gather_rows(table.into_primitive(), indices))
            }
            OpsKind::UnTracked(step) => step.finish(B::gather_rows(table.into_primitive(), indices)),
        }
    }
}
