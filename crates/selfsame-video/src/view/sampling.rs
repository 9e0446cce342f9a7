//! When a view is: which frames of a video it shows.

use selfsame_core::Random;

/// A clip in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClipTime {
    /// Its frames, at least 1.
    pub frames: usize,
    /// Frames of the video from one to the next: the playback rate.
    pub stride: usize,
}

impl ClipTime {
    /// Frames of the video from the first to the last.
    pub fn span(&self) -> usize {
        self.frames.saturating_sub(1) * self.stride
    }

    /// In how many places it lies within a video of so many frames.
    pub fn starts(&self, frames: usize) -> usize {
        frames.saturating_sub(self.span())
    }

    /// A start, uniform among those that fit; 0 where none does.
    pub fn random_start(&self, random: &mut Random, frames: usize) -> usize {
        random.below(self.starts(frames))
    }

    /// Where a clip of another time starts than the one that starts at `start`: uniform among the places that are at least two frames of the clip away.
    /// In a video too short for one it is a third of the video later, and goes round its end.
    pub fn another_start(&self, random: &mut Random, start: usize, frames: usize) -> usize {
        let apart = 2 * self.stride;
        let before = (start + 1).saturating_sub(apart);
        let after = self.starts(frames).saturating_sub(start + apart);
        match before + after {
            0 => (start + frames / 3) % frames.max(1),
            count => match random.below(count) {
                place if place < before => place,
                place => start + apart + place - before,
            },
        }
    }

    /// The starts of `count` clips, evenly spaced from the first place in the video to the last; the middle one alone.
    pub fn even_starts(&self, count: usize, frames: usize) -> impl Iterator<Item = usize> + use<> {
        let last = self.starts(frames).saturating_sub(1);
        (0..count).map(move |at| match count {
            1 => last / 2,
            _ => (2 * at * last + count - 1) / (2 * (count - 1)),
        })
    }
}

/// Where the windows of `length` frames start that shall tell motion at one time from motion at another: `count` random ones that overlap neither
/// `target`, the start of a window of the same length, nor each other. In a video too short for that they keep off `target` alone, and in one
/// too short even for that they are as far from it as can be.
pub fn windows_apart(
    random: &mut Random,
    target: usize,
    length: usize,
    count: usize,
    frames: usize,
) -> Vec<usize> {
    let starts = 0..frames.saturating_sub(length).saturating_add(1);
    let apart = |from: &[usize]| -> Vec<usize> {
        starts.clone().filter(|start| from.iter().all(|other| start.abs_diff(*other) >= length)).collect()
    };
    let mut taken = vec![target];
    for _ in 0..count {
        let mut candidates = apart(&taken);
        if candidates.is_empty() {
            candidates = apart(&[target]);
        }
        if candidates.is_empty() {
            let farthest = starts.clone().map(|start| start.abs_diff(target)).max();
            candidates = starts.clone().filter(|start| Some(start.abs_diff(target)) == farthest).collect();
        }
        taken.push(candidates[random.below(candidates.len())]);
    }
    taken.split_off(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn clips_lie_within_their_video_if_they_can(
            seed: u64, length in 1usize..20, stride in 1usize..9, frames in 1usize..200,
        ) {
            let clip = ClipTime { frames: length, stride };
            let start = clip.random_start(&mut Random::new(seed), frames);
            // One that does not fit is looped from the beginning of the video.
            let fits = if frames > clip.span() { start + clip.span() < frames } else { start == 0 };
            prop_assert!(fits);
        }

        #[test]
        fn a_clip_of_another_time_is_apart_if_it_can(
            seed: u64, length in 1usize..20, stride in 1usize..9, frames in 1usize..200,
        ) {
            let clip = ClipTime { frames: length, stride };
            let mut random = Random::new(seed);
            let start = clip.random_start(&mut random, frames);
            let other = clip.another_start(&mut random, start, frames);
            let is_apart = |other: usize| other.abs_diff(start) >= 2 * stride;
            if (0..frames.saturating_sub(clip.span())).any(is_apart) {
                prop_assert!(other + clip.span() < frames && is_apart(other));
            } else {
                prop_assert!(other < frames && (other != start || frames < 3));
            }
        }

        #[test]
        fn windows_keep_off_the_target_if_they_can(
            seed: u64, length in 1usize..10, count in 0usize..5, frames in 1usize..120, share in 0f32..1.0,
        ) {
            let target = (share * frames as f32) as usize;
            let windows = windows_apart(&mut Random::new(seed), target, length, count, frames);
            prop_assert_eq!(windows.len(), count);
            let free = |start: usize| start.abs_diff(target) >= length;
            let possible = (0..=frames.saturating_sub(length)).any(free);
            for (at, &start) in windows.iter().enumerate() {
                prop_assert!(start == 0 || start + length <= frames);
                prop_assert!(free(start) || !possible);
                // Each takes away at most two lengths.
                if frames >= (2 * count + 3) * length {
                    prop_assert!(windows[..at].iter().all(|other| start.abs_diff(*other) >= length));
                }
            }
        }
    }

    #[test]
    fn even_starts_go_from_the_beginning_to_the_end() {
        let clip = ClipTime { frames: 8, stride: 4 };
        let starts = |count, frames| clip.even_starts(count, frames).collect::<Vec<_>>();
        assert_eq!(starts(10, 64), [0, 4, 8, 12, 16, 19, 23, 27, 31, 35]);
        assert_eq!(starts(3, 64), [0, 18, 35]);
        assert_eq!(starts(1, 64), [17]);
        assert_eq!(starts(2, 5), [0, 0], "a video that is too short is looped");
    }

    #[test]
    fn every_start_is_as_likely() {
        let clip = ClipTime { frames: 3, stride: 2 };
        let mut counts = [0; 6];
        for at in 0..6000 {
            counts[clip.random_start(&mut Random::new(1).at(at), 10)] += 1;
        }
        assert!(counts.iter().all(|count| (850..1150).contains(count)), "{counts:?}");
    }
}
