//! Which frames a video has: the number of each is its place in the order of showing, from 0.

use serde::{Deserialize, Serialize};

/// When the frames of a video are shown, and at which of them decoding can begin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrameIndex {
    times: Times,
    key_frames: Vec<u32>,
    /// Whether frames can be told by their times, so that one can go to a key frame; otherwise they are counted from the
    /// beginning.
    seekable: bool,
}

/// Ascending times, in units of the stream's time base.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Times {
    /// Equally far from each other, which most videos are: this takes no memory.
    Regular { first: i64, step: i64, count: usize },
    /// One for each frame.
    Each(Vec<i64>),
}

impl FrameIndex {
    /// The index of frames at these ascending times, none twice, and the times of key frames.
    pub(super) fn of_times(times: Vec<i64>, key_times: &[i64]) -> Self {
        let times = Times::of(times);
        let mut key_frames: Vec<u32> =
            key_times.iter().filter_map(|&time| times.find(time)).map(|frame| frame as u32).collect();
        key_frames.sort_unstable();
        key_frames.dedup();
        Self { times, key_frames, seekable: true }
    }

    /// The index of frames that can only be counted, and the numbers of key frames, ascending.
    pub(super) fn of_count(count: usize, key_frames: Vec<u32>) -> Self {
        Self { times: Times::Regular { first: 0, step: 1, count }, key_frames, seekable: false }
    }

    /// The number of frames.
    pub fn frames(&self) -> usize {
        match &self.times {
            Times::Regular { count, .. } => *count,
            Times::Each(times) => times.len(),
        }
    }

    /// The numbers of the key frames, ascending.
    pub fn key_frames(&self) -> &[u32] {
        &self.key_frames
    }

    /// Whether one can go to a key frame; otherwise every reading starts at the beginning.
    pub fn is_seekable(&self) -> bool {
        self.seekable
    }

    /// Whether all frames are equally far from each other in time.
    pub fn is_regular(&self) -> bool {
        matches!(self.times, Times::Regular { .. })
    }

    /// Whether no frame depends on another one.
    pub fn is_all_key(&self) -> bool {
        self.key_frames.len() == self.frames()
    }

    /// The number of the frame that is shown at this time.
    pub(super) fn find(&self, time: i64) -> Option<usize> {
        self.times.find(time)
    }

    /// When a frame is shown.
    pub(super) fn time(&self, frame: usize) -> Option<i64> {
        match &self.times {
            Times::Regular { first, step, count } => (frame < *count).then(|| first + step * frame as i64),
            Times::Each(times) => times.get(frame).copied(),
        }
    }

    /// The place in [`key_frames`](Self::key_frames) of the last one at or before a frame.
    pub(super) fn key_place(&self, frame: usize) -> Option<usize> {
        self.key_frames.partition_point(|&key| key as usize <= frame).checked_sub(1)
    }

    /// The first key frame after a frame, or the number of frames.
    pub(super) fn next_key(&self, frame: usize) -> usize {
        let place = self.key_frames.partition_point(|&key| key as usize <= frame);
        self.key_frames.get(place).map_or(self.frames(), |&key| key as usize)
    }
}

impl Times {
    fn of(times: Vec<i64>) -> Self {
        let step = match times.as_slice() {
            [first, second, ..] => second - first,
            _ => 1,
        };
        let is_regular = times.windows(2).all(|pair| pair[1] - pair[0] == step);
        match times.first() {
            Some(&first) if is_regular => Self::Regular { first, step, count: times.len() },
            Some(_) => Self::Each(times),
            None => Self::Regular { first: 0, step: 1, count: 0 },
        }
    }

    fn find(&self, time: i64) -> Option<usize> {
        match self {
            Self::Regular { first, step, count } => {
                let since = time.checked_sub(*first)?;
                let place = usize::try_from(since.div_euclid(*step)).ok()?;
                (since.rem_euclid(*step) == 0 && place < *count).then_some(place)
            }
            Self::Each(times) => times.binary_search(&time).ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_found_by_their_times() {
        for times in [vec![10, 30, 50, 70], vec![10, 30, 51, 70]] {
            let index = FrameIndex::of_times(times.clone(), &[50, 10, 51]);
            assert_eq!(index.frames(), 4);
            assert_eq!(index.key_frames(), [0, 2]);
            for (frame, &time) in times.iter().enumerate() {
                assert_eq!((index.find(time), index.time(frame)), (Some(frame), Some(time)));
            }
            for absent in [-10, 0, 9, 20, 90, i64::MIN, i64::MAX] {
                assert_eq!(index.find(absent), None);
            }
            assert_eq!(index.time(4), None);
            assert_eq!([0, 1, 2, 3].map(|frame| index.key_place(frame)), [0, 0, 1, 1].map(Some));
            assert_eq!([0, 1, 2, 3].map(|frame| index.next_key(frame)), [2, 2, 4, 4]);
        }
    }

    #[test]
    fn nothing_and_one_frame_have_an_index() {
        let none = FrameIndex::of_times(vec![], &[]);
        assert_eq!((none.frames(), none.find(0), none.key_place(0), none.next_key(0)), (0, None, None, 0));
        let one = FrameIndex::of_times(vec![7], &[7]);
        assert_eq!((one.frames(), one.find(7), one.find(8), one.is_all_key()), (1, Some(0), None, true));
    }

    #[test]
    fn regular_times_take_no_room() {
        let index = FrameIndex::of_times((0..108_000).map(|frame| frame * 512).collect(), &[0]);
        assert!(serde_json::to_string(&index).is_ok_and(|text| text.len() < 120));
        assert!(!FrameIndex::of_count(9, vec![0]).is_seekable());
    }
}
