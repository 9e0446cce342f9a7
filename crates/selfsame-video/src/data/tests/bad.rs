use std::collections::HashMap;
use std::fs;
use std::path::Path;

use super::super::{
    EncodeOptions, Problem, ReencodeOptions, Size, VideoCodec, VideoError, VideoFolder, VideoFolderOptions,
    VideoNote, VideoWriter, check_videos, extract_motion_vectors, reencode, scan,
};
use super::film::{Film, SIZE, codecs, numbers, open, picture};

fn problem(path: &Path) -> Problem {
    scan(path).unwrap_err().problem
}

#[test]
fn every_kind_of_bad_file_is_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    assert_eq!(problem(&at("missing.mp4")), Problem::Unreadable);
    fs::write(at("empty.mp4"), "").unwrap();
    assert_eq!(problem(&at("empty.mp4")), Problem::Empty);
    fs::write(at("text.mp4"), "not a video, only words\n".repeat(50)).unwrap();
    assert_eq!(problem(&at("text.mp4")), Problem::NotAVideo);
    assert_eq!(problem(folder.path()), Problem::NotAVideo);
    // What could be waited for without end is not opened.
    #[cfg(unix)]
    assert_eq!(problem(Path::new("/dev/zero")), Problem::NotAVideo);
    let playlist = "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nhttp://localhost:1/a.ts\n";
    fs::write(at("list.m3u8"), playlist).unwrap();
    assert_eq!(problem(&at("list.m3u8")), Problem::NotAVideo);

    let good = Film::of(30).write(folder.path(), "good.mp4");
    let bytes = fs::read(&good).unwrap();
    // A track of pictures becomes one of sound.
    let handler = bytes.windows(4).position(|window| window == b"vide").unwrap();
    let sound = [&bytes[..handler], b"soun", &bytes[handler + 4..]].concat();
    fs::write(at("sound.mp4"), sound).unwrap();
    assert_eq!(problem(&at("sound.mp4")), Problem::NoPictures);
    // A codec that nobody has: its name, and the box that tells more about it.
    let mut unknown = bytes.clone();
    for name in [b"mp4v", b"esds"] {
        let place = unknown.windows(4).position(|window| window == name).unwrap();
        unknown[place..place + 4].copy_from_slice(b"zzzz");
    }
    fs::write(at("codec.mp4"), unknown).unwrap();
    assert_eq!(problem(&at("codec.mp4")), Problem::Unsupported);
    fs::write(at("head.mp4"), &bytes[..40]).unwrap();
    assert_eq!(problem(&at("head.mp4")), Problem::Truncated);
}

#[test]
fn truncated_files_are_noticed_in_every_container_that_can() {
    let folder = tempfile::tempdir().unwrap();
    for ending in ["mp4", "mov", "mkv", "avi"] {
        let path = Film::of(60).write(folder.path(), &format!("film.{ending}"));
        let bytes = fs::read(&path).unwrap();
        for share in [30, 60, 90] {
            fs::write(&path, &bytes[..bytes.len() * share / 100]).unwrap();
            let error = scan(&path).unwrap_err();
            let told = matches!(error.problem, Problem::Truncated | Problem::NotAVideo);
            assert!(told, "{share} % of {ending}: {error:?}");
            let taken = extract_motion_vectors(&path, true, |_, _| Ok::<_, VideoError>(()));
            assert!(taken.is_err(), "{share} % of {ending}");
            let options =
                ReencodeOptions { codec: VideoCodec::Mpeg4, size: None, key_interval: 12, quality: 4 };
            let copy = folder.path().join("copy.mp4");
            assert!(reencode(&path, &copy, &options).is_err() && !copy.exists(), "{share} % of {ending}");
        }
        fs::write(&path, &bytes).unwrap();
        assert_eq!(scan(&path).unwrap().index.frames(), 60, "{ending}");
    }
}

