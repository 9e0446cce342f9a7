//! Background erasing (BE: Wang et al. 2021, arXiv 2009.05769).

/// The distracting clip (equation 1): every frame of `clip`, `[3, frames, height, width]`, is blended with frame number `frame` of the same clip, of
/// which it gets the share λ: x̂\[t\] = (1 − λ) · x\[t\] + λ · x\[k\]. What does not move in the clip stays; how much of the frame appears
/// everywhere is a background to be ignored. The motion is kept: differences between frames are 1 − λ times what they were.
///
/// # Panics
/// When the clip has no such frame.
pub fn erase_background(clip: &mut [f32], frames: usize, frame: usize, share: f32) {
    assert!(frame < frames, "frame {frame} of {frames}");
    let area = clip.len() / (3 * frames);
    let mut still = vec![0.0; area];
    for channel in clip.chunks_exact_mut(frames * area) {
        still.copy_from_slice(&channel[frame * area..][..area]);
        for plane in channel.chunks_exact_mut(area) {
            for (value, still) in plane.iter_mut().zip(&still) {
                *value = (1.0 - share) * *value + share * still;
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;
    use safetensors::SafeTensors;
    use selfsame_core::Random;

    use super::*;

    const FILE: &[u8] = include_bytes!("../../tests/golden/background_erasing.safetensors");

    fn floats(file: &SafeTensors<'_>, name: &str) -> Vec<f32> {
        let bytes = file.tensor(name).unwrap().data().to_vec();
        bytes.as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()
    }

    #[test]
    fn golden() {
        let file = SafeTensors::deserialize(FILE).unwrap();
        let (mut clips, expected) = (floats(&file, "clip"), floats(&file, "out"));
        let frames = file.tensor("frame").unwrap().data().to_vec();
        let frames = frames.as_chunks::<8>().0.iter().map(|&bytes| i64::from_le_bytes(bytes) as usize);
        let area = clips.len() / 2;
        for ((clip, frame), share) in clips.chunks_exact_mut(area).zip(frames).zip(floats(&file, "lam")) {
            erase_background(clip, 8, frame, share);
        }
        for (found, expected) in clips.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-5, "{found} is not {expected}");
        }
    }

    proptest! {
        #[test]
        fn motion_is_kept_and_the_frame_itself_stays(
            seed: u64, frames in 2usize..6, area in 1usize..9, frame in 0usize..6, share in 0f32..1.0,
        ) {
            let frame = frame % frames;
            let mut random = Random::new(seed);
            let clip: Vec<f32> = (0..3 * frames * area).map(|_| random.normal()).collect();
            let mut erased = clip.clone();
            erase_background(&mut erased, frames, frame, share);
            for (before, after) in clip.chunks(frames * area).zip(erased.chunks(frames * area)) {
                for at in 0..area {
                    let still = frame * area + at;
                    prop_assert!((before[still] - after[still]).abs() < 1e-6 * (1.0 + before[still].abs()));
                    for time in 1..frames {
                        let change = |clip: &[f32]| clip[time * area + at] - clip[(time - 1) * area + at];
                        prop_assert!((change(after) - (1.0 - share) * change(before)).abs() < 1e-5);
                    }
                }
            }
        }
    }
}
