use std::sync::Arc;

use proptest::prelude::*;

use super::super::{Decoder, Reader, Rotation, Scaler, Size, Wanted, scan};
use super::film::{Film, SIZE, codecs, number_in, numbers, open, picture, set_matrix};

/// All frames of a file as RGB, one after another.
pub fn in_order(path: &std::path::Path) -> Vec<Vec<u8>> {
    let mut decoder = Decoder::open(path, Wanted::Pixels).unwrap();
    let (mut scaler, mut frames) = (Scaler::default(), Vec::new());
    while let Some(frame) = decoder.next_frame() {
        let mut pixels = Vec::new();
        scaler.append(frame, SIZE, Rotation::None, &mut pixels).unwrap();
        frames.push(pixels);
    }
    frames
}

/// Films in containers with and without an index, with B-frames, with irregular times.
fn films() -> Vec<(Film, &'static str)> {
    let mut films = Vec::new();
    for codec in codecs() {
        for (b_frames, irregular) in [(0, false), (2, false), (2, true), (0, true)] {
            for ending in ["mp4", "mkv", "ts", "avi", "mov"] {
                // An AVI has no times, so that frames would be doubled instead.
                if ending != "avi" || !irregular {
                    films.push((Film { codec, b_frames, irregular, ..Film::default() }, ending));
                }
            }
        }
    }
    films
}

#[test]
fn any_frame_is_that_of_decoding_from_the_beginning() {
    let folder = tempfile::tempdir().unwrap();
    for (film, ending) in films() {
        let path = film.write(folder.path(), &format!("film.{ending}"));
        let about = format!(
            "{:?} in {ending}, {} B-frames, irregular: {}",
            film.codec, film.b_frames, film.irregular
        );
        let frames = in_order(&path);
        assert_eq!(frames.len(), 40, "{about}");
        for (number, frame) in frames.iter().enumerate() {
            assert_eq!(number_in(frame, SIZE), number, "{about}");
        }
        let scanned = scan(&path).unwrap();
        assert_eq!(scanned.index.frames(), 40, "{about}");
        assert_eq!(scanned.index.key_frames()[0], 0, "{about}");
        let mut reader = Reader::open(&path, Arc::new(scanned.index), Wanted::Pixels).unwrap();
        let mut scaler = Scaler::default();
        // Forwards and backwards, in one go and one by one.
        let orders: [&[&[usize]]; 3] = [
            &[&[0, 1, 2, 11, 12, 13, 39]],
            &[&[39], &[0], &[25], &[24], &[23], &[12], &[11]],
            &[&[5, 30], &[31, 33]],
        ];
        for wanted in orders.into_iter().flatten() {
            let mut found = Vec::new();
            let visited = reader.visit(wanted, |place, frame| {
                assert_eq!(place, found.len());
                let mut pixels = Vec::new();
                scaler.append(frame, SIZE, Rotation::None, &mut pixels)?;
                found.push(pixels);
                Ok(())
            });
            visited.unwrap_or_else(|error| panic!("{about}: {error:?}"));
            for (pixels, &number) in found.iter().zip(*wanted) {
                assert!(*pixels == frames[number], "{about}: frame {number} of {wanted:?}");
            }
            assert_eq!(found.len(), wanted.len());
        }
        std::fs::remove_file(path).unwrap();
    }
}

#[test]
fn streams_that_begin_at_no_key_frame_count_what_can_be_decoded() {
    let folder = tempfile::tempdir().unwrap();
    for codec in codecs() {
        let path = Film { codec, ..Film::default() }.write(folder.path(), "film.ts");
        let bytes = std::fs::read(&path).unwrap();
        // Packets of 188 bytes; without the first third a program and its first key frame are cut in the middle.
        std::fs::write(&path, &bytes[bytes.len() / 3 / 188 * 188..]).unwrap();
        let videos = open(folder.path());
        let frames = videos.video(0).unwrap().frames();
        assert!((4..40).contains(&frames), "{frames}");
        let first = numbers(&videos.clip(0, 0, 1, 1, None).unwrap())[0];
        let last = numbers(&videos.clip(0, frames - 1, 1, 1, None).unwrap())[0];
        assert_eq!((first, last), (40 - frames, 39));
    }
}