#[test]
fn damage_never_passes_for_a_frame() {
    let folder = tempfile::tempdir().unwrap();
    let path = Film { key_interval: 10, ..Film::of(40) }.write(folder.path(), "film.mp4");
    let clean = open(folder.path());
    let expected = clean.clip(0, 0, 1, 40, None).unwrap();
    let bytes = fs::read(&path).unwrap();
    let data = bytes.windows(4).rposition(|window| window == b"mdat").unwrap() + 4;
    let (mut refused, mut whole) = (0, 0);
    for step in 0..24 {
        let mut damaged = bytes.clone();
        let at = data + 20 + step * (bytes.len() - data - 60) / 24;
        damaged[at..at + 12].fill(if step % 2 == 0 { 0xFF } else { 0x00 });
        fs::write(&path, &damaged).unwrap();
        // As after an index that was made before the damage.
        for start in [0, 12, 25] {
            match clean.clip(0, start, 1, 8, None) {
                Ok(clip) => {
                    whole += 1;
                    assert_eq!(numbers(&clip), numbers(&expected)[start..start + 8]);
                }
                Err(error) => {
                    refused += 1;
                    assert_eq!(error.exit_code(), 3, "{error}");
                    assert!(error.to_string().contains("film.mp4"), "{error}");
                }
            }
        }
    }
    assert!(refused > 0 && whole > 0, "{refused} refused, {whole} whole");
    assert_eq!(clean.bad_files().len(), 1);
    assert_eq!(clean.bad_files()[0].name, "film.mp4");
}

#[test]
fn a_folder_leaves_out_what_it_cannot_use() {
    let folder = tempfile::tempdir().unwrap();
    Film::of(20).write(folder.path(), "a/good.mp4");
    // Its content makes it a video.
    fs::rename(Film::of(20).write(folder.path(), "b/x.mkv"), folder.path().join("b/disguised.txt")).unwrap();
    fs::write(folder.path().join("a/empty.mp4"), "").unwrap();
    fs::write(folder.path().join("a/text.avi"), "words").unwrap();
    fs::write(folder.path().join("notes.txt"), "words").unwrap();
    fs::write(folder.path().join("b/list.csv"), "").unwrap();
    let videos = open(folder.path());
    let names: Vec<&str> = videos.videos().iter().map(|video| video.name.as_str()).collect();
    assert_eq!(names, ["a/good.mp4", "b/disguised.txt"]);
    assert_eq!(videos.other_files(), 2);
    let bad: Vec<String> = videos.bad_files().into_iter().map(|file| file.name).collect();
    assert_eq!(bad, ["a/empty.mp4", "a/text.avi"]);

    fs::remove_file(folder.path().join("a/good.mp4")).unwrap();
    let error = videos.clip(0, 0, 1, 4, None).unwrap_err();
    assert!(error.to_string().contains("good.mp4") && error.exit_code() == 3, "{error}");
    assert_eq!(videos.bad_files().len(), 3);
    assert_eq!(numbers(&videos.clip(1, 3, 1, 2, None).unwrap()), [3, 4]);

    // Another video under the same name.
    Film::of(5).write(folder.path(), "a/good.mp4");
    assert!(videos.clip(0, 15, 1, 4, None).is_err());
}

#[test]
fn nothing_to_use_is_an_error_that_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let error = |path: &Path| {
        let options = VideoFolderOptions { cache: None, list: None };
        VideoFolder::open(path, &options, &|_, _| ()).err().unwrap()
    };
    assert!(error(&folder.path().join("none")).to_string().contains("check the path"));
    assert!(error(folder.path()).to_string().contains("no videos"));
    fs::write(folder.path().join("a.mp4"), "").unwrap();
    let told = error(folder.path());
    assert!(told.to_string().contains("a.mp4: the file is empty"), "{told}");
    assert_eq!(told.exit_code(), 3);
}

#[cfg(unix)]
#[test]
fn a_file_that_may_not_be_read_is_reported() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    Film::of(3).write(folder.path(), "a.mp4");
    let locked = Film::of(3).write(folder.path(), "b.mp4");
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o000)).unwrap();
    // The superuser reads everything.
    if fs::read(&locked).is_err() {
        let videos = open(folder.path());
        assert_eq!((videos.len(), videos.unusable()[0].error.problem), (1, Problem::Unreadable));
    }
}

