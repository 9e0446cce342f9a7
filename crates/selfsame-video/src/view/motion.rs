//! Motion maps as a network sees them: cut out where the clip is, and scaled.

use selfsame_image::view::Geometry;
use selfsame_image::view::resample::{Interpolation, ResampleScratch, resample};

use super::decoded::MotionFrames;

/// The longest motion in pixels that is told from a longer one (the authors' code of CMD): 1 in views.
pub const LONGEST_MOTION: f32 = 10.0;

/// Cuts the crop of `geometry` out of motion maps, resizes it bilinearly to `side` × `side`, and brings its vectors to −1..1: ten pixels of the
/// video are 1, and so is what is longer. Vectors are not rescaled by the crop's zoom. Where the geometry exchanges left and right, motion
/// to the left becomes motion to the right. `out` is `[2, maps, side, side]`.
pub(super) fn render_motion(
    maps: MotionFrames<'_>,
    geometry: &Geometry,
    side: usize,
    scratch: &mut ResampleScratch,
    out: &mut [f32],
) {
    let (count, area) = (maps.count(), side * side);
    for (at, component) in maps.components().enumerate() {
        let (map, axis) = (at / 2, at % 2);
        let plane = &mut out[(axis * count + map) * area..][..area];
        let crop = geometry.crop_at(component.width, component.height);
        let size = [side, side];
        resample(component, &crop, size, geometry.flipped, Interpolation::Bilinear, 1.0, scratch, plane);
        let unit = if axis == 0 && geometry.flipped { -1.0 / LONGEST_MOTION } else { 1.0 / LONGEST_MOTION };
        plane.iter_mut().for_each(|value| *value = (*value * unit).clamp(-1.0, 1.0));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use selfsame_core::Random;
    use selfsame_image::view::Crop;

    use super::*;

    const SIDE: usize = 4;

    fn rendered(vectors: &[f32], [height, width]: [usize; 2], geometry: &Geometry) -> Vec<f32> {
        let maps = MotionFrames::new(vectors, height, width).unwrap();
        let mut out = vec![f32::NAN; 2 * maps.count() * SIDE * SIDE];
        render_motion(maps, geometry, SIDE, &mut ResampleScratch::default(), &mut out);
        out
    }

    fn whole(flipped: bool) -> Geometry {
        Geometry { source_height: 8, source_width: 8, crop: Crop::whole(8, 8), flipped }
    }

    #[test]
    fn vectors_are_scaled_clamped_and_ordered_by_axis() {
        let constants = [3.0, -5.0, 12.0, -40.0];
        let vectors: Vec<f32> = constants.iter().flat_map(|value| [*value; 64]).collect();
        let out = rendered(&vectors, [8, 8], &whole(false));
        // dx of both maps, then dy of both.
        for (plane, expected) in out.chunks(SIDE * SIDE).zip([0.3, 1.0, -0.5, -1.0]) {
            assert!(plane.iter().all(|value| (value - expected).abs() < 1e-6), "{plane:?} is not {expected}");
        }
    }

    #[test]
    fn a_flip_mirrors_the_map_and_negates_dx_alone() {
        let mut random = Random::new(3);
        let vectors: Vec<f32> = (0..2 * 2 * 64).map(|_| 4.0 * random.normal()).collect();
        let [plain, flipped] = [false, true].map(|flipped| rendered(&vectors, [8, 8], &whole(flipped)));
        let planes = plain.chunks(SIDE * SIDE).zip(flipped.chunks(SIDE * SIDE));
        for (at, (plain, flipped)) in planes.enumerate() {
            let sign = if at < 2 { -1.0 } else { 1.0 };
            for (plain, flipped) in plain.chunks(SIDE).zip(flipped.chunks(SIDE)) {
                for (a, b) in plain.iter().zip(flipped.iter().rev()) {
                    assert!((a - sign * b).abs() < 1e-6);
                }
            }
        }
    }

    #[test]
    fn the_crop_is_the_clips_at_any_fineness_of_the_maps() {
        // What moves right lies in the right half of the video, which is what is cut out.
        let half = Crop { top: 0.0, left: 4.0, height: 8.0, width: 4.0 };
        for size in [2, 4, 8] {
            let row = |_| (0..size).map(|x| if 2 * x >= size { 5.0 } else { -5.0 });
            let dx: Vec<f32> = (0..size).flat_map(row).collect();
            let vectors = [dx.clone(), dx].concat();
            let out = rendered(&vectors, [size, size], &Geometry { crop: half, ..whole(false) });
            assert!(out.iter().all(|value| (value - 0.5).abs() < 1e-6), "{size}: {out:?}");
        }
    }
}
