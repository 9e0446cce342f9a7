//! Reads the golden files of the tests: values and gradients computed by independent implementations.

use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

/// One golden file, `tests/golden/<name>.safetensors`.
pub struct Golden {
    bytes: Vec<u8>,
}

impl Golden {
    /// Reads the file of this case.
    pub fn read(name: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/{name}.safetensors"));
        Self { bytes: std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())) }
    }

    /// The numbers of one tensor, row by row, and its shape.
    pub fn values(&self, tensor: &str) -> (Vec<f64>, Vec<usize>) {
        let file = SafeTensors::deserialize(&self.bytes).unwrap();
        let view = file.tensor(tensor).unwrap();
        (numbers(&view), view.shape().to_vec())
    }

    /// One tensor on the default device.
    pub fn tensor<const D: usize>(&self, tensor: &str) -> Tensor<D> {
        let (values, shape) = self.values(tensor);
        let values: Vec<f32> = values.iter().map(|&v| v as f32).collect();
        Tensor::from_data(TensorData::new(values, shape), &Device::default())
    }

    /// One tensor of indices or labels.
    pub fn indices(&self, tensor: &str) -> Vec<usize> {
        self.values(tensor).0.iter().map(|&v| v as usize).collect()
    }
}

fn numbers(view: &TensorView) -> Vec<f64> {
    let bytes = view.data();
    match view.dtype() {
        Dtype::F32 => {
            bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap()).into()).collect()
        }
        Dtype::F64 => bytes.chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect(),
        Dtype::I32 => {
            bytes.chunks_exact(4).map(|b| i32::from_le_bytes(b.try_into().unwrap()).into()).collect()
        }
        Dtype::I64 => {
            bytes.chunks_exact(8).map(|b| i64::from_le_bytes(b.try_into().unwrap()) as f64).collect()
        }
        other => panic!("golden files hold no {other:?}"),
    }
}

/// A tensor's numbers on the host.
pub fn host<const D: usize>(tensor: &Tensor<D>) -> Vec<f64> {
    tensor.clone().inner().try_into_vec_as::<f32>().unwrap().into_iter().map(f64::from).collect()
}

/// Asserts that every number is within `relative` of the expected one; numbers much smaller than the largest
/// expected one are held to its scale, because they are what is left of a cancellation.
pub fn assert_close(actual: &[f64], expected: &[f64], relative: f64) {
    assert_eq!(actual.len(), expected.len(), "length");
    let scale = expected.iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
    for (index, (a, e)) in actual.iter().zip(expected).enumerate() {
        let tolerance = relative * e.abs().max(0.1 * scale);
        assert!((a - e).abs() <= tolerance, "element {index}: {a} is not {e} (within {tolerance:e})");
    }
}
