//! The views of a batch of instances.

use burn::tensor::{Device, Tensor};
use selfsame_core::momentum_contrast::HostView;

use super::geometry::Geometry;

/// The views of a batch of instances: what a loader yields and a method's step begins with.
#[derive(Clone, Debug, PartialEq)]
pub struct Views {
    /// Height and width of the views in pixels.
    pub side: usize,
    /// The number of each instance in its data set.
    pub instances: Vec<usize>,
    /// For each view `[batch, 3, side, side]`, normalised.
    pub pixels: Vec<Vec<f32>>,
    /// Where each view lies in its source, `[view][instance]`.
    pub geometry: Vec<Vec<Geometry>>,
}

impl Views {
    /// One view of all instances, `[batch, 3, side, side]`. `view` is below `pixels.len()`.
    pub fn view(&self, view: usize) -> HostView<'_, 4> {
        HostView { values: &self.pixels[view], shape: [self.instances.len(), 3, self.side, self.side] }
    }

    /// As [`view`](Self::view), on a device.
    pub fn tensor(&self, view: usize, device: &Device) -> Tensor<4> {
        self.view(view).tensor(device)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_view_of_the_batch_becomes_a_tensor() {
        let pixels = vec![vec![0.0; 24], (0..24u8).map(f32::from).collect()];
        let views = Views { side: 2, instances: vec![5, 3], pixels, geometry: vec![] };
        let tensor = views.tensor(1, &Device::default());
        assert_eq!(tensor.dims(), [2, 3, 2, 2]);
        assert_eq!(tensor.into_data().try_to_vec::<f32>().unwrap(), views.pixels[1]);
    }
}
