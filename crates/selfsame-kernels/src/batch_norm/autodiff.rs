//! The backward steps of batch normalisation.

use std::sync::{Arc, Weak};

use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, AutodiffBackend, Backend};

use super::extension::{BatchNormBackend, Followed, InputGradients, Normalised, Statistics};
use crate::AllReduce;
use crate::all_reduce::Gone;
use crate::optional::Optional;

/// What both backward steps keep.
#[derive(Clone, Debug)]
struct Saved<B: Backend> {
    input: NodeId,
    /// The weight, or the scale.
    weight: NodeId,
    followed: Followed<B>,
}

/// What else batch normalisation keeps.
#[derive(Clone, Debug)]
struct Training<B: Backend> {
    saved: Saved<B>,
    statistics: Statistics<B>,
    // Weak, because Burn keeps the graph of a thread that panicked: held there, the rank would never be dropped and
    // the other ranks would wait for it forever.
    ranks: Option<Weak<dyn AllReduce>>,
}

/// With three parents (input, weight, bias), or four (and the residual).
#[derive(Debug)]
struct BatchNormStep;

impl<B: BatchNormBackend, const N: usize> Backward<B, N> for BatchNormStep {
    type State = Training<B>;

    fn backward(self, step: Ops<Training<B>, N>, gradients: &mut Gradients, checkpointer: &mut Checkpointer) {
        let output_gradient = gradients.consume::<B>(&step.node);
        let Training { saved, statistics, ranks } = step.state;
        let input = checkpointer.retrieve_node_output(saved.input);
        let weight = checkpointer.retrieve_node_output(saved.weight);
        let ranks = ranks.map(|ranks| ranks.upgrade().unwrap_or_else(|| Arc::new(Gone)));
        let found = B::batch_norm_over_ranks_backward(
            input,
            weight,
            statistics,
            saved.followed,
            output_gradient,
            ranks,
        );
        register(gradients, step.parents.map(|parent| parent.map(|node| node.id)), found);
    }
}

/// As [`BatchNormStep`], with scale and shift in place of weight and bias.
#[derive(Debug)]
struct ScaleAndShiftStep;

impl<B: BatchNormBackend, const N: usize> Backward<B, N> for ScaleAndShiftStep {
    type State = Saved<B>;

    fn backward(self, step: Ops<Saved<B>, N>, gradients: &mut Gradients, checkpointer: &mut Checkpointer) {
        let output_gradient = gradients.consume::<B>(&step.node);
        let input = checkpointer.retrieve_node_output(step.state.input);
        let scale = checkpointer.retrieve_node_output(step.state.weight);
        let found = B::scale_and_shift_backward(input, scale, step.state.followed, output_gradient);
        register(gradients, step.parents.map(|parent| parent.map(|node| node.id)), found);
    }
}

fn register<B: Backend, const N: usize>(
    gradients: &mut Gradients,
    parents: [Option<NodeId>; N],
    (found, residual): (InputGradients<B>, Option<FloatTensor<B>>),
) {
    let found = [Some(found.input), Some(found.weight), Some(found.bias), residual];
    for (parent, gradient) in parents.into_iter().zip(found) {
        if let (Some(parent), Some(gradient)) = (parent, gradient) {
            gradients.register::<B>(parent, gradient);
        }
    }
}

/// Makes `output` the result of a step with these parents, which keeps the input and the weight and what `state` makes of them.
fn record<B: BatchNormBackend, C: CheckpointStrategy, S: Backward<B, N>, const N: usize>(
    step: S,
    parents: [&FloatTensor<Autodiff<B, C>>; N],
    output: FloatTensor<B>,
    state: impl FnOnce([NodeId; 2]) -> S::State,
) -> FloatTensor<Autodiff<B, C>> {
    match step.prepare::<C>(parents.map(|tensor| tensor.node())).compute_bound().stateful() {
        OpsKind::Tracked(mut step) => {
            let kept = [parents[0], parents[1]].map(|tensor| step.checkpoint(tensor));
            step.finish(state(kept), output)
        }
        OpsKind::UnTracked(step) => step.finish(output),
    }
}

impl<B: BatchNormBackend, C: CheckpointStrategy> BatchNormBackend for Autodiff<B, C> {
    fn batch_norm_over_ranks(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        residual: Optional<Self>,
        relu: bool,
        epsilon: f64,
        ranks: Option<Arc<dyn AllReduce>>,
    ) -> Normalised<Self> {
        let weak = ranks.as_ref().map(Arc::downgrade);
        let [x, w, b] = [&input, &weight, &bias].map(|tensor| tensor.primitive().clone());
        let residual = residual.into_option();
        let r = Optional::new(residual.as_ref().map(|tensor| tensor.primitive().clone()));
        let Normalised { output, statistics } = B::batch_norm_over_ranks(x, w, b, r, relu, epsilon, ranks);
        let followed = Followed::new(residual.is_some(), relu, bias.primitive(), &output);
        let kept = statistics.clone();
        let state = |[input, weight]: [NodeId; 2]| Training {
            saved: Saved { input, weight, followed },
            statistics: kept,
            ranks: weak,
        };
        let output = match &residual {
            None => record::<B, C, _, 3>(BatchNormStep, [&input, &weight, &bias], output, state),
            Some(residual) => {
                record::<B, C, _, 4>(BatchNormStep, [&input, &weight, &bias, residual], output, state)
            }
        };
        let Statistics { mean, variance, count, epsilon } = statistics;
        let [mean, variance] = [mean, variance].map(<Self as AutodiffBackend>::from_inner);
        Normalised { output, statistics: Statistics { mean, variance, count, epsilon } }
    }

    fn scale_and_shift(
        input: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        residual: Optional<Self>,
        relu: bool,
    ) -> FloatTensor<Self> {
        let [x, a, b] = [&input, &scale, &shift].map(|tensor| tensor.primitive().clone());
        let residual = residual.into_option();
        let r = Optional::new(residual.as_ref().map(|tensor| tensor.primitive().clone()));
        let output = B::scale_and_shift(x, a, b, r, relu);
        let followed = Followed::new(residual.is_some(), relu, shift.primitive(), &output);
        let state = |[input, weight]: [NodeId; 2]| Saved { input, weight, followed };
        match &residual {
            None => record::<B, C, _, 3>(ScaleAndShiftStep, [&input, &scale, &shift], output, state),
            Some(residual) => {
                record::<B, C, _, 4>(ScaleAndShiftStep, [&input, &scale, &shift, residual], output, state)
            }
        }
    }
}
