//! `selfsame data` on videos

use crate::workshop::Workshop;

#[cfg(not(feature = "video"))]
#[test]
fn a_program_without_video_says_how_to_get_one() {
    let here = Workshop::empty();
    std::fs::create_dir(here.path("clips")).unwrap();
    std::fs::write(here.path("clips/a.mp4"), "").unwrap();
    for words in [
        &["data", "motion", "clips/a.mp4", "-o", "a.safetensors"][..],
        &["data", "reencode", "clips", "copies"],
        &["data", "motion-set", "set"],
        &["data", "check", "clips"],
        &["data", "index", "clips"],
        &["data", "preview", "clips"],
        &["data", "check", "anything", "--kind", "videos"],
    ] {
        here.run(words)
            .fails(2, &["without video", "cargo build --release --features video", "cargo xtask setup"]);
    }
}

#[cfg(feature = "video")]
mod with_ffmpeg {
    use std::fs;

    use safetensors::SafeTensors;
    use serde_json::{Value, json};

    use super::Workshop;
    use crate::workshop::Said;

    const SET: [&str; 9] =
        ["data", "motion-set", "set", "--videos-per-class", "1", "--frames", "14", "--size", "64x48"];

    /// A folder with a small motion set in `set/`.
    fn workshop() -> Workshop {
        let here = Workshop::empty();
        here.run(&[&SET[..], &["--codec", "mpeg4", "--quiet"]].concat()).succeeds();
        here
    }

    /// Makes a video that breaks off, and one that is no video.
    fn spoil(here: &Workshop) {
        let bytes = fs::read(here.path("set/train/spin/spin_0000.mp4")).unwrap();
        fs::write(here.path("set/train/spin/cut.mp4"), &bytes[..bytes.len() / 2]).unwrap();
        fs::write(here.path("set/train/spin/words.mkv"), "words").unwrap();
        fs::write(here.path("set/train/spin/notes.txt"), "words").unwrap();
    }

