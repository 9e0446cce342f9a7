//! The key frame that shows where a clip takes place (CMD: Huang et al. 2021, arXiv 2104.00862, section 3.2).

use std::ops::RangeInclusive;

use selfsame_core::Random;
use selfsame_image::view::Recipe;
use selfsame_image::view::color::Jitter;
use selfsame_image::view::recipe::MOCO_V2;

/// How far outside the clip, in frames of the video.
const REACH: usize = 5;

/// What is done to it (the authors' code): MoCo v2's recipe with colours that are jittered in half of the cases.
pub const KEY_FRAME: Recipe = Recipe { jitter: Jitter { probability: 0.5, ..MOCO_V2.jitter }, ..MOCO_V2 };

/// A random key frame of the clip that shows the video from the first to the last of these frames, or from up to five frames around it; the nearest
/// where there is none. `key_frames` are those of the video, ascending; without any, every frame is one.
pub fn choose_key_frame(random: &mut Random, clip: RangeInclusive<usize>, key_frames: &[usize]) -> usize {
    let (first, last) = (*clip.start(), *clip.end());
    let near = first.saturating_sub(REACH)..=last + REACH;
    let candidates: Vec<usize> = key_frames.iter().copied().filter(|number| near.contains(number)).collect();
    if !candidates.is_empty() {
        return candidates[random.below(candidates.len())];
    }
    let distance = |number: &usize| first.saturating_sub(*number) + number.saturating_sub(last);
    let nearest = key_frames.iter().copied().min_by_key(distance);
    nearest.unwrap_or_else(|| first + random.below(last - first + 1))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn chosen(clip: RangeInclusive<usize>, key_frames: &[usize]) -> Vec<usize> {
        let choose = |seed| choose_key_frame(&mut Random::new(seed), clip.clone(), key_frames);
        (0..200).map(choose).collect::<BTreeSet<_>>().into_iter().collect()
    }

    #[test]
    fn it_is_any_within_the_clip_and_five_frames_around() {
        let every_twelfth: Vec<usize> = (0..100).step_by(12).collect();
        assert_eq!(chosen(29..=57, &every_twelfth), [24, 36, 48, 60]);
        assert_eq!(chosen(30..=54, &every_twelfth), [36, 48]);
        assert_eq!(chosen(3..=4, &every_twelfth), [0]);
    }

    #[test]
    fn where_none_is_near_it_is_the_nearest() {
        assert_eq!(chosen(50..=60, &[0, 100]), [100]);
        assert_eq!(chosen(40..=60, &[0, 30, 100]), [30]);
        assert_eq!(chosen(7..=9, &[]), [7, 8, 9]);
    }
}
