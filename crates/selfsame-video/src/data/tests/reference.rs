//! Videos that are not part of the project: `SELFSAME_VIDEOS` names a folder with some, among them one that is damaged, `corrupted.mp4`, and
//! those of which another program has told the motion vectors: `vid_<name>.mp4`, `<name>_motion_vectors.safetensors` (`frame_N` as in the book) and `<name>_frame_types.txt` (a letter a line).

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use safetensors::SafeTensors;

use super::super::{
    FrameVectors, Problem, Reader, Rotation, Scaler, VideoError, Wanted, extract_motion_vectors, scan,
};
use super::access::in_order;
use super::film::SIZE;

#[test]
fn vectors_equal_those_of_another_program_in_every_row() {
    let Some(folder) = std::env::var_os("SELFSAME_VIDEOS").map(PathBuf::from) else { return };
    for name in ["h264", "mpeg4_part2"] {
        for shortcuts in [false, true] {
            let mut frames: Vec<FrameVectors> = Vec::new();
            let video = folder.join(format!("vid_{name}.mp4"));
            extract_motion_vectors(&video, shortcuts, |_, frame| {
                frames.push(frame);
                Ok::<_, VideoError>(())
            })
            .unwrap();
            let types = fs::read_to_string(folder.join(format!("{name}_frame_types.txt"))).unwrap();
            let found: Vec<String> = frames.iter().map(|frame| format!("{:?}", frame.kind)).collect();
            assert_eq!(found, types.split_whitespace().collect::<Vec<_>>(), "{name}");

            let bytes = fs::read(folder.join(format!("{name}_motion_vectors.safetensors"))).unwrap();
            let tensors = SafeTensors::deserialize(&bytes).unwrap();
            for (tensor, view) in tensors.tensors() {
                let number: usize = tensor.strip_prefix("frame_").unwrap().parse().unwrap();
                let expected: Vec<i16> =
                    view.data().chunks(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
                let rows: Vec<i16> = frames[number].vectors.iter().flat_map(|vector| vector.row()).collect();
                assert!(rows == expected, "{name}, frame {number}, shortcuts: {shortcuts}");
            }
        }
    }
}

#[test]
fn any_frame_of_real_videos_is_that_of_decoding_from_the_beginning() {
    let Some(folder) = std::env::var_os("SELFSAME_VIDEOS").map(PathBuf::from) else { return };
    let is_video =
        |path: &PathBuf| path.extension().is_some_and(|ending| ending != "txt" && ending != "safetensors");
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(is_video);
    for path in paths {
        let index = Arc::new(scan(&path).unwrap().index);
        let is_damaged = path.ends_with("corrupted.mp4");
        let expected = in_order(&path);
        assert!(is_damaged || expected.len() == index.frames(), "{}", path.display());
        let mut reader = Reader::open(&path, index.clone(), Wanted::Pixels).unwrap();
        let (mut scaler, mut refused) = (Scaler::default(), 0);
        for number in (0..index.frames()).rev().step_by(7) {
            let mut pixels = Vec::new();
            let read =
                reader.visit(&[number], |_, frame| scaler.append(frame, SIZE, Rotation::None, &mut pixels));
            match read {
                Ok(()) => assert!(pixels == expected[number], "{}, frame {number}", path.display()),
                Err(error) => {
                    assert_eq!(error.problem, Problem::Corrupt);
                    refused += 1;
                }
            }
        }
        assert_eq!(refused > 0, is_damaged, "{}: {refused} frames refused", path.display());
    }
}
