//! The backward step of whitening.

use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, AutodiffBackend, Backend};

use super::Groups;
use super::extension::{WhitenBackend, Whitened};

#[derive(Debug)]
struct WhitenStep;

/// What it keeps.
#[derive(Clone, Debug)]
struct Saved<B: Backend> {
    output: FloatTensor<B>,
    inverses: FloatTensor<B>,
    groups: Groups,
    epsilon: f64,
}

impl<B: WhitenBackend> Backward<B, 1> for WhitenStep {
    type State = Saved<B>;

    fn backward(
        self,
        step: Ops<Self::State, 1>,
        gradients: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let [parent] = step.parents;
        let output_gradient = gradients.consume::<B>(&step.node);
        let Saved { output, inverses, groups, epsilon } = step.state;
        if let Some(parent) = parent {
            let gradient = B::whiten_backward(output, inverses, output_gradient, groups, epsilon);
            gradients.register::<B>(parent.id, gradient);
        }
    }
}

impl<B: WhitenBackend, C: CheckpointStrategy> WhitenBackend for Autodiff<B, C> {
    fn whiten(input: FloatTensor<Self>, groups: Groups, epsilon: f64) -> Whitened<Self> {
        let Whitened { output, inverses, singular } =
            B::whiten(input.primitive().clone(), groups.clone(), epsilon);
        let kept = inverses.clone();
        let output = match WhitenStep.prepare::<C>([input.node()]).compute_bound().stateful() {
            OpsKind::Tracked(step) => {
                let saved = Saved { output: output.clone(), inverses, groups, epsilon };
                step.finish(saved, output)
            }
            OpsKind::UnTracked(step) => step.finish(output),
        };
        Whitened { output, inverses: <Self as AutodiffBackend>::from_inner(kept), singular }
    }
}
