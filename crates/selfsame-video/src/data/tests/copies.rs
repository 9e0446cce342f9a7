use std::fs;

use super::super::{
    EncodeOptions, Motion, MotionSetOptions, ReencodeOptions, Size, VideoCodec, VideoNote, VideoWriter,
    check_videos, reencode, write_motion_set,
};
use super::film::{Film, codecs, number_in, numbers, open, picture, set_matrix};

#[test]
fn copies_have_regular_key_frames_and_no_b_frames() {
    let folder = tempfile::tempdir().unwrap();
    let from = Film { b_frames: 2, key_interval: 30, ..Film::of(50) }.write(folder.path(), "from.mkv");
    for codec in codecs() {
        for ending in ["mp4", "avi", "mkv"] {
            let out = tempfile::tempdir().unwrap();
            let to = out.path().join(format!("to.{ending}"));
            let size = Size { width: 96, height: 48 };
            let options = ReencodeOptions { codec, size: Some(size), key_interval: 12, quality: 4 };
            assert_eq!(reencode(&from, &to, &options).unwrap(), 50);
            let videos = open(out.path());
            let video = videos.video(0).unwrap();
            assert_eq!((video.frames(), video.size(), video.info.codec.as_str()), (50, size, codec.name()));
            assert_eq!(videos.key_frames(0).unwrap(), [0, 12, 24, 36, 48], "{codec:?} in {ending}");
            assert_eq!(numbers(&videos.clip(0, 5, 11, 4, None).unwrap()), [5, 16, 27, 38]);
            let notes = check_videos(&videos, &|_| ()).notes;
            // H.264 in AVI has no times, so that its frames can only be counted.
            let counted = codec == VideoCodec::H264 && ending == "avi";
            let expected: &[VideoNote] = if counted { &[VideoNote::NotSeekable] } else { &[] };
            assert!(notes.keys().eq(expected), "{codec:?} in {ending}: {notes:?}");
            assert!(videos.motion(0, 1, 2).is_ok());
            assert_eq!(fs::read_dir(out.path()).unwrap().count(), 1, "nothing else is left");
        }
    }
}

#[test]
fn copies_are_upright_and_the_same_bytes_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let from = Film::of(4).write(folder.path(), "from.mp4");
    set_matrix(&from, [0, 1, -1, 0]);
    let options = ReencodeOptions { codec: VideoCodec::Mpeg4, size: None, key_interval: 12, quality: 4 };
    let copies = ["a.mp4", "b.mp4"].map(|name| {
        let out = tempfile::tempdir().unwrap();
        reencode(&from, &out.path().join(name), &options).unwrap();
        let videos = open(out.path());
        assert_eq!(videos.video(0).unwrap().size(), Size { width: 64, height: 128 });
        assert_eq!(videos.video(0).unwrap().info.rotation.degrees(), 0);
        fs::read(out.path().join(name)).unwrap()
    });
    assert!(copies[0] == copies[1]);
}

#[test]
fn damaged_videos_are_not_copied() {
    let folder = tempfile::tempdir().unwrap();
    let from = Film::of(40).write(folder.path(), "from.mp4");
    let mut bytes = fs::read(&from).unwrap();
    let middle = bytes.len() * 3 / 4;
    bytes[middle..middle + 200].fill(0xFF);
    fs::write(&from, bytes).unwrap();
    let options = ReencodeOptions { codec: VideoCodec::Mpeg4, size: None, key_interval: 12, quality: 4 };
    let error = reencode(&from, &folder.path().join("to.mp4"), &options).unwrap_err();
    assert!(error.to_string().contains("damaged"), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn what_cannot_be_written_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let options = |width: usize| EncodeOptions {
        codec: VideoCodec::Mpeg4,
        size: Size { width, height: 64 },
        frame_rate: (25, 1),
        key_interval: 12,
        b_frames: 0,
        quality: 4,
    };
    let error = |name: &str, width: usize| {
        VideoWriter::create(&folder.path().join(name), &options(width)).err().unwrap().to_string()
    };
    assert!(error("a.mp4", 127).contains("even sides"));
    assert!(error("a.xyz", 128).contains(".mp4"), "{}", error("a.xyz", 128));
    assert!(error("no/a.mp4", 128).contains("check the path"));
    assert!(VideoCodec::by_name("h266").unwrap_err().to_string().contains("mpeg4"));
    let mut writer = VideoWriter::create(&folder.path().join("a.mp4"), &options(128)).unwrap();
    assert!(writer.push(&[0; 5]).is_err());
    writer.push(&picture(5)).unwrap();
    drop(writer);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "what is not finished is not there");
}

#[test]
fn a_motion_set_is_labelled_and_reproducible() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, seed: u64| {
        let options =
            MotionSetOptions { videos_per_class: 1, frames: 14, seed, ..MotionSetOptions::default() };
        write_motion_set(&folder.path().join(name), &options, &|_| ()).unwrap()
    };
    assert_eq!(write("set", 1), 20);
    let videos = open(&folder.path().join("set/train"));
    assert_eq!(videos.classes(), Motion::ALL.map(Motion::name));
    assert!(
        videos
            .videos()
            .iter()
            .all(|video| { (video.frames(), video.size()) == (14, Size { width: 128, height: 96 }) })
    );
    assert_eq!(videos.key_frames(0).unwrap(), [0, 12]);
    // Something moves in each but the still ones.
    for index in 0..videos.len() {
        let motion = videos.motion(index, 2, 8).unwrap();
        let moves = motion.values.iter().any(|&value| value != 0.0);
        let class = &videos.classes()[videos.label(index).unwrap()];
        assert_eq!(moves, class != "still", "{class}");
    }
    let table = fs::read_to_string(folder.path().join("set/videos.tsv")).unwrap();
    assert_eq!(table.lines().count(), 21);
    assert!(table.contains("test/zoom/zoom_0000.mp4\tzoom\t"));

    write("again", 1);
    write("other", 2);
    let bytes = |set: &str| fs::read(folder.path().join(set).join("train/spin/spin_0000.mp4")).unwrap();
    assert!(bytes("set") == bytes("again") && bytes("set") != bytes("other"));
}

#[test]
fn a_motion_set_replaces_only_its_like() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("set");
    let options = |overwrite: bool| MotionSetOptions {
        videos_per_class: 1,
        frames: 2,
        size: Size { width: 32, height: 32 },
        overwrite,
        ..MotionSetOptions::default()
    };
    write_motion_set(&out, &options(false), &|_| ()).unwrap();
    fs::write(out.join("train/still/mine.txt"), "x").unwrap();
    let error = write_motion_set(&out, &options(false), &|_| ()).unwrap_err();
    assert!(error.to_string().contains("--overwrite") && error.exit_code() == 2, "{error}");
    write_motion_set(&out, &options(true), &|_| ()).unwrap();
    assert!(!out.join("train/still/mine.txt").exists());
    fs::remove_file(out.join("videos.tsv")).unwrap();
    assert!(
        write_motion_set(&out, &options(true), &|_| ()).unwrap_err().to_string().contains("not a motion set")
    );
    for (broken, told) in [
        (MotionSetOptions { biased: 1.5, ..options(false) }, "--biased"),
        (MotionSetOptions { camera: -0.1, ..options(false) }, "--camera"),
    ] {
        let error = write_motion_set(&folder.path().join("other"), &broken, &|_| ()).unwrap_err();
        assert!(error.to_string().contains(told), "{error}");
    }
}

#[test]
fn numbers_survive_the_encoders() {
    for number in [0, 1, 77, 255] {
        assert_eq!(number_in(&picture(number), super::film::SIZE), number);
    }
}
