//! Vectors of other programs, on videos that are not part of the project: `SELFSAME_VIDEOS` names a folder with
//! `vid_<name>.mp4`, `<name>_motion_vectors.safetensors` (`frame_N` as in the book) and `<name>_frame_types.txt` (a letter a line).

use std::fs;
use std::path::PathBuf;

use safetensors::SafeTensors;

use super::super::{FrameVectors, VideoError, extract_motion_vectors};

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
