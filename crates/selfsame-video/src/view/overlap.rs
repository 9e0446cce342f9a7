//! Pairs of clips that overlap by a known rate in time and in space (STOR of CSTP: Zhang et al. 2022, arXiv 2112.08913, section 3.2, and the
//! authors' code).
//!
//! What a label means is geometry without chance: [`second_start`] and [`displaced`]. What is drawn is in [`draw_time`] and [`draw_space`].

use selfsame_core::Random;
use selfsame_image::view::Crop;

use super::sampling::ClipTime;

/// The overlap rate of each label, in time and in space alike.
pub const OVERLAP_RATES: [f64; 5] = [1.0, 0.8, 0.6, 0.4, 0.2];

/// The playback rate of each label: frames of the video from one frame of the clip to the next.
pub const STRIDES: [usize; 4] = [1, 2, 4, 8];

/// How often labels are drawn again whose second clip leaves the video. That as many draws miss the label 0, which always fits, does not happen.
const REDRAWS: usize = 1000;

/// Where the second clip starts in a video of so many frames, given the start of the first: `⌊(1 − ρ) · span⌋` frames later or earlier, ρ being the
/// label's rate. None where it leaves the video.
pub fn second_start(first: usize, span: usize, label: usize, later: bool, frames: usize) -> Option<usize> {
    let shift = ((1.0 - OVERLAP_RATES[label]) * span as f64) as usize;
    let start = if later { first.checked_add(shift) } else { first.checked_sub(shift) }?;
    (start.checked_add(span)? < frames).then_some(start)
}

/// In which direction the second crop lies from the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Direction {
    /// To the right; if not, to the left.
    pub right: bool,
    /// Below; if not, above.
    pub down: bool,
}

/// The second crop, of the size of the first, where they overlap on a width of `overlap` pixels and on as many rows as make the rate ρ of the label:
/// `⌊ρ · width · height / overlap⌋`. None where it leaves the frame of `[width, height]` pixels. An overlap that was rounded down may make more rows
/// than there are; the second crop is then displaced the other way by as many.
pub fn displaced(
    first: &Crop,
    label: usize,
    direction: Direction,
    overlap: usize,
    [width, height]: [usize; 2],
) -> Option<Crop> {
    let pixels = OVERLAP_RATES[label] * f64::from(first.width) * f64::from(first.height);
    let rows = (pixels / overlap.max(1) as f64).floor() as f32;
    let moved = |start: f32, by: f32, forward: bool| if forward { start + by } else { start - by };
    let second = Crop {
        left: moved(first.left, first.width - overlap as f32, direction.right),
        top: moved(first.top, first.height - rows, direction.down),
        ..*first
    };
    let inside = second.left >= 0.0
        && second.top >= 0.0
        && second.left + second.width <= width as f32
        && second.top + second.height <= height as f32;
    inside.then_some(second)
}

/// The starts of two clips and the label of their overlap rate in time. Label and direction are drawn again until the second clip lies within the
/// video; in a video that is no longer than the clip's span, both are the same clip, from the first frame on.
pub fn draw_time(random: &Random, clip: ClipTime, frames: usize) -> ([usize; 2], usize) {
    let first = clip.random_start(&mut random.named("start"), frames);
    let mut random = random.named("overlap in time");
    for _ in 0..REDRAWS {
        let (label, later) = (random.below(OVERLAP_RATES.len()), random.chance(0.5));
        if let Some(second) = second_start(first, clip.span(), label, later, frames) {
            return ([first, second], label);
        }
        if frames <= clip.span() {
            break;
        }
    }
    ([first, first], 0)
}

