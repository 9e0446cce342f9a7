//! Gradient clipping.

use burn::tensor::Tensor;
use selfsame_kernels::squared_norm;

use crate::Result;
use crate::host::scalar;

/// Scales all gradients by one factor so that their global norm (of all of them as one vector) is at most
/// `maximum`; returns the norm before. The order of `gradients` decides the rounding: keep it fixed.
///
/// A norm that is not finite leaves the gradients as they are: the caller sees it in what is returned.
///
/// # Errors
/// When the device fails to hand out the norm.
pub fn clip_by_global_norm(gradients: &mut [Tensor<1>], maximum: f64) -> Result<f64> {
    if gradients.is_empty() {
        return Ok(0.0);
    }
    let squares = gradients.iter().cloned().map(squared_norm).collect();
    let norm = scalar(Tensor::cat(squares, 0).sum().sqrt())?;
    if norm.is_finite() && norm > maximum {
        for gradient in gradients {
            gradient.inplace(|gradient| gradient * (maximum / norm));
        }
    }
    Ok(norm)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::golden::{assert_close, host};

    fn gradients() -> Vec<Tensor<1>> {
        let device = Device::default();
        vec![Tensor::from_floats([3.0, 0.0], &device), Tensor::from_floats([0.0, 4.0, 12.0], &device)]
    }

    #[test]
    fn a_long_gradient_keeps_its_direction() {
        let mut clipped = gradients();
        assert_close(&[clip_by_global_norm(&mut clipped, 1.3).unwrap()], &[13.0], 1e-6);
        assert_close(&host(&clipped[0]), &[0.3, 0.0], 1e-6);
        assert_close(&host(&clipped[1]), &[0.0, 0.4, 1.2], 1e-6);
    }

    #[test]
    fn short_and_broken_gradients_are_left_alone() {
        let mut short = gradients();
        clip_by_global_norm(&mut short, 13.5).unwrap();
        assert_close(&host(&short[1]), &[0.0, 4.0, 12.0], 1e-7);

        let mut broken = vec![Tensor::from_floats([f32::NAN, 1.0], &Device::default())];
        assert!(clip_by_global_norm(&mut broken, 0.1).unwrap().is_nan());
        assert_eq!(host(&broken[0])[1], 1.0);
        assert_eq!(clip_by_global_norm(&mut [], 0.1).unwrap(), 0.0);
    }
}
