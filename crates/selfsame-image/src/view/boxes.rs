//! Boxes that two views of an instance both show (SCRL: Roh et al. 2021, arXiv 2103.06122, section 3.2 and the authors' code).

use selfsame_core::Random;

use super::geometry::{Crop, Geometry};

/// How often a box is drawn again that overlaps an earlier one too much.
const REDRAWS: usize = 50;
/// Below which share two boxes of an instance overlap (intersection over union).
const OVERLAP: f32 = 0.5;

/// What two views of an instance both show, measured in pixels of the view that shows it smaller: there, every pixel of a box is one at least in
/// both views.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Overlap {
    views: [Geometry; 2],
    side: usize,
    /// In pixels of the source.
    common: Crop,
    /// Pixels of the smaller view for each pixel of the source, horizontally and vertically.
    scale: [f32; 2],
}

impl Overlap {
    /// Of two views of `side` × `side` pixels; none where they show nothing in common.
    pub fn new(views: [Geometry; 2], side: usize) -> Option<Self> {
        let [one, other] = views.map(|view| view.crop);
        let (left, top) = (one.left.max(other.left), one.top.max(other.top));
        let width = (one.left + one.width).min(other.left + other.width) - left;
        let height = (one.top + one.height).min(other.top + other.height) - top;
        let scale = |one: f32, other: f32| (side as f32 / one).min(side as f32 / other);
        (width > 0.0 && height > 0.0).then(|| Self {
            views,
            side,
            common: Crop { top, left, height, width },
            scale: [scale(one.width, other.width), scale(one.height, other.height)],
        })
    }

    /// Its width and height.
    pub fn size(&self) -> [f32; 2] {
        [self.common.width * self.scale[0], self.common.height * self.scale[1]]
    }

    /// `count` random boxes in it, whose sides are at least `min_size`; none where it is smaller than that. Each side of it is cut into equal parts
    /// and a box drawn within one of them, again while it overlaps an earlier box by half, up to fifty times.
    pub fn draw(&self, random: &Random, count: usize, min_size: f32) -> Vec<Crop> {
        let [width, height] = self.size();
        let mut boxes = Vec::with_capacity(count);
        if width < min_size || height < min_size {
            return boxes;
        }
        for number in 0..count {
            let mut random = random.at(number as u64);
            let mut draw = || {
                let (left, width) = interval(&mut random, width, min_size);
                let (top, height) = interval(&mut random, height, min_size);
                Crop { top, left, height, width }
            };
            let mut drawn = draw();
            for _ in 0..REDRAWS {
                if boxes.iter().all(|earlier| intersection_over_union(&drawn, earlier) < OVERLAP) {
                    break;
                }
                drawn = draw();
            }
            boxes.push(drawn);
        }
        boxes
    }

    /// A box of it in the pixels of view 0 or 1, mirrored and clipped as the view is.
    pub fn in_view(&self, drawn: &Crop, view: usize) -> Crop {
        let [x, y] = self.scale;
        let in_source = Crop {
            top: self.common.top + drawn.top / y,
            left: self.common.left + drawn.left / x,
            height: drawn.height / y,
            width: drawn.width / x,
        };
        clipped(self.views[view].box_to_view(&in_source, self.side), self.side)
    }
}

/// Every edge of a box in a view of `side` × `side` pixels moved by up to `share` of its length, at random, and clipped to the view.
pub fn jittered(area: &Crop, share: f32, side: usize, random: &mut Random) -> Crop {
    let mut moved = |edge: f32, length: f32| edge + random.range(-share, share) * length;
    let (left, right) = (moved(area.left, area.width), moved(area.left + area.width, area.width));
    let (top, bottom) = (moved(area.top, area.height), moved(area.top + area.height, area.height));
    clipped(Crop { top, left, height: bottom - top, width: right - left }, side)
}

/// Where a random interval of at least `min_size` begins within one of `length`, and how long it is.
fn interval(random: &mut Random, length: f32, min_size: f32) -> (f32, f32) {
    let parts = 1 + random.below((length / min_size) as usize);
    let part = length / parts as f32;
    let start = random.below(parts) as f32 * part;
    let size = random.range(min_size, part.max(min_size));
    (random.range(start, start + (part - size).max(0.0)), size)
}

fn clipped(area: Crop, side: usize) -> Crop {
    let inside = |edge: f32| edge.clamp(0.0, side as f32);
    let (left, top) = (inside(area.left), inside(area.top));
    let (right, bottom) = (inside(area.left + area.width), inside(area.top + area.height));
    Crop { top, left, height: bottom - top, width: right - left }
}

