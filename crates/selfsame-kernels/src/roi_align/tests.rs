//! RoIAlign sample by sample, and its two versions against each other.

#![allow(clippy::unwrap_used)]

use burn::tensor::{DType, Device, Tensor, TensorData, Tolerance};
use proptest::prelude::*;

use super::{Region, RoiAlign, roi_align};

/// Values that look random, are all different and the same everywhere.
fn wave<const D: usize>(shape: [usize; D], phase: f32) -> Tensor<D> {
    let values = (0..shape.iter().product::<usize>()).map(|at| (0.7 * at as f32 + phase).sin());
    let data = TensorData::new(values.collect::<Vec<_>>(), shape);
    Tensor::from_data(data, &Device::flex().autodiff())
}

/// Output and gradient of the maps, of a loss that weighs every output differently.
fn results(maps: &Tensor<4>, regions: &[Region], how: RoiAlign) -> [TensorData; 2] {
    let maps = maps.clone().require_grad();
    let output = roi_align(maps.clone(), regions, how);
    let weights = wave(output.dims(), 0.4).cast(output.dtype());
    let gradients = (output.clone() * weights).sum().backward();
    [output.into_data(), maps.grad(&gradients).unwrap().into_data()]
}

/// torchvision's loops, in its precision: every bilinear sample of every bin for itself. The loss is that of [`results`].
fn slow(maps: &Tensor<4>, regions: &[Region], how: RoiAlign) -> [Vec<f64>; 2] {
    let [_, height, width, channels] = maps.dims();
    let values: Vec<f32> = maps.to_data().try_to_vec().unwrap();
    let (mut output, mut gradient) = (Vec::new(), vec![0.0; values.len()]);
    for region in regions {
        let offset = if how.aligned { 0.5 } else { 0.0 };
        let [x0, y0, x1, y1] =
            [region.left, region.top, region.right, region.bottom].map(|edge| edge * how.scale - offset);
        let (mut w, mut h) = (x1 - x0, y1 - y0);
        if !how.aligned {
            (w, h) = (w.max(1.0), h.max(1.0));
        }
        let (bin_w, bin_h) = (w / how.output as f32, h / how.output as f32);
        let grid = |bin: f32| if how.sampling > 0 { how.sampling } else { bin.ceil() as usize };
        let (grid_w, grid_h) = (grid(bin_w), grid(bin_h));
        let count = (grid_w * grid_h).max(1) as f64;
        for (ph, pw) in (0..how.output).flat_map(|ph| (0..how.output).map(move |pw| (ph, pw))) {
            for c in 0..channels {
                let weight = f64::from((0.7 * output.len() as f32 + 0.4).sin());
                let mut sum = 0.0;
                for (iy, ix) in (0..grid_h).flat_map(|iy| (0..grid_w).map(move |ix| (iy, ix))) {
                    let y = y0 + ph as f32 * bin_h + (iy as f32 + 0.5) * bin_h / grid_h as f32;
                    let x = x0 + pw as f32 * bin_w + (ix as f32 + 0.5) * bin_w / grid_w as f32;
                    if y < -1.0 || y > height as f32 || x < -1.0 || x > width as f32 {
                        continue;
                    }
                    let corners = |place: f32, side: usize| {
                        let place = place.max(0.0);
                        let low = place as usize;
                        if low >= side - 1 {
                            return (side - 1, side - 1, 0.0);
                        }
                        (low, low + 1, f64::from(place) - low as f64)
                    };
                    let ((yl, yh, ly), (xl, xh, lx)) = (corners(y, height), corners(x, width));
                    for (y, x, share) in [
                        (yl, xl, (1.0 - ly) * (1.0 - lx)),
                        (yl, xh, (1.0 - ly) * lx),
                        (yh, xl, ly * (1.0 - lx)),
                        (yh, xh, ly * lx),
                    ] {
                        let at = ((region.image * height + y) * width + x) * channels + c;
                        sum += share * f64::from(values[at]) / count;
                        gradient[at] += share * weight / count;
                    }
                }
                output.push(sum);
            }
        }
    }
    [output, gradient]
}