#[test]
fn clips_have_their_frames_stride_and_size() {
    let folder = tempfile::tempdir().unwrap();
    Film::of(40).write(folder.path(), "film.mp4");
    Film::of(5).write(folder.path(), "short.mkv");
    Film::of(1).write(folder.path(), "single.mp4");
    Film::of(2).write(folder.path(), "two.mp4");
    let videos = open(folder.path());
    let clip = videos.clip(0, 7, 4, 8, None).unwrap();
    assert_eq!((clip.frames, clip.size), (8, SIZE));
    assert_eq!(numbers(&clip), [7, 11, 15, 19, 23, 27, 31, 35]);
    let small = Size { width: 64, height: 32 };
    let clip = videos.clip(0, 0, 13, 3, Some(small)).unwrap();
    assert_eq!((clip.pixels.len(), numbers(&clip)), (3 * 64 * 32 * 3, vec![0, 13, 26]));
    // Sides that no unit of a vector processor divides.
    let odd = videos.clip(0, 3, 1, 1, Some(Size { width: 67, height: 33 })).unwrap();
    assert_eq!((odd.pixels.len(), numbers(&odd)), (67 * 33 * 3, vec![3]));
    assert_eq!(numbers(&videos.clip(1, 3, 2, 5, None).unwrap()), [3, 0, 2, 4, 1]);
    assert_eq!(numbers(&videos.clip(2, 0, 4, 3, None).unwrap()), [0, 0, 0]);
    assert_eq!(numbers(&videos.clip(3, 1, 1, 4, None).unwrap()), [1, 0, 1, 0]);
    assert!(videos.clip(9, 0, 1, 1, None).is_err());
    let picture = videos.picture(0, 21).unwrap();
    assert_eq!((picture.width, number_in(&picture.pixels, SIZE)), (128, 21));
}

#[test]
fn pixels_are_those_that_were_written() {
    let folder = tempfile::tempdir().unwrap();
    for codec in codecs() {
        Film { codec, ..Film::of(3) }.write(folder.path(), "film.mp4");
        let clip = open(folder.path()).clip(0, 2, 1, 1, None).unwrap();
        let expected = picture(2);
        let error: f64 = clip.pixels.iter().zip(&expected).map(|(&a, &b)| f64::from(a.abs_diff(b))).sum();
        assert!(error / (expected.len() as f64) < 6.0, "{codec:?}: {error}");
    }
}

#[test]
fn turned_videos_are_shown_upright() {
    let folder = tempfile::tempdir().unwrap();
    let path = Film::of(3).write(folder.path(), "film.mp4");
    let upright = open(folder.path()).picture(0, 1).unwrap();
    for (matrix, rotation) in [
        ([0, 1, -1, 0], Rotation::Quarter),
        ([-1, 0, 0, -1], Rotation::Half),
        ([0, -1, 1, 0], Rotation::ThreeQuarters),
    ] {
        set_matrix(&path, matrix);
        let videos = open(folder.path());
        assert_eq!(videos.video(0).unwrap().info.rotation, rotation);
        let turned = videos.picture(0, 1).unwrap();
        let size = SIZE.turned(rotation);
        assert_eq!(
            (videos.video(0).unwrap().size(), turned.width, turned.height),
            (size, size.width, size.height)
        );
        for y in 0..SIZE.height {
            for x in 0..SIZE.width {
                let [to_x, to_y] = rotation.place([x, y], [SIZE.width, SIZE.height]);
                let pixel = |picture: &selfsame_image::picture::Picture, x: usize, y: usize| {
                    picture.pixels[3 * (y * picture.width + x)]
                };
                assert_eq!(pixel(&upright, x, y), pixel(&turned, to_x, to_y));
            }
        }
    }
}

#[test]
fn many_threads_read_the_same() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.mp4", "b.mkv"] {
        Film { b_frames: 2, ..Film::default() }.write(folder.path(), name);
    }
    let videos = open(folder.path());
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let videos = &videos;
            scope.spawn(move || {
                for start in [20, 3, 11] {
                    let clip = videos.clip(thread % 2, start + thread, 2, 4, None).unwrap();
                    let expected: Vec<usize> = (0..4).map(|frame| start + thread + 2 * frame).collect();
                    assert_eq!(numbers(&clip), expected);
                }
            });
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn clips_of_any_kind_show_their_numbers(
        start in 0..60_usize,
        stride in 1..9_usize,
        length in 1..12_usize,
        b_frames in 0..3_usize,
        key_interval in 1..20_u32,
    ) {
        let folder = tempfile::tempdir().unwrap();
        Film { b_frames, key_interval, ..Film::of(37) }.write(folder.path(), "film.mkv");
        let clip = open(folder.path()).clip(0, start, stride, length, None).unwrap();
        let expected: Vec<usize> = (0..length).map(|place| (start + place * stride) % 37).collect();
        prop_assert_eq!(numbers(&clip), expected);
    }
}
