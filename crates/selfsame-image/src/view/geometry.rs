//! Where a view comes from: the crop of the source picture and whether it is mirrored.

use selfsame_core::Random;
use serde::{Deserialize, Serialize};

/// A box in a picture, in pixels; the top left corner of the picture is (0, 0), pixel centres lie at halves.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Crop {
    /// Distance of the upper edge from the picture's upper edge.
    pub top: f32,
    /// Distance of the left edge from the picture's left edge.
    pub left: f32,
    /// Height of the box.
    pub height: f32,
    /// Width of the box.
    pub width: f32,
}

impl Crop {
    /// The box that is a whole picture.
    pub fn whole(width: usize, height: usize) -> Self {
        Self { top: 0.0, left: 0.0, height: height as f32, width: width as f32 }
    }

    /// The largest central square, shrunk to `share` of its side.
    pub fn central_square(width: usize, height: usize, share: f32) -> Self {
        let side = width.min(height) as f32 * share;
        Self {
            top: (height as f32 - side) / 2.0,
            left: (width as f32 - side) / 2.0,
            height: side,
            width: side,
        }
    }

    /// A random box that covers a share in `area` of the picture, with a ratio of width to height in `ratio`
    /// (uniform in its logarithm): torchvision's `RandomResizedCrop.get_params`, with ten tries and its central
    /// fallback.
    pub fn random(random: &mut Random, width: usize, height: usize, area: [f32; 2], ratio: [f32; 2]) -> Self {
        let pixels = (width * height) as f64;
        let ratio = ratio.map(f64::from);
        let log_ratio = ratio.map(f64::ln);
        for _ in 0..10 {
            let target = pixels * f64::from(random.range(area[0], area[1]));
            let aspect = (log_ratio[0] + (log_ratio[1] - log_ratio[0]) * f64::from(random.unit())).exp();
            let w = (target * aspect).sqrt().round_ties_even() as usize;
            let h = (target / aspect).sqrt().round_ties_even() as usize;
            if (1..=width).contains(&w) && (1..=height).contains(&h) {
                let top = random.below(height - h + 1);
                let left = random.below(width - w + 1);
                return Self { top: top as f32, left: left as f32, height: h as f32, width: w as f32 };
            }
        }
        Self::central_of_ratio(width, height, ratio)
    }

    /// The largest central box whose ratio of width to height is in `ratio`.
    fn central_of_ratio(width: usize, height: usize, ratio: [f64; 2]) -> Self {
        let whole = width as f64 / height as f64;
        let (mut w, mut h) = (width, height);
        if whole < ratio[0] {
            h = ((w as f64 / ratio[0]).round_ties_even() as usize).clamp(1, height);
        } else if whole > ratio[1] {
            w = ((h as f64 * ratio[1]).round_ties_even() as usize).clamp(1, width);
        }
        let (top, left) = ((height - h) / 2, (width - w) / 2);
        Self { top: top as f32, left: left as f32, height: h as f32, width: w as f32 }
    }
}

/// How one view lies in its source picture. Methods that compare places (SCRL, correspondence) map through it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Geometry {
    /// Height of the source picture in pixels, upright.
    pub source_height: usize,
    /// Width of the source picture in pixels, upright.
    pub source_width: usize,
    /// What the view shows, in source pixels.
    pub crop: Crop,
    /// Whether left and right are exchanged in the view.
    pub flipped: bool,
}

impl Geometry {
    /// The crop in the pixels of the same picture decoded at another size.
    pub fn crop_at(&self, width: usize, height: usize) -> Crop {
        let x = width as f32 / self.source_width as f32;
        let y = height as f32 / self.source_height as f32;
        Crop {
            top: self.crop.top * y,
            left: self.crop.left * x,
            height: self.crop.height * y,
            width: self.crop.width * x,
        }
    }

    /// Maps a point (x, y) of the source to the view of `side` × `side` pixels. Points outside the crop land outside
    /// the view.
    pub fn source_to_view(&self, [x, y]: [f32; 2], side: usize) -> [f32; 2] {
        let side = side as f32;
        let u = (x - self.crop.left) / self.crop.width * side;
        let v = (y - self.crop.top) / self.crop.height * side;
        [if self.flipped { side - u } else { u }, v]
    }

