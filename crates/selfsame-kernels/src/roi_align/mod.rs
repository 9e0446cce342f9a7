//! RoIAlign (He et al. 2017, arXiv 1703.06870, section 3) on maps whose channels lie last.

mod autodiff;
mod cpu;
mod extension;
mod portable;
mod reading;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use burn::backend::Dispatch;
use burn::tensor::Tensor;

use extension::RoiAlignBackend;
use reading::Reading;

/// A box in one image of a batch, in pixels of the image, whose upper left corner is (0, 0).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Region {
    /// Which image.
    pub image: usize,
    /// Its left edge.
    pub left: f32,
    /// Its upper edge.
    pub top: f32,
    /// Its right edge.
    pub right: f32,
    /// Its lower edge.
    pub bottom: f32,
}

/// How regions are read, as torchvision's `roi_align` does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RoiAlign {
    /// A region becomes so many rows and columns of bins, at least 1.
    pub output: usize,
    /// Cells of a map for each pixel of an image: 1/32 for the last map of a ResNet.
    pub scale: f32,
    /// Samples in each direction in a bin; 0 for as many as the bin has cells, rounded up.
    pub sampling: usize,
    /// Whether cells have their values at their centres. If not, as in the paper's first code, regions are half a cell off, and at least one cell
    /// large.
    pub aligned: bool,
}

/// The mean of bilinear samples in every bin of every region: maps `[batch, height, width, channels]` to
/// `[regions, output, output, channels]`. Samples more than a cell outside a map count as 0. Regions are constants; maps have a gradient.
///
/// # Panics
///
/// If a region lies in no image of the batch or its corners are not finite, or `output` is 0.
pub fn roi_align(maps: Tensor<4>, regions: &[Region], how: RoiAlign) -> Tensor<4> {
    let [batch, height, width, channels] = maps.dims();
    assert!(how.output > 0, "a region becomes at least one bin");
    for region in regions {
        let Region { image, left, top, right, bottom } = *region;
        assert!(image < batch, "{region:?} lies in none of {batch} images");
        assert!(
            [left, top, right, bottom, how.scale].iter().all(|edge| edge.is_finite()),
            "{region:?} is no box"
        );
    }
    let reading = Arc::new(Reading::new(regions, how, [batch, height, width]));
    let read: Tensor<2> = Tensor::from_dispatch(Dispatch::read_regions(maps.into_dispatch(), reading));
    read.reshape([regions.len(), how.output, how.output, channels])
}
