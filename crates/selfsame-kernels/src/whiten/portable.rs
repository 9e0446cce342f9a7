//! Whitening made of Burn's tensor operations, for any backend. Only the covariances leave the device.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Scalar, TensorMetadata, try_read_sync};
use burn::tensor::{DType, Shape, Slice, TensorData};

use super::extension::Whitened;
use super::factor::{Covariance, Precision};
use super::{Groups, Singular};

pub fn forward<B: Backend>(input: FloatTensor<B>, groups: Groups, epsilon: f64) -> Whitened<B> {
    let (shape, device, dtype) = (input.shape(), input.device(), input.dtype());
    let features = shape[1];
    let mut centred = Vec::with_capacity(groups.len());
    // Of every group its covariance, and its means below.
    let mut moments = Vec::with_capacity(2 * groups.len());
    for rows in groups.iter() {
        let (rows, mean) = center::<B>(select::<B>(input.clone(), rows));
        let product = B::float_matmul(B::float_transpose(rows.clone()), rows.clone());
        let count = rows.shape()[0] - 1;
        moments.push(B::float_div_scalar(product, Scalar::from(count as f64)));
        moments.push(mean);
        centred.push(rows);
    }
    let mut moments = match moments.is_empty() {
        true => Vec::new(),
        false => read::<B>(B::float_cat(moments, 0)),
    };

    let mut inverses = vec![0.0; groups.len() * features * features];
    let mut singular: Option<Singular> = None;
    let (moments, inverted) = (
        moments.chunks_exact_mut((features * (features + 1)).max(1)),
        inverses.chunks_exact_mut((features * features).max(1)),
    );
    for (number, ((moments, inverse), rows)) in moments.zip(inverted).zip(groups.iter()).enumerate() {
        let (values, mean) = moments.split_at_mut(features * features);
        let covariance = Covariance { values, mean, precision: precision(dtype) };
        let result = covariance.inverse_factor(epsilon, inverse, number, rows.len());
        singular = singular.or(result.err());
    }
    let shape_of_inverses = Shape::new([groups.len(), features, features]);
    let inverses =
        B::float_from_data(TensorData::new(inverses, shape_of_inverses).convert_dtype(dtype), &device);
    let whitened = centred.into_iter().enumerate().map(|(number, rows)| {
        let inverse = inverse::<B>(&inverses, number, features);
        B::float_matmul(rows, B::float_transpose(inverse))
    });
    let output = scatter::<B>(whitened.collect(), &groups, input);
    Whitened { output, inverses, singular }
}

pub fn backward<B: Backend>(
    output: FloatTensor<B>,
    inverses: FloatTensor<B>,
    output_gradient: FloatTensor<B>,
    groups: Groups,
    epsilon: f64,
) -> FloatTensor<B> {
    let (device, dtype, features) = (output.device(), output.dtype(), output.shape()[1]);
    let lower = (0..features * features).map(|at| match (at / features).cmp(&(at % features)) {
        std::cmp::Ordering::Greater => 1.0,
        std::cmp::Ordering::Equal => 0.5,
        std::cmp::Ordering::Less => 0.0,
    });
    let lower = TensorData::new(lower.collect::<Vec<f64>>(), Shape::new([features, features]));
    let lower = B::float_from_data(lower.convert_dtype(dtype), &device);
    let gradients = groups.iter().enumerate().map(|(number, rows)| {
        let gradient = select::<B>(output_gradient.clone(), rows);
        let white = select::<B>(output.clone(), rows);
        let product = B::float_matmul(B::float_transpose(gradient.clone()), white.clone());
        let half = B::float_mul(product, lower.clone());
        let mirrored = B::float_add(half.clone(), B::float_transpose(half));
        let share = (1.0 - epsilon) / (rows.len() - 1) as f64;
        let pulled = B::float_mul_scalar(B::float_matmul(white, mirrored), Scalar::from(share));
        let (gradient, _) = center::<B>(gradient);
        B::float_matmul(B::float_sub(gradient, pulled), inverse::<B>(&inverses, number, features))
    });
    scatter::<B>(gradients.collect(), &groups, output.clone())
}

fn precision(dtype: DType) -> Precision {
    let epsilon = match dtype {
        DType::F64 => f64::EPSILON,
        DType::F16 => 2f64.powi(-10),
        DType::BF16 => 2f64.powi(-7),
        _ => f64::from(f32::EPSILON),
    };
    Precision { rows: epsilon, sums: epsilon }
}

/// Numbers that cannot be read are no numbers: the covariance then has no factor.
fn read<B: Backend>(tensor: FloatTensor<B>) -> Vec<f64> {
    let length = tensor.shape().num_elements();
    match try_read_sync(B::float_into_data(tensor)) {
        Some(Ok(data)) => data.iter::<f64>().collect(),
        Some(Err(_)) | None => vec![f64::NAN; length],
    }
}

/// The rows without their mean, and the mean, `[1, features]`.
fn center<B: Backend>(rows: FloatTensor<B>) -> (FloatTensor<B>, FloatTensor<B>) {
    let shape = rows.shape();
    let mean = B::float_mean_dim(rows.clone(), 0);
    (B::float_sub(rows, B::float_expand(mean.clone(), shape)), mean)
}

fn inverse<B: Backend>(inverses: &FloatTensor<B>, number: usize, features: usize) -> FloatTensor<B> {
    let one = B::float_slice(inverses.clone(), &[Slice::from(number..number + 1)]);
    B::float_reshape(one, Shape::new([features, features]))
}

fn select<B: Backend>(tensor: FloatTensor<B>, rows: &[usize]) -> FloatTensor<B> {
    let device = tensor.device();
    let dtype: DType = burn::backend::get_device_settings::<B>(&device).int_dtype.into();
    let rows: Vec<i64> = rows.iter().map(|&row| row as i64).collect();
    let data = TensorData::new(rows.clone(), Shape::new([rows.len()])).convert_dtype(dtype);
    B::float_select(tensor, 0, B::int_from_data(data, &device))
}

/// The rows of all groups in their places; `nothing` where there are none.
fn scatter<B: Backend>(
    parts: Vec<FloatTensor<B>>,
    groups: &Groups,
    nothing: FloatTensor<B>,
) -> FloatTensor<B> {
    if parts.is_empty() {
        return nothing;
    }
    let mut places = vec![0; groups.rows];
    for (place, &row) in groups.iter().flatten().enumerate() {
        places[row] = place;
    }
    select::<B>(B::float_cat(parts, 0), &places)
}
