use super::super::{
    FrameType, FrameVectors, Problem, Rotation, VideoCodec, VideoError, extract_motion_vectors,
};
use super::film::{Film, SIZE, SPEED, SQUARE, codecs, open, set_matrix};

fn extract(path: &std::path::Path, shortcuts: bool) -> Result<Vec<FrameVectors>, VideoError> {
    let mut frames = Vec::new();
    extract_motion_vectors(path, shortcuts, |_, frame| {
        frames.push(frame);
        Ok::<_, VideoError>(())
    })?;
    Ok(frames)
}

#[test]
fn shortcuts_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for codec in codecs() {
        for b_frames in [0, 2] {
            let path = Film { codec, b_frames, ..Film::default() }.write(folder.path(), "film.mp4");
            let plain = extract(&path, false).unwrap();
            assert_eq!(plain.len(), 40);
            assert!(plain.iter().enumerate().all(|(number, frame)| frame.frame == number));
            assert!(plain.iter().map(|frame| frame.vectors.len()).sum::<usize>() > 500);
            assert!(plain == extract(&path, true).unwrap(), "{codec:?}, {b_frames} B-frames");
        }
    }
}

#[test]
fn types_of_frames_follow_the_key_interval() {
    let folder = tempfile::tempdir().unwrap();
    for codec in codecs() {
        let path = Film { codec, ..Film::default() }.write(folder.path(), "film.mp4");
        for frame in extract(&path, true).unwrap() {
            let expected = if frame.frame % 12 == 0 { FrameType::I } else { FrameType::P };
            assert_eq!(frame.kind, expected, "{codec:?}, frame {}", frame.frame);
            assert_eq!(frame.vectors.is_empty(), expected == FrameType::I);
            assert!(frame.vectors.iter().all(|vector| vector.source == -1));
        }
        assert_eq!(open(folder.path()).key_frames(0).unwrap(), [0, 12, 24, 36]);
        let path = Film { codec, b_frames: 2, ..Film::default() }.write(folder.path(), "film.mp4");
        let frames = extract(&path, true).unwrap();
        let of_b = frames.iter().filter(|frame| frame.kind == FrameType::B);
        assert!(of_b.flat_map(|frame| &frame.vectors).any(|vector| vector.source == 1));
    }
}

#[test]
fn vectors_point_back_and_maps_point_on() {
    let folder = tempfile::tempdir().unwrap();
    for codec in codecs() {
        let path = Film { codec, ..Film::default() }.write(folder.path(), "film.mp4");
        // The square goes to the right: its source is to the left of it.
        let frame = &extract(&path, true).unwrap()[5];
        let left = SQUARE.0 + 5 * SPEED;
        let inside = |vector: &&super::super::MotionVector| {
            let (x, y) = (vector.x as usize, vector.y as usize);
            (left + 6..left + SQUARE.1 - 6).contains(&x) && (34..46).contains(&y)
        };
        let vectors: Vec<_> = frame.vectors.iter().filter(inside).collect();
        assert!(!vectors.is_empty(), "{codec:?}");
        for vector in vectors {
            assert_eq!(
                f32::from(vector.motion_x as i16) / f32::from(vector.motion_scale),
                -(SPEED as f32),
                "{codec:?}"
            );
            assert_eq!(
                (vector.motion_y, vector.source_x, vector.source_y),
                (0, vector.x - SPEED as i16, vector.y)
            );
        }

        let maps = open(folder.path()).motion(0, 4, 3).unwrap();
        assert_eq!((maps.frames, maps.size, maps.values.len()), (3, SIZE, 3 * 2 * SIZE.width * SIZE.height));
        let map = maps.frame(1).unwrap();
        let pixel = 40 * SIZE.width + left + SQUARE.1 / 2;
        assert_eq!((map[pixel], map[SIZE.width * SIZE.height + pixel]), (SPEED as f32, 0.0));
        assert_eq!(map[60 * SIZE.width + 120], 0.0, "the background stands still");
    }
}

#[test]
fn maps_turn_with_their_video() {
    let folder = tempfile::tempdir().unwrap();
    let path = Film::default().write(folder.path(), "film.mp4");
    let upright = open(folder.path()).motion(0, 5, 1).unwrap();
    set_matrix(&path, [0, 1, -1, 0]);
    let turned = open(folder.path()).motion(0, 5, 1).unwrap();
    assert_eq!(turned.size, SIZE.turned(Rotation::Quarter));
    let plane = SIZE.width * SIZE.height;
    for y in 0..SIZE.height {
        for x in 0..SIZE.width {
            let [to_x, to_y] = Rotation::Quarter.place([x, y], [SIZE.width, SIZE.height]);
            let (from, to) = (y * SIZE.width + x, to_y * turned.size.width + to_x);
            // What went to the right goes down.
            assert_eq!(turned.values[plane + to], upright.values[from]);
            assert_eq!(turned.values[to], -upright.values[plane + from]);
        }
    }
}

#[test]
fn key_frames_have_no_motion() {
    let folder = tempfile::tempdir().unwrap();
    Film::default().write(folder.path(), "film.mp4");
    let maps = open(folder.path()).motion(0, 12, 1).unwrap();
    assert!(maps.values.iter().all(|&value| value == 0.0));
}

#[test]
fn videos_without_vectors_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let film = Film { codec: VideoCodec::Mpeg4, key_interval: 1, ..Film::of(10) };
    let path = film.write(folder.path(), "film.mp4");
    assert_eq!(extract(&path, true).unwrap_err().problem, Problem::NoMotionVectors);
    let error = open(folder.path()).motion(0, 0, 2).unwrap_err();
    assert!(error.to_string().contains("selfsame data reencode"), "{error}");
    std::fs::write(folder.path().join("x.mp4"), "").unwrap();
    assert_eq!(extract(&folder.path().join("x.mp4"), true).unwrap_err().problem, Problem::Empty);
}

#[test]
fn damaged_files_give_no_vectors_silently() {
    let folder = tempfile::tempdir().unwrap();
    let path = Film::default().write(folder.path(), "film.mp4");
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() * 3 / 4;
    bytes[middle..middle + 200].fill(0xFF);
    std::fs::write(&path, bytes).unwrap();
    let error = extract(&path, true).unwrap_err();
    assert_eq!(error.problem, Problem::Corrupt, "{error:?}");
}
