use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::super::{VideoFolder, VideoFolderOptions};
use super::film::{Film, numbers, open};

fn names(videos: &VideoFolder) -> Vec<&str> {
    videos.videos().iter().map(|video| video.name.as_str()).collect()
}

#[test]
fn folders_of_the_first_level_are_classes() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["run/a.mp4", "run/deep/b.mkv", "jump/c.avi", ".hidden/d.mp4"] {
        Film::of(4).write(folder.path(), name);
    }
    let videos = open(folder.path());
    assert_eq!(names(&videos), ["jump/c.avi", "run/a.mp4", "run/deep/b.mkv"]);
    assert_eq!(videos.classes(), ["jump", "run"]);
    assert_eq!((0..3).map(|index| videos.label(index)).collect::<Vec<_>>(), [Some(0), Some(1), Some(1)]);
    let video = videos.video(1).unwrap();
    assert_eq!((video.frames(), video.info.codec.as_str(), video.info.frame_rate), (4, "mpeg4", 25.0));
    assert_eq!(videos.fingerprint(), open(folder.path()).fingerprint());
}

#[test]
fn a_single_file_is_a_folder_of_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = Film::of(4).write(folder.path(), "a.mp4");
    Film::of(4).write(folder.path(), "b.mp4");
    let videos = open(&path);
    assert_eq!((names(&videos), videos.classes().len()), (vec!["a.mp4"], 0));
    assert_eq!(numbers(&videos.clip(0, 1, 1, 2, None).unwrap()), [1, 2]);
}

#[test]
fn lists_choose_and_label() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["run/a.mp4", "run/b.mp4", "jump/c.mp4", "d.mp4", "e f.mp4"] {
        Film::of(3).write(folder.path(), name);
    }
    let list = folder.path().join("list.txt");
    let opened = |text: &str| {
        fs::write(&list, text).unwrap();
        let options = VideoFolderOptions { cache: None, list: Some(list.clone()) };
        VideoFolder::open(folder.path(), &options, &|_, _| ()).unwrap()
    };
    let videos = opened("run/a.mp4 1\njump/c.mp4 2\nrun/a.mp4 1\ngone.mp4 3\n");
    assert_eq!(
        (names(&videos), videos.classes()),
        (vec!["jump/c.mp4", "run/a.mp4"], &["jump".into(), "run".into()][..])
    );
    assert_eq!(videos.bad_files()[0].name, "gone.mp4");
    assert!(videos.warnings().iter().any(|warning| warning.contains("1 videos are listed twice")));
    let videos = opened("e f.mp4 10\nd.mp4 9\n");
    assert_eq!(
        (names(&videos), videos.classes()),
        (vec!["d.mp4", "e f.mp4"], &["9".into(), "10".into()][..])
    );
    assert_eq!([videos.label(0), videos.label(1)], [Some(0), Some(1)]);
}

/// Makes a file look an hour old, so that the cache trusts it.
fn age(path: &Path) {
    let hour_ago = SystemTime::now() - Duration::from_secs(3600);
    File::options().write(true).open(path).unwrap().set_modified(hour_ago).unwrap();
}

#[test]
fn the_index_is_kept_until_a_file_changes() {
    let (cache, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let options = VideoFolderOptions { cache: Some(cache.path().to_owned()), list: None };
    for name in ["a.mp4", "b.mp4"] {
        age(&Film::of(5).write(folder.path(), name));
    }
    fs::write(folder.path().join("bad.mp4"), "x").unwrap();
    age(&folder.path().join("bad.mp4"));
    let frames = || {
        let videos = VideoFolder::open(folder.path(), &options, &|_, _| ()).unwrap();
        videos.videos().iter().map(|video| video.frames()).collect::<Vec<_>>()
    };
    assert_eq!(frames(), [5, 5]);

    // A mark in the cache shows that it is used.
    let index = fs::read_dir(cache.path()).unwrap().next().unwrap().unwrap().path();
    assert!(index.file_name().unwrap().to_string_lossy().starts_with("videos-"));
    let text = fs::read_to_string(&index).unwrap();
    assert!(text.contains("\"count\":5"), "{text}");
    fs::write(&index, text.replace("\"count\":5", "\"count\":6")).unwrap();
    assert_eq!(frames(), [6, 6]);

    // A change in one file is seen, and the others stay known.
    age(&Film::of(9).write(folder.path(), "b.mp4"));
    assert_eq!(frames(), [6, 9]);
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        3,
        "nothing is written into the data's own folder"
    );
}