fn compare(shape: [usize; 4], regions: &[Region], how: RoiAlign) {
    let maps = wave(shape, 0.1);
    let fast = results(&maps, regions, how);
    let portable = results(&maps.clone().cast(DType::F64), regions, how);
    for ((fast, portable), slow) in fast.iter().zip(&portable).zip(slow(&maps, regions, how)) {
        let slow = TensorData::new(slow, fast.shape().clone());
        for found in [fast, portable] {
            let found = found.clone().convert_dtype(DType::F64);
            found.assert_approx_eq::<f64>(&slow, Tolerance::rel_abs(1e-5, 2e-6));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn it_is_the_mean_of_samples_for_odd_sizes(
        batch in 1usize..4, height in 1usize..9, width in 1usize..9, channels in 1usize..19,
        boxes in prop::collection::vec((0usize..4, -0.4f32..1.3, -0.4f32..1.3, -0.1f32..1.2, -0.1f32..1.2), 0..7),
        output in 1usize..4, sampling in 0usize..4, aligned: bool, scale in 0.05f32..0.4,
    ) {
        let (w, h) = (width as f32 / scale, height as f32 / scale);
        let regions: Vec<Region> = boxes
            .into_iter()
            .map(|(image, x, y, dx, dy)| Region {
                image: image % batch, left: x * w, top: y * h, right: (x + dx) * w, bottom: (y + dy) * h,
            })
            .collect();
        compare([batch, height, width, channels], &regions, RoiAlign { output, scale, sampling, aligned });
    }
}

const HOW: RoiAlign = RoiAlign { output: 1, scale: 1.0 / 32.0, sampling: 0, aligned: false };

#[test]
fn a_whole_constant_map_is_its_value() {
    let maps = Tensor::<4>::full([2, 7, 5, 3], 1.5, &Device::flex());
    let whole = |image| Region { image, left: 0.0, top: 0.0, right: 160.0, bottom: 224.0 };
    for aligned in [false, true] {
        let found = roi_align(maps.clone(), &[whole(1), whole(0)], RoiAlign { output: 2, aligned, ..HOW });
        assert_eq!(found.dims(), [2, 2, 2, 3]);
        assert!(found.into_data().iter::<f32>().all(|value| (value - 1.5).abs() < 1e-6));
    }
}

#[test]
fn nothing_is_read_of_nothing() {
    let maps = wave([2, 4, 4, 3], 0.0);
    let [output, gradient] = results(&maps, &[], HOW);
    assert_eq!((&output.shape()[..], output.num_elements()), (&[0, 1, 1, 3][..], 0));
    assert!(gradient.iter::<f32>().all(|value| value == 0.0));
    // Far outside: zeros.
    let away = Region { image: 0, left: 900.0, top: 900.0, right: 990.0, bottom: 990.0 };
    assert!(results(&maps, &[away], HOW).iter().all(|data| data.iter::<f32>().all(|value| value == 0.0)));
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let maps = wave([5, 7, 7, 33], 0.2);
    let regions: Vec<Region> = (0..60)
        .map(|at| {
            let at = at as f32;
            let (left, top) = ((37.0 * at) % 150.0, (53.0 * at) % 140.0);
            Region { image: at as usize % 5, left, top, right: left + 40.0 + at, bottom: top + 90.0 - at }
        })
        .collect();
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| results(&maps, &regions, RoiAlign { output: 2, ..HOW }))
    };
    let expected = on(1);
    for threads in [2, 3, 8] {
        for (found, expected) in on(threads).iter().zip(&expected) {
            found.assert_eq(expected, true);
        }
    }
}

#[test]
#[should_panic(expected = "lies in none of 2 images")]
fn a_region_of_no_image_is_refused() {
    roi_align(
        wave([2, 4, 4, 3], 0.0),
        &[Region { image: 2, left: 0.0, top: 0.0, right: 9.0, bottom: 9.0 }],
        HOW,
    );
}