/// A second crop of the size of the first, which lies on whole pixels of a frame of `size` (width and height), and the label of their overlap rate in
/// space. Everything is drawn again until the second crop lies within the frame.
pub fn draw_space(random: &Random, first: &Crop, size: [usize; 2]) -> (Crop, usize) {
    let mut random = random.named("overlap in space");
    for _ in 0..REDRAWS {
        let label = random.below(OVERLAP_RATES.len());
        let direction = Direction { right: random.chance(0.5), down: random.chance(0.5) };
        let least = ((OVERLAP_RATES[label] * f64::from(first.width)) as usize).max(1);
        let overlap = least + random.below(first.width as usize + 1 - least);
        if let Some(second) = displaced(first, label, direction, overlap, size) {
            return (second, label);
        }
    }
    (*first, 0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;
    use safetensors::SafeTensors;
    use selfsame_image::view::boxes::intersection_over_union;

    use super::*;

    const FILE: &[u8] = include_bytes!("../../tests/golden/stor_crops.safetensors");

    fn golden(name: &str, columns: usize) -> Vec<Vec<i32>> {
        let file = SafeTensors::deserialize(FILE).unwrap();
        let bytes = file.tensor(name).unwrap().data().to_vec();
        let numbers: Vec<i32> = bytes.as_chunks::<4>().0.iter().map(|&b| i32::from_le_bytes(b)).collect();
        numbers.chunks(columns).map(<[i32]>::to_vec).collect()
    }

    #[test]
    fn crops_are_where_the_golden_has_them() {
        for (given, expected) in golden("space_in", 9).iter().zip(golden("space_out", 5)) {
            let [left, top, width, height] = [2, 3, 4, 5].map(|at| given[at] as f32);
            let first = Crop { top, left, height, width };
            let direction = Direction { right: given[7] % 2 == 1, down: given[7] >= 2 };
            let place = |size| displaced(&first, given[6] as usize, direction, given[8] as usize, size);
            let found = place([given[0] as usize, given[1] as usize]);
            assert_eq!(found.is_some(), expected[4] == 1, "{given:?}");
            // Those that leave this frame stay in one with room around, at the same distance.
            let around = Crop { left: left + 500.0, top: top + 500.0, ..first };
            let far =
                displaced(&around, given[6] as usize, direction, given[8] as usize, [2000, 2000]).unwrap();
            let far = [far.left - 500.0, far.top - 500.0, far.width, far.height];
            assert_eq!(far, [0, 1, 2, 3].map(|at| expected[at] as f32), "{given:?}");
            if let Some(found) = found {
                assert_eq!([found.left, found.top], [far[0], far[1]]);
            }
        }
    }

    #[test]
    fn starts_are_where_the_golden_has_them() {
        for (given, expected) in golden("time_in", 6).iter().zip(golden("time_out", 2)) {
            let [frames, length, stride, first, label, later] =
                [0, 1, 2, 3, 4, 5].map(|at| given[at] as usize);
            let span = (length - 1) * stride;
            let found = second_start(first, span, label, later == 1, frames);
            assert_eq!(found.is_some(), expected[1] == 1, "{given:?}");
            let far = second_start(first + 500, span, label, later == 1, 2000).unwrap();
            assert_eq!(far as i32 - 500, expected[0], "{given:?}");
            assert!(found.is_none_or(|found| found as i32 == expected[0]));
        }
    }

    proptest! {
        #[test]
        fn clips_overlap_in_time_as_their_label_says(
            seed: u64, length in 2usize..20, stride in prop::sample::select(STRIDES.to_vec()), frames in 1usize..300,
        ) {
            let clip = ClipTime { frames: length, stride };
            let ([first, second], label) = draw_time(&Random::new(seed), clip, frames);
            if frames <= clip.span() {
                prop_assert_eq!((first, second, label), (0, 0, 0));
                return Ok(());
            }
            prop_assert!(first.max(second) + clip.span() < frames);
            let span = clip.span() as f64;
            let rate = 1.0 - first.abs_diff(second) as f64 / span;
            let expected = OVERLAP_RATES[label];
            // Shifts are whole frames, rounded towards more overlap; (1 − 0.8) · 15 is just below 3.
            let most = expected + 1.0 / span + 1e-9;
            prop_assert!(rate >= expected - 1e-9 && rate <= most, "{} is not {}", rate, expected);
        }

        #[test]
        fn crops_overlap_in_space_as_their_label_says(
            seed: u64, width in 1usize..200, height in 1usize..200, area in 0.05f32..1.0,
        ) {
            let random = Random::new(seed);
            let first = Crop::random(&mut random.named("crop"), width, height, [area, 1.0], [0.75, 4.0 / 3.0]);
            let (second, label) = draw_space(&random, &first, [width, height]);
            prop_assert_eq!([second.width, second.height], [first.width, first.height]);
            prop_assert!(second.left >= 0.0 && second.left + second.width <= width as f32);
            prop_assert!(second.top >= 0.0 && second.top + second.height <= height as f32);
            let union = intersection_over_union(&first, &second);
            // Of two equal areas, the shared part of one is 2i / (1 + i).
            let rate = f64::from(2.0 * union / (1.0 + union));
            let expected = OVERLAP_RATES[label];
            // Overlaps are whole columns and rows, rounded to less; a column that is missing counts twice.
            let rounding = 1.0 / f64::from(first.height) + 2.0 / f64::from(first.width) + 1e-5;
            prop_assert!(rate <= expected + 1e-5 && rate > expected - rounding, "{} is not {}", rate, expected);
        }
    }

    #[test]
    fn every_label_and_direction_occurs_alike_where_there_is_room() {
        let first = Crop { top: 450.0, left: 450.0, height: 100.0, width: 100.0 };
        let clip = ClipTime { frames: 11, stride: 1 };
        let (mut space, mut time, mut right, mut later) = ([0; 5], [0; 5], 0, 0);
        for at in 0..5000 {
            let random = Random::new(2).at(at);
            let (second, label) = draw_space(&random, &first, [1000, 1000]);
            space[label] += 1;
            right += usize::from(second.left > first.left);
            let ([first, second], label) = draw_time(&random, clip, 100_000);
            time[label] += 1;
            later += usize::from(second > first);
        }
        for counts in [space, time] {
            assert!(counts.iter().all(|count| (880..1120).contains(count)), "{counts:?}");
        }
        // Four fifths are displaced at all in time, half of them to either side.
        assert!((1850..2150).contains(&later) && (1700..2150).contains(&right), "{later}, {right}");
    }
}
