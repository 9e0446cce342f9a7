//! The backward step of linear layers.

use burn::backend::Autodiff;
use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;

use super::extension::LinearBackend;
use crate::optional::Optional;

/// With two parents (input and weight), or three (and the bias).
#[derive(Debug)]
struct LinearStep;

/// Where input and weight are kept.
#[derive(Clone, Debug)]
struct Saved {
    input: NodeId,
    weight: NodeId,
}

impl<B: LinearBackend, const N: usize> Backward<B, N> for LinearStep {
    type State = Saved;

    fn backward(self, step: Ops<Saved, N>, gradients: &mut Gradients, checkpointer: &mut Checkpointer) {
        let output_gradient = gradients.consume::<B>(&step.node);
        let input: FloatTensor<B> = checkpointer.retrieve_node_output(step.state.input);
        let weight: FloatTensor<B> = checkpointer.retrieve_node_output(step.state.weight);
        let of = |parent: usize| step.parents.get(parent).and_then(Option::as_ref).map(|node| node.id);
        // There is no node where no gradient is needed, as for features that come from frozen layers.
        if let Some(node) = of(2) {
            gradients.register::<B>(node, B::linear_layer_bias_gradient(output_gradient.clone()));
        }
        match (of(0), of(1)) {
            (Some(input_node), Some(weight_node)) => {
                let (of_input, of_weight) = B::linear_layer_gradients(input, weight, output_gradient);
                gradients.register::<B>(input_node, of_input);
                gradients.register::<B>(weight_node, of_weight);
            }
            (Some(node), None) => {
                gradients.register::<B>(node, B::linear_layer_input_gradient(weight, output_gradient));
            }
            (None, Some(node)) => {
                gradients.register::<B>(node, B::linear_layer_weight_gradient(input, output_gradient));
            }
            (None, None) => (),
        }
    }
}

impl<B: LinearBackend, C: CheckpointStrategy> LinearBackend for Autodiff<B, C> {
    fn linear_layer(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: Optional<Self>,
    ) -> FloatTensor<Self> {
        let bias = bias.into_option();
        let inner = Optional::new(bias.as_ref().map(|bias| bias.primitive().clone()));
        let output = B::linear_layer(input.primitive().clone(), weight.primitive().clone(), inner);
        match &bias {
            Some(bias) => record::<B, C, 3>([&input, &weight, bias], output),
            None => record::<B, C, 2>([&input, &weight], output),
        }
    }
}

/// Makes `output` the result of a step with these parents.
fn record<B: LinearBackend, C: CheckpointStrategy, const N: usize>(
    parents: [&FloatTensor<Autodiff<B, C>>; N],
    output: FloatTensor<B>,
) -> FloatTensor<Autodiff<B, C>> {
    match LinearStep.prepare::<C>(parents.map(|tensor| tensor.node())).compute_bound().stateful() {
        OpsKind::Tracked(mut step) => {
            let [input, weight] = [parents[0], parents[1]].map(|tensor| step.checkpoint(tensor));
            step.finish(Saved { input, weight }, output)
        }
        OpsKind::UnTracked(step) => step.finish(output),
    }
}
