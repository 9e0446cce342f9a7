use std::fs;
use std::path::Path;

use super::super::{Problem, VideoFolder, VideoFolderOptions, VideoNote, check_videos, scan};
use super::film::{Film, numbers, open};

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