    /// Maps a point (x, y) of the view of `side` × `side` pixels to the source.
    pub fn view_to_source(&self, [u, v]: [f32; 2], side: usize) -> [f32; 2] {
        let side = side as f32;
        let u = if self.flipped { side - u } else { u };
        [self.crop.left + u / side * self.crop.width, self.crop.top + v / side * self.crop.height]
    }

    /// Maps a box of the source to the view of `side` × `side` pixels, without clipping it to the view.
    pub fn box_to_view(&self, area: &Crop, side: usize) -> Crop {
        let [u0, top] = self.source_to_view([area.left, area.top], side);
        let [u1, bottom] = self.source_to_view([area.left + area.width, area.top + area.height], side);
        Crop { top, left: u0.min(u1), height: bottom - top, width: (u1 - u0).abs() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RATIO: [f32; 2] = [3.0 / 4.0, 4.0 / 3.0];

    proptest! {
        #[test]
        fn random_crops_lie_inside_on_whole_pixels(
            seed: u64, width in 1usize..700, height in 1usize..700, low in 0.01f32..1.0,
        ) {
            let crop = Crop::random(&mut Random::new(seed), width, height, [low, 1.0], RATIO);
            prop_assert!(crop.left >= 0.0 && crop.top >= 0.0 && crop.width >= 1.0 && crop.height >= 1.0);
            prop_assert!(crop.left + crop.width <= width as f32 && crop.top + crop.height <= height as f32);
            for edge in [crop.left, crop.top, crop.width, crop.height] {
                prop_assert_eq!(edge.fract(), 0.0);
            }
        }

        #[test]
        fn points_map_there_and_back(
            seed: u64, x in -50f32..700.0, y in -50f32..700.0, flipped: bool,
        ) {
            let crop = Crop::random(&mut Random::new(seed), 640, 480, [0.08, 1.0], RATIO);
            let geometry = Geometry { source_height: 480, source_width: 640, crop, flipped };
            let [u, v] = geometry.source_to_view([x, y], 224);
            let [x2, y2] = geometry.view_to_source([u, v], 224);
            prop_assert!((x - x2).abs() < 1e-2 && (y - y2).abs() < 1e-2);
        }
    }

    #[test]
    fn the_crop_itself_fills_the_view() {
        let crop = Crop { top: 10.0, left: 20.0, height: 50.0, width: 80.0 };
        for flipped in [false, true] {
            let geometry = Geometry { source_height: 100, source_width: 200, crop, flipped };
            assert_eq!(geometry.box_to_view(&crop, 32), Crop::whole(32, 32));
        }
        // A source point at a quarter of the crop's width lies at three quarters of the mirrored view.
        let geometry = Geometry { source_height: 100, source_width: 200, crop, flipped: true };
        assert_eq!(geometry.source_to_view([40.0, 35.0], 32), [24.0, 16.0]);
        assert_eq!(geometry.crop_at(100, 25), Crop { top: 2.5, left: 10.0, height: 12.5, width: 40.0 });
    }

    #[test]
    fn the_fallback_is_torchvisions() {
        // No box of a ratio in 3/4..4/3 with all of the area fits in these: the central one is what remains.
        let fallback = |width, height| Crop::random(&mut Random::new(1), width, height, [1.0, 1.0], RATIO);
        assert_eq!(fallback(400, 100), Crop { top: 0.0, left: 133.0, height: 100.0, width: 133.0 });
        assert_eq!(fallback(100, 400), Crop { top: 133.0, left: 0.0, height: 133.0, width: 100.0 });
        assert_eq!(fallback(1, 1), Crop::whole(1, 1));
    }

    #[test]
    fn area_and_ratio_have_the_distributions_of_the_paper() {
        let mut random = Random::new(3);
        let n = 20_000;
        let (mut area, mut log_ratio) = (0.0, 0.0);
        for _ in 0..n {
            let crop = Crop::random(&mut random, 1000, 1000, [0.08, 0.5], RATIO);
            area += f64::from(crop.width * crop.height) / 1e6;
            log_ratio += f64::from(crop.width / crop.height).ln();
        }
        assert!((area / f64::from(n) - 0.29).abs() < 0.005);
        assert!((log_ratio / f64::from(n)).abs() < 0.005);
    }
}
