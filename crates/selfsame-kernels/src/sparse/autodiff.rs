//! The backward steps of sparse products, which need no values: products are linear.

use std::sync::Arc;

use burn::backend::Autodiff;
use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;

use super::SparseMatrix;
use super::extension::SparseBackend;

#[derive(Debug)]
struct MultiplyStep;

impl<B: SparseBackend> Backward<B, 1> for MultiplyStep {
    type State = SparseMatrix;

    fn backward(
        self,
        step: Ops<SparseMatrix, 1>,
        gradients: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let [parent] = step.parents;
        let output_gradient = gradients.consume::<B>(&step.node);
        if let Some(parent) = parent {
            let gradient = B::multiply_sparse(output_gradient, step.state.transpose().clone());
            gradients.register::<B>(parent.id, gradient);
        }
    }
}

#[derive(Debug)]
struct PropagateStep;

impl<B: SparseBackend> Backward<B, 1> for PropagateStep {
    type State = Arc<[SparseMatrix]>;

    fn backward(
        self,
        step: Ops<Self::State, 1>,
        gradients: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let [parent] = step.parents;
        let output_gradient = gradients.consume::<B>(&step.node);
        if let Some(parent) = parent {
            gradients.register::<B>(parent.id, B::propagate_backward(output_gradient, step.state));
        }
    }
}

#[derive(Debug)]
struct PropagateRowsStep;

impl<B: SparseBackend> Backward<B, 1> for PropagateRowsStep {
    type State = (Arc<[SparseMatrix]>, Arc<[u32]>);

    fn backward(
        self,
        step: Ops<Self::State, 1>,
        gradients: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let [parent] = step.parents;
        let output_gradient = gradients.consume::<B>(&step.node);
        if let Some(parent) = parent {
            let (layers, rows) = step.state;
            let gradient = B::propagate_rows_backward(output_gradient, layers, rows);
            gradients.register::<B>(parent.id, gradient);
        }
    }
}

impl<B: SparseBackend, C: CheckpointStrategy> SparseBackend for Autodiff<B, C> {
    fn multiply_sparse(dense: FloatTensor<Self>, matrix: SparseMatrix) -> FloatTensor<Self> {
        match MultiplyStep.prepare::<C>([dense.node()]).compute_bound().stateful() {
            OpsKind::Tracked(step) => {
                step.finish(matrix.clone(), B::multiply_sparse(dense.into_primitive(), matrix))
            }
            OpsKind::UnTracked(step) => step.finish(B::multiply_sparse(dense.into_primitive(), matrix)),
        }
    }

    fn propagate(table: FloatTensor<Self>, layers: Arc<[SparseMatrix]>) -> FloatTensor<Self> {
        match PropagateStep.prepare::<C>([table.node()]).compute_bound().stateful() {
            OpsKind::Tracked(step) => {
                step.finish(layers.clone(), B::propagate(table.into_primitive(), layers))
            }
            OpsKind::UnTracked(step) => step.finish(B::propagate(table.into_primitive(), layers)),
        }
    }

    fn propagate_rows(
        table: FloatTensor<Self>,
        layers: Arc<[SparseMatrix]>,
        rows: Arc<[u32]>,
    ) -> FloatTensor<Self> {
        match PropagateRowsStep.prepare::<C>([table.node()]).compute_bound().stateful() {
            OpsKind::Tracked(step) => step.finish(
                (layers.clone(), rows.clone()),
                B::propagate_rows(table.into_primitive(), layers, rows),
            ),
            OpsKind::UnTracked(step) => step.finish(B::propagate_rows(table.into_primitive(), layers, rows)),
        }
    }
}
