//! Batch normalisation as an operation of Burn's backends, with its own backward step.

use std::sync::{Arc, Weak};

use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, AutodiffBackend, Backend, ExtensionType, Flex, backend_extension};
use burn::tensor::DType;

use super::{cpu, portable};
use crate::AllReduce;
use crate::all_reduce::Gone;

/// Statistics of every channel over all ranks.
#[derive(Clone, Debug, ExtensionType)]
pub struct Statistics<B: Backend> {
    /// `[channels]`.
    pub mean: FloatTensor<B>,
    /// Biased, `[channels]`.
    pub variance: FloatTensor<B>,
    /// Elements per channel.
    pub count: usize,
}

/// The normalised input and the statistics that normalised it.
#[derive(Clone, Debug, ExtensionType)]
pub struct Normalised<B: Backend> {
    /// In the input's shape.
    pub output: FloatTensor<B>,
    #[extension_type]
    pub statistics: Statistics<B>,
}

/// Gradients of what went in.
#[derive(Clone, Debug, ExtensionType)]
pub struct InputGradients<B: Backend> {
    /// In the input's shape.
    pub input: FloatTensor<B>,
    /// `[channels]`, this rank's part.
    pub weight: FloatTensor<B>,
    /// `[channels]`, this rank's part.
    pub bias: FloatTensor<B>,
}

#[backend_extension(
    Flex,
    Cube: cfg(any(feature = "wgpu", feature = "vulkan", feature = "metal", feature = "cuda", feature = "rocm")),
    Autodiff
)]
pub trait BatchNormBackend: Backend {
    /// See [`batch_norm`](super::batch_norm).
    fn batch_norm_over_ranks(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        epsilon: f64,
        ranks: Option<Arc<dyn AllReduce>>,
    ) -> Normalised<Self> {
        portable::forward::<Self>(input, weight, bias, epsilon, ranks.as_deref())
    }

    /// The gradients of the input, the weight and the bias, given that of the output.
    fn batch_norm_over_ranks_backward(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        #[extension_type] statistics: Statistics<Self>,
        output_gradient: FloatTensor<Self>,
        epsilon: f64,
        ranks: Option<Arc<dyn AllReduce>>,
    ) -> InputGradients<Self> {
        portable::backward::<Self>(input, weight, statistics, output_gradient, epsilon, ranks.as_deref())
    }
}

#[cfg(any(feature = "wgpu", feature = "vulkan", feature = "metal", feature = "cuda", feature = "rocm"))]
impl BatchNormBackend for burn::backend::Cube {}

impl BatchNormBackend for Flex {
    fn batch_norm_over_ranks(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        epsilon: f64,
        ranks: Option<Arc<dyn AllReduce>>,
    ) -> Normalised<Self> {
        match input.dtype() {
            DType::F32 => cpu::forward(&input, &weight, &bias, epsilon, ranks.as_deref()),
            _ => portable::forward::<Self>(input, weight, bias, epsilon, ranks.as_deref()),
        }
    }

    fn batch_norm_over_ranks_backward(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        statistics: Statistics<Self>,
        output_gradient: FloatTensor<Self>,
        epsilon: f64,
        ranks: Option<Arc<dyn AllReduce>>,
    ) -> InputGradients<Self> {
        match input.dtype() {
            DType::F32 => {
                cpu::backward(&input, &weight, &statistics, output_gradient, epsilon, ranks.as_deref())
            }
            _ => portable::backward::<Self>(
                input,
                weight,
                statistics,
                output_gradient,
                epsilon,
                ranks.as_deref(),
            ),
        }
    }
}

/// What the backward step keeps besides the checkpointed input and weight.
#[derive(Clone, Debug)]
struct Saved<B: Backend> {
    input: burn::backend::autodiff::NodeId,
    weight: burn::backend::autodiff::NodeId,
    statistics: Statistics<B>,
    epsilon: f64,
    // Weak, because Burn keeps the graph of a thread that panicked: held there, the rank would never be dropped and
    // the other ranks would wait for it forever.
    ranks: Option<Weak<dyn AllReduce>>,
}

#[derive(Debug)]
struct BatchNormStep;

impl<B: BatchNormBackend> Backward<B, 3> for BatchNormStep {
    type State = Saved<B>;

    fn backward(self, step: Ops<Saved<B>, 3>, gradients: &mut Gradients, checkpointer: &mut Checkpointer) {
        let [input_node, weight_node, bias_node] = step.parents;
        let output_gradient = gradients.consume::<B>(&step.node);
        let saved = step.state;
        let input = checkpointer.retrieve_node_output(saved.input);
        let weight = checkpointer.retrieve_node_output(saved.weight);
        let ranks = saved.ranks.map(|ranks| ranks.upgrade().unwrap_or_else(|| Arc::new(Gone)));
        let found = B::batch_norm_over_ranks_backward(
            input,
            weight,
            saved.statistics,
            output_gradient,
            saved.epsilon,
            ranks,
        );
        for (node, gradient) in
            [(input_node, found.input), (weight_node, found.weight), (bias_node, found.bias)]
        {
            if let Some(node) = node {
                gradients.register::<B>(node.id, gradient);
            }
        }
    }
}

impl<B: BatchNormBackend, C: CheckpointStrategy> BatchNormBackend for Autodiff<B, C> {
    fn batch_norm_over_ranks(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        epsilon: f64,
        ranks: Option<Arc<dyn AllReduce>>,
    ) -> Normalised<Self> {
        let weak = ranks.as_ref().map(Arc::downgrade);
        let nodes = [input.node(), weight.node(), bias.node()];
        let (output, statistics) = match BatchNormStep.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(mut step) => {
                let (input_id, weight_id) = (step.checkpoint(&input), step.checkpoint(&weight));
                let [input, weight, bias] = [input, weight, bias].map(|tensor| tensor.into_primitive());
                let normalised = B::batch_norm_over_ranks(input, weight, bias, epsilon, ranks);
                let statistics = normalised.statistics;
                let saved = Saved {
                    input: input_id,
                    weight: weight_id,
                    statistics: statistics.clone(),
                    epsilon,
                    ranks: weak,
                };
                (step.finish(saved, normalised.output), statistics)
            }
            OpsKind::UnTracked(step) => {
                let [input, weight, bias] = [input, weight, bias].map(|tensor| tensor.into_primitive());
                let normalised = B::batch_norm_over_ranks(input, weight, bias, epsilon, ranks);
                (step.finish(normalised.output), normalised.statistics)
            }
        };
        let statistics = Statistics {
            mean: Self::from_inner(statistics.mean),
            variance: Self::from_inner(statistics.variance),
            count: statistics.count,
        };
        Normalised { output, statistics }
    }
}
