//! The backward step of InfoNCE.

use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, AutodiffBackend, Backend};

use super::Pairing;
use super::extension::{Compared, InfoNceBackend};

#[derive(Debug)]
struct CompareStep;

/// What it keeps.
#[derive(Clone, Debug)]
struct Saved<B: Backend> {
    queries: FloatTensor<B>,
    keys: FloatTensor<B>,
    sums: FloatTensor<B>,
    pulls: FloatTensor<B>,
    pairing: Pairing,
}

impl<B: InfoNceBackend> Backward<B, 2> for CompareStep {
    type State = Saved<B>;

    fn backward(self, step: Ops<Saved<B>, 2>, gradients: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let [queries, keys] = step.parents;
        let loss_gradient = gradients.consume::<B>(&step.node);
        let saved = step.state;
        if let Some(parent) = queries {
            let gradient = B::info_nce_queries_backward(
                saved.queries.clone(),
                saved.keys.clone(),
                saved.pulls,
                loss_gradient.clone(),
                saved.pairing.clone(),
            );
            gradients.register::<B>(parent.id, gradient);
        }
        if let Some(parent) = keys {
            let gradient = B::info_nce_keys_backward(
                saved.queries,
                saved.keys,
                saved.sums,
                loss_gradient,
                saved.pairing,
            );
            gradients.register::<B>(parent.id, gradient);
        }
    }
}

impl<B: InfoNceBackend, C: CheckpointStrategy> InfoNceBackend for Autodiff<B, C> {
    fn info_nce(
        queries: FloatTensor<Self>,
        keys: FloatTensor<Self>,
        pairing: Pairing,
        pulls: bool,
    ) -> Compared<Self> {
        let [q, k] = [&queries, &keys].map(|tensor| tensor.primitive().clone());
        let (losses, sums, pulls) =
            match CompareStep.prepare::<C>([queries.node(), keys.node()]).compute_bound().stateful() {
                OpsKind::Tracked(step) => {
                    let Compared { losses, sums, pulls } =
                        B::info_nce(q.clone(), k.clone(), pairing.clone(), true);
                    let saved =
                        Saved { queries: q, keys: k, sums: sums.clone(), pulls: pulls.clone(), pairing };
                    (step.finish(saved, losses), sums, pulls)
                }
                OpsKind::UnTracked(step) => {
                    let Compared { losses, sums, pulls } = B::info_nce(q, k, pairing, pulls);
                    (step.finish(losses), sums, pulls)
                }
            };
        let [sums, pulls] = [sums, pulls].map(<Self as AutodiffBackend>::from_inner);
        Compared { losses, sums, pulls }
    }
}