/// How much of what two boxes cover they both cover.
pub fn intersection_over_union(one: &Crop, other: &Crop) -> f32 {
    let common = |start: [f32; 2], length: [f32; 2]| {
        let end = (start[0] + length[0]).min(start[1] + length[1]);
        (end - start[0].max(start[1])).max(0.0)
    };
    let both = common([one.left, other.left], [one.width, other.width])
        * common([one.top, other.top], [one.height, other.height]);
    both / (one.width * one.height + other.width * other.height - both)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use proptest::prelude::*;
    use safetensors::SafeTensors;

    use super::*;

    const FILE: &[u8] = include_bytes!("../../tests/golden/scrl_boxes.safetensors");

    fn golden(name: &str) -> Vec<f32> {
        let file = SafeTensors::deserialize(FILE).unwrap();
        let tensor = file.tensor(name).unwrap();
        let numbers = tensor.data().as_chunks::<4>().0.iter();
        match tensor.dtype() {
            safetensors::Dtype::I32 => numbers.map(|&bytes| i32::from_le_bytes(bytes) as f32).collect(),
            safetensors::Dtype::F32 => numbers.map(|&bytes| f32::from_le_bytes(bytes)).collect(),
            other => panic!("{other:?}"),
        }
    }

    fn geometry(crop: &[f32], flipped: bool) -> Geometry {
        let crop = Crop { top: crop[0], left: crop[1], height: crop[2], width: crop[3] };
        Geometry { source_height: 1000, source_width: 1000, crop, flipped }
    }

    #[test]
    fn boxes_are_mapped_as_the_golden_says() {
        let (first, second) = (golden("out_view1"), golden("out_view2"));
        for (at, given) in golden("in").chunks(14).enumerate() {
            let views = [geometry(&given[..4], given[4] != 0.0), geometry(&given[5..9], given[9] != 0.0)];
            let overlap = Overlap::new(views, 224).unwrap();
            let drawn = Crop { left: given[10], top: given[11], width: given[12], height: given[13] };
            for (view, expected) in [&first, &second].into_iter().enumerate() {
                let found = overlap.in_view(&drawn, view);
                let found = [found.left, found.top, found.left + found.width, found.top + found.height];
                for (found, expected) in found.iter().zip(&expected[4 * at..4 * at + 4]) {
                    assert!(
                        (found - expected).abs() < 1e-5 * 224.0,
                        "row {at}, view {view}: {found} is not {expected}"
                    );
                }
            }
        }
    }

    fn any_crop() -> impl Strategy<Value = Crop> {
        (0f32..60.0, 0f32..60.0, 8f32..60.0, 8f32..60.0).prop_map(|(top, left, height, width)| Crop {
            top,
            left,
            height,
            width,
        })
    }

    proptest! {
        #[test]
        fn boxes_are_large_enough_apart_and_in_both_views(
            one in any_crop(), other in any_crop(), flipped: [bool; 2], seed: u64, count in 1usize..12,
            min_size in 1f32..12.0,
        ) {
            let [one, other] = [(one, flipped[0]), (other, flipped[1])]
                .map(|(crop, flipped)| Geometry { source_height: 120, source_width: 120, crop, flipped });
            let random = Random::new(seed);
            let Some(overlap) = Overlap::new([one, other], 32) else { return Ok(()) };
            let [width, height] = overlap.size();
            let boxes = overlap.draw(&random, count, min_size);
            let room = width >= min_size && height >= min_size;
            prop_assert_eq!(boxes.len(), if room { count } else { 0 });
            let near = 1e-3;
            for (at, drawn) in boxes.iter().enumerate() {
                prop_assert!(drawn.width >= min_size - near && drawn.height >= min_size - near);
                prop_assert!(drawn.left >= 0.0 && drawn.left + drawn.width <= width + near);
                prop_assert!(drawn.top >= 0.0 && drawn.top + drawn.height <= height + near);
                // A place for it there is: the whole of it can be halved in both directions.
                let crowded = at > 0 && (width < 4.0 * min_size || height < 4.0 * min_size || at > 4);
                let most = boxes[..at].iter().map(|b| intersection_over_union(drawn, b)).fold(0.0, f32::max);
                prop_assert!(crowded || most < OVERLAP, "box {} overlaps by {}", at, most);
                for view in 0..2 {
                    let seen = overlap.in_view(drawn, view);
                    // It is not smaller in either view than where it was drawn.
                    prop_assert!(seen.width >= drawn.width - 0.01 && seen.height >= drawn.height - 0.01);
                    prop_assert!(seen.left >= 0.0 && seen.left + seen.width <= 32.0 + near);
                    prop_assert!(seen.top >= 0.0 && seen.top + seen.height <= 32.0 + near);
                    let moved = jittered(&seen, 0.1, 32, &mut random.at(9));
                    prop_assert!(moved.width >= 0.6 * seen.width && moved.width <= 1.21 * seen.width);
                    prop_assert_eq!(jittered(&seen, 0.0, 32, &mut random.at(9)).height, seen.height);
                }
            }
            // A box depends on its address, and on the earlier ones that it must keep away from.
            prop_assert_eq!(&overlap.draw(&random, count + 1, min_size)[..boxes.len()], &boxes[..]);
        }
    }

    #[test]
    fn both_views_show_the_same_place() {
        let views = [geometry(&[10.0, 20.0, 40.0, 50.0], false), geometry(&[0.0, 30.0, 60.0, 30.0], true)];
        let overlap = Overlap::new(views, 32).unwrap();
        for drawn in overlap.draw(&Random::new(3), 10, 3.0) {
            let [a, b] = [0, 1].map(|view| {
                let seen = overlap.in_view(&drawn, view);
                views[view].view_to_source([seen.left + seen.width / 2.0, seen.top + seen.height / 2.0], 32)
            });
            assert!((a[0] - b[0]).abs() < 1e-3 && (a[1] - b[1]).abs() < 1e-3, "{a:?} is not {b:?}");
        }
    }

    #[test]
    fn views_of_different_places_have_nothing_in_common() {
        let one = geometry(&[0.0, 0.0, 20.0, 20.0], false);
        for crop in [[0.0, 20.0, 20.0, 20.0], [20.0, 0.0, 20.0, 20.0], [50.0, 50.0, 9.0, 9.0]] {
            assert_eq!(Overlap::new([one, geometry(&crop, false)], 32), None);
        }
        // Half of the side at the same scale: 16 pixels in common.
        let overlap = Overlap::new([one, geometry(&[0.0, 10.0, 20.0, 20.0], false)], 32).unwrap();
        assert_eq!(overlap.size(), [16.0, 32.0]);
        assert!(overlap.draw(&Random::new(1), 3, 16.5).is_empty());
        assert_eq!(overlap.draw(&Random::new(1), 3, 16.0).len(), 3);
    }
}