    fn names(list: &Value) -> Vec<String> {
        let files = list.as_array().unwrap().iter();
        files.map(|file| file["name"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn a_motion_set_is_made_indexed_and_checked() {
        let here = workshop();
        assert_eq!(here.names("set"), ["test", "train", "videos.tsv"]);
        assert_eq!(here.names("set/train").len(), 10);
        spoil(&here);
        let index = here.run(&["data", "index", "set/train", "--json", "--quiet"]).succeeds().result();
        assert_eq!(
            (&index["instances"], &index["frames"], &index["key_frames"]),
            (&json!(10), &json!(140), &json!(20))
        );
        assert_eq!(index["classes"][7], "up-down");
        assert_eq!(names(&index["bad_files"]), ["spin/cut.mp4", "spin/words.mkv"]);
        assert_eq!(here.names("cache/selfsame").len(), 1);
        let said = here.run(&["data", "index", "set/train", "--quiet"]).succeeds();
        for words in ["10 videos in 10 classes, 140 frames", "left out spin/words.mkv: this is not a video"] {
            assert!(said.stdout.contains(words), "{said:#?}");
        }

        let report = here.run(&["data", "check", "set/train", "--json", "--quiet"]).succeeds().result();
        assert_eq!(
            (&report["files"], &report["usable"], &report["other_files"]),
            (&json!(12), &json!(10), &json!(1))
        );
        assert_eq!(report["codecs"], json!({ "mpeg4": 10 }));
        assert_eq!(names(&report["findings"]), ["spin/cut.mp4", "spin/words.mkv"]);
        assert_eq!(report["findings"][0]["problem"], "truncated");
        let said = here.run(&["data", "check", "set/train", "--quiet"]).succeeds();
        for words in [
            "12 videos, 10 usable",
            "sizes: 10 64×48",
            "not-a-video",
            "bounce",
            "10 videos: short",
            "1 other files",
        ] {
            assert!(said.stdout.contains(words), "{words} in {said:#?}");
        }
        let clean = here.run(&["data", "check", "set/test", "--quiet"]).succeeds();
        assert!(clean.stdout.contains("nothing is wrong"), "{clean:#?}");
    }

    #[test]
    fn the_seed_decides_about_a_motion_set() {
        let here = workshop();
        let make = |name: &str, seed: &str| {
            let words =
                ["data", "motion-set", name, "--videos-per-class", "1", "--frames", "14", "--size", "64x48"];
            here.run(&[&words[..], &["--codec", "mpeg4", "--quiet", "--json", "--seed", seed]].concat())
                .succeeds()
                .result()
        };
        let result = make("again", "0");
        assert_eq!(
            (&result["videos"], &result["codec"], &result["classes"][0], &result["biased"]),
            (&json!(20), &json!("mpeg4"), &json!("bounce"), &json!(0.9))
        );
        assert_eq!(result["camera"], json!(0.0));
        make("other", "1");
        let bytes = |set: &str| fs::read(here.path(set).join("test/zoom/zoom_0000.mp4")).unwrap();
        assert!(bytes("set") == bytes("again") && bytes("set") != bytes("other"));

        here.run(&SET).fails(2, &["set exists", "--overwrite"]);
        here.run(&[&SET[..], &["--overwrite", "--quiet"]].concat()).succeeds();
        // What cannot be made takes nothing away, and what was begun and not finished is in nobody's way.
        fs::create_dir_all(here.path("begun/.unfinished/train/spin")).unwrap();
        let tiny =
            ["data", "motion-set", "begun", "--videos-per-class", "1", "--frames", "2", "--size", "16x16"];
        here.run(&[&tiny[..], &["--codec", "mpeg4", "--quiet"]].concat()).succeeds();
        assert_eq!(here.names("begun"), ["test", "train", "videos.tsv"]);
        here.run(&[&tiny[..7], &["--size", "33x16", "--overwrite"]].concat()).fails(2, &["even sides"]);
        assert!(here.path("begun/test/zoom/zoom_0000.mp4").is_file());
        let rest = &SET[..2];
        for (words, told) in [
            (&["x", "--biased", "1.5"][..], "--biased"),
            (&["x", "--camera", "0.6"], "--camera"),
            (&["x", "--videos-per-class", "0"], "--videos-per-class"),
            (&["x", "--size", "63x48"], "even sides"),
            (&["x", "--codec", "vp9"], "mpeg4"),
        ] {
            here.run(&[rest, words].concat()).fails(2, &[told]);
        }
        assert_eq!(here.run(&[rest, &["x", "--size", "63"]].concat()).code, Some(2));
    }

    #[test]
    fn motion_vectors_go_into_a_file() {
        let here = workshop();
        let video = "set/train/left-right/left-right_0000.mp4";
        let words = ["data", "motion", video, "-o", "new/a.safetensors", "--json"];
        let result = here.run(&words).succeeds().result();
        assert_eq!((&result["file"], &result["frames"]), (&json!("new/a.safetensors"), &json!(14)));
        let bytes = fs::read(here.path("new/a.safetensors")).unwrap();
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        assert_eq!(tensors.tensor("frame_0").unwrap().shape(), [0, 10]);
        assert_eq!(tensors.tensor("frame_types").unwrap().data(), [0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1]);
        let rows: usize =
            (0..14).map(|frame| tensors.tensor(&format!("frame_{frame}")).unwrap().shape()[0]).sum();
        assert_eq!(result["vectors"], json!(rows));

        here.run(&words).fails(2, &["a.safetensors exists", "--overwrite"]);
        here.run(&[&words[..], &["--overwrite", "--no-shortcuts"]].concat()).succeeds();
        assert!(bytes == fs::read(here.path("new/a.safetensors")).unwrap(), "shortcuts change nothing");
        let said = here.run(&["data", "motion", video, "-o", "a.parquet"]).succeeds();
        assert!(said.stdout.contains(&format!("{rows} motion vectors of 14 frames")), "{said:#?}");
        here.run(&["data", "motion", video, "-o", "a.npy"]).fails(2, &["a.npy", ".parquet"]);
        here.run(&["data", "motion", "nowhere.mp4", "-o", "b.parquet"])
            .fails(3, &["nowhere.mp4", "check the path"]);
        spoil(&here);
        here.run(&["data", "motion", "set/train/spin/words.mkv", "-o", "b.parquet"])
            .fails(3, &["words.mkv", "not a video"]);
        assert!(!here.path("b.parquet").exists());
    }

    #[test]
    fn motion_vectors_of_a_folder_go_into_a_folder() {
        let here = workshop();
        spoil(&here);
        let words = ["data", "motion", "set/train", "-o", "vectors", "--quiet", "--json"];
        let result = here.run(&words).succeeds().result();
        assert_eq!((&result["files"], &result["frames"]), (&json!(10), &json!(140)));
        assert_eq!(names(&result["bad_files"]), ["spin/cut.mp4", "spin/words.mkv"]);
        assert!(here.path("vectors/zoom/zoom_0000.mp4.safetensors").is_file());
        here.run(&words).fails(2, &["--overwrite"]);
    }

    #[test]
    fn copies_have_what_was_asked_for() {
        let here = workshop();
        let video = "set/train/circle/circle_0000.mp4";
        let words = ["data", "reencode", video, "a.avi", "--size", "32x24", "--key-interval", "5", "--json"];
        let result = here.run(&words).succeeds().result();
        assert_eq!((&result["file"], &result["frames"]), (&json!("a.avi"), &json!(14)));
        let index = here.run(&["data", "index", "a.avi", "--json", "--quiet"]).succeeds().result();
        assert_eq!((&index["frames"], &index["key_frames"]), (&json!(14), &json!(3)));
        here.run(&words).fails(2, &["a.avi exists", "--overwrite"]);
        here.run(&["data", "reencode", "a.avi", "a.avi", "--overwrite"]).fails(2, &["would replace itself"]);
        for (words, told) in [
            (&["--codec", "h266"][..], "mpeg4"),
            (&["--key-interval", "0"], "--key-interval"),
            (&["--quality", "99"], "--quality"),
            (&["--size", "33x24"], "even sides"),
        ] {
            here.run(&[&["data", "reencode", video, "b.mp4"], words].concat()).fails(2, &[told]);
        }
        here.run(&["data", "reencode", video, "b.xyz"]).fails(2, &["b.xyz", ".mp4"]);
        here.run(&["data", "reencode", video, "b.webm"]).fails(2, &[".webm", ".mp4"]);

        spoil(&here);
        let words = ["data", "reencode", "set/train", "copies", "--quiet", "--json"];
        let result = here.run(&words).succeeds().result();
        assert_eq!((&result["files"], &result["frames"]), (&json!(10), &json!(140)));
        assert_eq!(names(&result["bad_files"]).len(), 2);
        assert!(here.path("copies/still/still_0000.mp4").is_file());
        here.run(&words).fails(2, &["copies exists", "--overwrite"]);
        here.run(&["data", "reencode", "set/train", "set/train", "--overwrite"])
            .fails(2, &["would replace itself"]);
        here.run(&["data", "reencode", "set/train", "set/train/copies"]).fails(2, &["inside set/train"]);
    }

    #[test]
    fn a_preview_shows_clips_their_motion_and_their_views() {
        let here = workshop();
        spoil(&here);
        let words = ["data", "preview", "set/train", "-o", "sheet.png", "--instances", "3", "--frames", "4"];
        let more = ["--stride", "2", "--image-size", "48", "--quiet"];
        let words = [&words[..], &more].concat();
        let result = here.run(&[&words[..], &["--json"]].concat()).succeeds().result();
        assert_eq!(
            (&result["instances"], &result["frames"], &result["stride"], &result["method"]),
            (&json!(3), &json!(4), &json!(2), &json!("video-moco"))
        );
        for video in result["videos"].as_array().unwrap() {
            assert_eq!(video["rows"], json!(["clip", "motion", "view 1", "view 2"]), "{video}");
            assert!(video["name"].as_str().unwrap().ends_with(".mp4"), "{video}");
        }
        let size = |name: &str| {
            let sheet = image::open(here.path(name)).unwrap();
            (sheet.width(), sheet.height())
        };
        // Four frames in a row, and four rows for each video.
        assert_eq!(size("sheet.png"), (4 * 52 + 4, 12 * 52 + 4));
        here.run(&words).fails(2, &["sheet.png exists", "--overwrite"]);

        let sheet = |name: &str, method: &str| {
            let seen = here.run(&[&words[..3], &["-o", name, "--method", method], &words[5..]].concat());
            (seen.succeeds().stdout, fs::read(here.path(name)).unwrap())
        };
        let (said, cmd) = sheet("cmd.png", "cmd");
        // Eight frames of motion, four such windows, and the key frame.
        assert_eq!(size("cmd.png"), (8 * 52 + 4, 3 * 8 * 52 + 4));
        for words in ["3 videos as `cmd` sees them", "future motion", "other motion 3", "key frame: cmd.png"]
        {
            assert!(said.contains(words), "{words} in {said}");
        }
        assert!(cmd == sheet("again.png", "cmd").1, "the seed decides");
        let [be, plain] = [sheet("be.png", "be").1, fs::read(here.path("sheet.png")).unwrap()];
        assert!(be != plain, "backgrounds are erased for `be`");
        for (words, told) in [
            (&["--stride", "0"][..], "--stride"),
            (&["--views", "4"], "--frames"),
            (&["--method", "cdm"], "did you mean `cmd`?"),
            (&["--recipe", "moco-v3"], "did you mean `moco-v2`?"),
            (&["--method", "cstp", "--recipe", "evaluation"], "the recipe cuts nothing"),
        ] {
            here.run(&[&["data", "preview", "set/train", "-o", "x.png"], words].concat()).fails(2, &[told]);
        }
        assert!(!here.path("x.png").exists());
    }

    #[test]
    fn a_preview_says_why_nothing_can_be_shown() {
        let here = workshop();
        // Every frame a key frame: there is no motion to foresee.
        here.run(&["data", "reencode", "set/train", "keys", "--key-interval", "1", "--quiet"]).succeeds();
        here.run(&["data", "preview", "keys", "--method", "cmd"])
            .fails(3, &["no video can be shown", "motion"]);
        let said = here.run(&["data", "preview", "keys", "--instances", "1", "--frames", "2"]).succeeds();
        assert!(said.stdout.contains("each from above clip, view 1, view 2: preview.png"), "{said:#?}");
    }

    #[test]
    fn nothing_to_look_at_is_told() {
        let here = Workshop::empty();
        fs::create_dir(here.path("clips")).unwrap();
        fs::write(here.path("clips/a.mp4"), "").unwrap();
        fs::write(here.path("clips/b.mp4"), "words").unwrap();
        for command in ["index", "check", "preview"] {
            here.run(&["data", command, "clips"]).fails(3, &["none of 2 videos", "a.mp4: the file is empty"]);
        }
        here.run(&["data", "check", "nowhere", "--kind", "videos"]).fails(3, &["nowhere", "check the path"]);
        let said: Said = here.run(&["data", "motion", "clips", "-o", "vectors"]);
        said.fails(3, &["none of 2 videos"]);
    }
}
