//! Reading tensors back from their device.

use burn::tensor::Tensor;

use crate::{Error, Result};

/// The numbers of a tensor, row by row.
///
/// # Errors
/// [`Error::Device`] when the device fails to hand them out.
pub fn values<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>> {
    tensor.try_into_vec_as().map_err(|error| {
        Error::device(
            format!("cannot read a tensor back from its device: {error}"),
            "see above for what the device reported; --device cpu always works",
        )
    })
}

/// The number in a tensor of one element.
///
/// # Errors
/// Those of [`values`].
pub fn scalar(tensor: Tensor<1>) -> Result<f64> {
    values(tensor).map(|values| values.first().copied().map_or(f64::NAN, f64::from))
}
