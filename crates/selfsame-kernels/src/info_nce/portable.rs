//! InfoNCE made of Burn's tensor operations, for any backend. All logits are in memory.

use std::ops::Range;

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Scalar, TensorMetadata, get_device_settings};
use burn::tensor::{Shape, Slice};

use super::Pairing;
use super::extension::Compared;
use crate::rows::portable::{add_to_rows, select};

/// Rows of length 1, and the inverse lengths that they had, `[rows, 1]`; 0 for rows of zeros.
struct Units<B: Backend> {
    rows: FloatTensor<B>,
    inverses: FloatTensor<B>,
}

impl<B: Backend> Units<B> {
    fn new(rows: FloatTensor<B>) -> Self {
        let squares = B::float_mul(rows.clone(), rows.clone());
        let lengths = B::float_sqrt(B::float_sum_dim(squares, 1));
        let bools = get_device_settings::<B>(&rows.device()).bool_dtype;
        let zero = B::float_equal_elem(lengths.clone(), Scalar::from(0.0), bools);
        let inverses = B::float_recip(B::float_mask_fill(lengths, zero.clone(), Scalar::from(1.0)));
        let inverses = B::float_mask_fill(inverses, zero, Scalar::from(0.0));
        Self { rows: scale::<B>(rows, inverses.clone()), inverses }
    }

    /// The gradient of the rows that these were, from that of these.
    fn backward(self, gradient: FloatTensor<B>) -> FloatTensor<B> {
        let along = B::float_sum_dim(B::float_mul(gradient.clone(), self.rows.clone()), 1);
        scale::<B>(B::float_sub(gradient, scale::<B>(self.rows, along)), self.inverses)
    }
}

/// Every row times its factor of `[rows, 1]`.
fn scale<B: Backend>(rows: FloatTensor<B>, factors: FloatTensor<B>) -> FloatTensor<B> {
    let shape = rows.shape();
    B::float_mul(rows, B::float_expand(factors, shape))
}

/// A kind's queries, keys and pairing, whose targets number its own keys.
fn kind<B: Backend>(
    queries: &FloatTensor<B>,
    keys: &FloatTensor<B>,
    pairing: &Pairing,
    [of_queries, of_keys]: &[Range<usize>; 2],
) -> (FloatTensor<B>, FloatTensor<B>, Pairing) {
    let targets = pairing.targets[of_queries.clone()].iter().map(|target| target - of_keys.start as u32);
    let own = Pairing {
        targets: targets.collect(),
        kinds: [[of_queries.len(), of_keys.len()]].into(),
        temperature: pairing.temperature,
    };
    (narrow::<B>(queries, of_queries), narrow::<B>(keys, of_keys), own)
}

/// Some rows, of which there is at least one.
fn narrow<B: Backend>(rows: &FloatTensor<B>, range: &Range<usize>) -> FloatTensor<B> {
    B::float_slice(rows.clone(), &[Slice::from(range.clone())])
}

pub fn forward<B: Backend>(
    queries: FloatTensor<B>,
    keys: FloatTensor<B>,
    pairing: &Pairing,
    pulls: bool,
) -> Compared<B> {
    if pairing.kinds.len() == 1 || pairing.targets.is_empty() {
        return forward_of_kind::<B>(queries, keys, pairing, pulls);
    }
    let (mut losses, mut sums, mut pulled) = (Vec::new(), Vec::new(), Vec::new());
    for ranges in pairing.ranges().filter(|[of_queries, _]| !of_queries.is_empty()) {
        let (queries, keys, pairing) = kind::<B>(&queries, &keys, pairing, &ranges);
        let compared = forward_of_kind::<B>(queries, keys, &pairing, pulls);
        losses.push(compared.losses);
        sums.push(compared.sums);
        pulled.push(compared.pulls);
    }
    Compared { losses: cat::<B>(losses), sums: cat::<B>(sums), pulls: cat::<B>(pulled) }
}

/// Rows one after the other.
fn cat<B: Backend>(tensors: Vec<FloatTensor<B>>) -> FloatTensor<B> {
    B::float_cat(tensors, 0)
}

