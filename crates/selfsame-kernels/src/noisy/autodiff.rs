//! The backward step of noisy weights.

use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend};

use super::extension::NoisyBackend;

#[derive(Debug)]
struct NoisyStep;

/// The noise.
#[derive(Clone, Debug)]
struct Saved<B: Backend> {
    of_output: FloatTensor<B>,
    of_input: FloatTensor<B>,
}

impl<B: NoisyBackend> Backward<B, 2> for NoisyStep {
    type State = Saved<B>;

    fn backward(self, step: Ops<Saved<B>, 2>, gradients: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let [mean, deviation] = step.parents;
        let gradient = gradients.consume::<B>(&step.node);
        let Saved { of_output, of_input } = step.state;
        if let Some(node) = deviation {
            let found = B::noisy_weight_deviation_gradient(gradient.clone(), of_output, of_input);
            gradients.register::<B>(node.id, found);
        }
        if let Some(node) = mean {
            gradients.register::<B>(node.id, gradient);
        }
    }
}

impl<B: NoisyBackend, C: CheckpointStrategy> NoisyBackend for Autodiff<B, C> {
    fn noisy_weight(
        mean: FloatTensor<Self>,
        deviation: FloatTensor<Self>,
        of_output: FloatTensor<Self>,
        of_input: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let nodes = [mean.node(), deviation.node()];
        let [mean, deviation, of_output, of_input] =
            [mean, deviation, of_output, of_input].map(|tensor| tensor.into_primitive());
        let noise = Saved::<B> { of_output: of_output.clone(), of_input: of_input.clone() };
        let weight = B::noisy_weight(mean, deviation, of_output, of_input);
        match NoisyStep.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(step) => step.finish(noise, weight),
            OpsKind::UnTracked(step) => step.finish(weight),
        }
    }
}