#[test]
fn a_check_decodes_everything() {
    let folder = tempfile::tempdir().unwrap();
    Film { b_frames: 2, ..Film::of(40) }.write(folder.path(), "a/film.mp4");
    Film { irregular: true, ..Film::of(20) }.write(folder.path(), "b/film.mkv");
    Film { key_interval: 1, ..Film::of(3) }.write(folder.path(), "b/tiny.mp4");
    fs::write(folder.path().join("b/empty.mp4"), "").unwrap();
    let damaged = Film::of(40).write(folder.path(), "b/damaged.mp4");
    let mut bytes = fs::read(&damaged).unwrap();
    let middle = bytes.len() * 3 / 4;
    bytes[middle..middle + 200].fill(0xFF);
    fs::write(&damaged, bytes).unwrap();

    let report = check_videos(&open(folder.path()), &|_| ());
    assert_eq!((report.files, report.usable, report.frames), (5, 3, 63));
    let found: Vec<_> =
        report.findings.iter().map(|finding| (finding.name.as_str(), finding.problem)).collect();
    assert_eq!(found, [("b/damaged.mp4", Problem::Corrupt), ("b/empty.mp4", Problem::Empty)]);
    assert_eq!(report.notes[&VideoNote::BFrames], ["a/film.mp4"]);
    assert_eq!(report.notes[&VideoNote::VariableFrameRate], ["b/film.mkv"]);
    assert_eq!(report.notes[&VideoNote::NoMotionVectors], ["b/tiny.mp4"]);
    assert_eq!(report.notes[&VideoNote::Short], ["b/tiny.mp4"]);
    assert_eq!(report.classes.iter().map(|class| class.count).collect::<Vec<_>>(), [1, 3]);
    let json = serde_json::to_string(&report).unwrap();
    assert!(json.contains(r#""problem":"corrupt""#), "{json}");
}

/// Twenty frames of one size and, in the same file, twenty of another: number 0 to 39.
fn of_two_sizes(path: &Path, codec: VideoCodec) {
    let parts = tempfile::tempdir().unwrap();
    let large = Film { codec, ..Film::of(20) }.write(parts.path(), "large.ts");
    let small = parts.path().join("small.ts");
    let size = Size { width: SIZE.width / 2, height: SIZE.height / 2 };
    let options =
        EncodeOptions { codec, size, frame_rate: (25, 1), key_interval: 12, b_frames: 0, quality: 3 };
    let mut writer = VideoWriter::create(&small, &options).unwrap();
    for number in 20..40 {
        let whole = picture(number);
        let pixel = |x: usize, y: usize| whole[3 * (2 * y * SIZE.width + 2 * x)..][..3].to_vec();
        let rows = (0..size.height).flat_map(|y| (0..size.width).map(move |x| (x, y)));
        let pixels: Vec<u8> = rows.flat_map(|(x, y)| pixel(x, y)).collect();
        writer.push_at(&pixels, number as i64).unwrap();
    }
    writer.finish().unwrap();
    let (mut bytes, more) = (fs::read(large).unwrap(), fs::read(small).unwrap());
    bytes.extend(continued(&bytes, more));
    fs::write(path, bytes).unwrap();
}

/// The packets of a transport stream, counted on from those of another one: a gap would say that packets are lost.
fn continued(before: &[u8], mut packets: Vec<u8>) -> Vec<u8> {
    let stream = |packet: &[u8]| [packet[1] & 0x1F, packet[2]];
    let mut gaps = HashMap::new();
    for packet in packets.chunks_exact_mut(188) {
        let last = before.rchunks_exact(188).find(|other| stream(other) == stream(packet));
        let gap = *gaps
            .entry(stream(packet))
            .or_insert_with(|| last.map_or(0, |last| (last[3] + 1).wrapping_sub(packet[3]) & 15));
        packet[3] = packet[3] & 0xF0 | (packet[3] + gap) & 15;
    }
    packets
}

#[test]
fn frames_that_change_their_size_are_scaled_to_that_of_the_first() {
    for codec in codecs() {
        let folder = tempfile::tempdir().unwrap();
        of_two_sizes(&folder.path().join("film.ts"), codec);
        let videos = open(folder.path());
        assert_eq!((videos.video(0).unwrap().frames(), videos.video(0).unwrap().size()), (40, SIZE));
        for start in [0, 17, 30] {
            let clip = videos.clip(0, start, 1, 8, None).unwrap();
            assert_eq!(numbers(&clip), (start..start + 8).collect::<Vec<_>>(), "{codec:?}");
        }
        // Blocks of one size are no motion in frames of another.
        let error = videos.motion(0, 17, 8).unwrap_err();
        assert!(error.to_string().contains("size changes"), "{error}");
        let report = check_videos(&videos, &|_| ());
        assert_eq!(report.notes[&VideoNote::ChangesSize], ["film.ts"], "{report:?}");
    }
}

#[test]
fn a_video_without_any_key_frame_is_corrupt() {
    for codec in codecs() {
        let folder = tempfile::tempdir().unwrap();
        let film = Film { codec, key_interval: 100, ..Film::default() };
        let path = film.write(folder.path(), "film.ts");
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[bytes.len() / 2 / 188 * 188..]).unwrap();
        assert_eq!(problem(&path), Problem::Corrupt, "{codec:?}");
    }
}

#[test]
fn motion_jpeg_has_pixels_and_no_motion_vectors() {
    let folder = tempfile::tempdir().unwrap();
    let bytes: Vec<u8> = (0..20)
        .flat_map(|number| {
            let mut jpeg = Vec::new();
            let [width, height] = [SIZE.width, SIZE.height].map(|side| side as u16);
            let encoder = jpeg_encoder::Encoder::new(&mut jpeg, 90);
            encoder.encode(&picture(number), width, height, jpeg_encoder::ColorType::Rgb).unwrap();
            // Without the header of a picture (`JFIF`, 18 bytes), which FFmpeg would take for one alone.
            [&jpeg[..2], &jpeg[20..]].concat()
        })
        .collect();
    fs::write(folder.path().join("film.mjpeg"), bytes).unwrap();
    let videos = open(folder.path());
    assert_eq!(videos.video(0).unwrap().frames(), 20);
    assert_eq!(numbers(&videos.clip(0, 3, 4, 4, None).unwrap()), [3, 7, 11, 15]);
    let error = videos.motion(0, 1, 2).unwrap_err();
    assert!(error.to_string().contains("no motion vectors of the codec mjpeg"), "{error}");
    assert!(check_videos(&videos, &|_| ()).notes.contains_key(&VideoNote::NoMotionVectors));
}

#[test]
fn the_content_decides_and_not_the_extension() {
    let folder = tempfile::tempdir().unwrap();
    for (real, shown) in [("mkv", "mp4"), ("mp4", "avi"), ("avi", "mkv"), ("ts", "mov")] {
        let path = Film::of(20).write(folder.path(), &format!("film.{real}"));
        fs::rename(path, folder.path().join(format!("wrong.{shown}"))).unwrap();
    }
    let videos = open(folder.path());
    assert_eq!(videos.len(), 4);
    for index in 0..4 {
        assert_eq!(numbers(&videos.clip(index, 5, 3, 3, None).unwrap()), [5, 8, 11]);
    }
}

#[test]
fn one_and_two_frames_are_videos() {
    let folder = tempfile::tempdir().unwrap();
    Film::of(1).write(folder.path(), "one.mp4");
    Film::of(2).write(folder.path(), "two.mp4");
    let videos = open(folder.path());
    assert_eq!(numbers(&videos.clip(0, 0, 4, 3, None).unwrap()), [0; 3]);
    assert_eq!(numbers(&videos.clip(1, 1, 1, 3, None).unwrap()), [1, 0, 1]);
    assert!(videos.motion(0, 0, 1).unwrap_err().to_string().contains("coded alone"));
    let moves: Vec<bool> = {
        let maps = videos.motion(1, 0, 3).unwrap();
        (0..3).map(|at| maps.frame(at).unwrap().iter().any(|&value| value != 0.0)).collect()
    };
    assert_eq!(moves, [false, true, false]);
}