fn forward_of_kind<B: Backend>(
    queries: FloatTensor<B>,
    keys: FloatTensor<B>,
    pairing: &Pairing,
    pulls: bool,
) -> Compared<B> {
    let (shape, device, dtype) = (queries.shape(), queries.device(), queries.dtype());
    let zeros = |shape: Shape| B::float_zeros(shape, &device, dtype.into());
    let vector = Shape::new([shape[0]]);
    if shape[0] == 0 {
        return Compared { losses: zeros(vector.clone()), sums: zeros(vector), pulls: zeros(shape) };
    }
    let [queries, keys] = [queries, keys].map(|rows| Units::<B>::new(rows).rows);
    let inverse = Scalar::from(1.0 / pairing.temperature);
    let chosen = select::<B>(keys.clone(), &pairing.targets);
    let chosen = B::float_sum_dim(B::float_mul(queries.clone(), chosen), 1);
    let logits = B::float_mul_scalar(B::float_matmul(queries, B::float_transpose(keys.clone())), inverse);
    let all = logits.shape();
    let largest = B::float_max_dim(logits.clone(), 1);
    let shifted = B::float_sub(logits, B::float_expand(largest.clone(), all));
    let exponentials = B::float_exp(shifted);
    let sums = B::float_sum_dim(exponentials.clone(), 1);
    let pulls = match pulls {
        true => scale::<B>(B::float_matmul(exponentials, keys), B::float_recip(sums.clone())),
        false => zeros(Shape::new([0, shape[1]])),
    };
    let logarithms = B::float_add(B::float_log(sums), largest);
    let losses = B::float_sub(logarithms.clone(), B::float_mul_scalar(chosen, inverse));
    Compared {
        losses: B::float_reshape(losses, vector.clone()),
        sums: B::float_reshape(logarithms, vector),
        pulls,
    }
}

pub fn queries_backward<B: Backend>(
    queries: FloatTensor<B>,
    keys: FloatTensor<B>,
    pulls: FloatTensor<B>,
    loss_gradient: FloatTensor<B>,
    pairing: &Pairing,
) -> FloatTensor<B> {
    if pairing.targets.is_empty() {
        return B::float_zeros(queries.shape(), &queries.device(), queries.dtype().into());
    }
    let queries = Units::<B>::new(queries);
    let chosen = Units::<B>::new(select::<B>(keys, &pairing.targets)).rows;
    let gradient = scale::<B>(B::float_sub(pulls, chosen), shares::<B>(loss_gradient, pairing));
    queries.backward(gradient)
}

pub fn keys_backward<B: Backend>(
    queries: FloatTensor<B>,
    keys: FloatTensor<B>,
    sums: FloatTensor<B>,
    loss_gradient: FloatTensor<B>,
    pairing: &Pairing,
) -> FloatTensor<B> {
    if pairing.kinds.len() == 1 || pairing.targets.is_empty() {
        return keys_backward_of_kind::<B>(queries, keys, sums, loss_gradient, pairing);
    }
    let gradient = |ranges: [Range<usize>; 2]| {
        let [of_queries, of_keys] = &ranges;
        if of_queries.is_empty() {
            let shape = Shape::new([of_keys.len(), keys.shape()[1]]);
            return B::float_zeros(shape, &keys.device(), keys.dtype().into());
        }
        let [sums, loss_gradient] = [&sums, &loss_gradient].map(|vector| narrow::<B>(vector, of_queries));
        let (queries, keys, pairing) = kind::<B>(&queries, &keys, pairing, &ranges);
        keys_backward_of_kind::<B>(queries, keys, sums, loss_gradient, &pairing)
    };
    let with_keys = pairing.ranges().filter(|[_, of_keys]| !of_keys.is_empty());
    cat::<B>(with_keys.map(gradient).collect())
}

fn keys_backward_of_kind<B: Backend>(
    queries: FloatTensor<B>,
    keys: FloatTensor<B>,
    sums: FloatTensor<B>,
    loss_gradient: FloatTensor<B>,
    pairing: &Pairing,
) -> FloatTensor<B> {
    let (count, rows) = (queries.shape()[0], keys.shape()[0]);
    if count == 0 {
        return B::float_zeros(keys.shape(), &keys.device(), keys.dtype().into());
    }
    let (queries, keys) = (Units::<B>::new(queries).rows, Units::<B>::new(keys));
    let logits = B::float_matmul(queries.clone(), B::float_transpose(keys.rows.clone()));
    let logits = B::float_mul_scalar(logits, Scalar::from(1.0 / pairing.temperature));
    let logarithms = B::float_reshape(sums, Shape::new([count, 1]));
    let shares_of_keys =
        B::float_exp(B::float_sub(logits, B::float_expand(logarithms, Shape::new([count, rows]))));
    let weighted = scale::<B>(queries, shares::<B>(loss_gradient, pairing));
    let pushed = B::float_matmul(B::float_transpose(shares_of_keys), weighted.clone());
    let pulled = add_to_rows::<B>(weighted, &pairing.targets, rows);
    keys.backward(B::float_sub(pushed, pulled))
}

/// The gradients of the losses over the temperature, `[queries, 1]`.
fn shares<B: Backend>(loss_gradient: FloatTensor<B>, pairing: &Pairing) -> FloatTensor<B> {
    let column = Shape::new([pairing.targets.len(), 1]);
    B::float_mul_scalar(B::float_reshape(loss_gradient, column), Scalar::from(1.0 / pairing.temperature))
}
