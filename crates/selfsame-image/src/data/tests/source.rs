use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

use selfsame_core::Random;

use super::super::{Dataset, OpenOptions};
use super::{folder_of, names, open, png, write};

fn error(path: &Path) -> selfsame_core::Error {
    Dataset::open(path, &OpenOptions { cache: None, shuffle_buffer: 1 }).err().unwrap()
}

#[test]
fn a_flat_folder_is_sorted_and_has_no_classes() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["b.PNG", "a.jpg", "c.JpEg", "notes.txt", ".hidden.png", "._a.jpg", "noextension", "png"] {
        write(folder.path(), name, &png(1));
    }
    let dataset = open(folder.path());
    assert_eq!(names(&dataset), ["a.jpg", "b.PNG", "c.JpEg"]);
    assert!(dataset.classes().is_empty() && dataset.label(0).is_none());
    assert_eq!(dataset.read(1, &mut Vec::new()).unwrap(), png(1));
    assert_eq!(dataset.typical_side(), 16);
}

#[test]
fn folders_of_the_first_level_are_classes() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["dog/1.png", "cat/deep/er/2.png", "cat/3.png", ".git/4.png"] {
        write(folder.path(), name, &png(1));
    }
    fs::create_dir_all(folder.path().join("bird/none")).unwrap();
    let dataset = open(folder.path());
    assert_eq!(names(&dataset), ["cat/3.png", "cat/deep/er/2.png", "dog/1.png"]);
    assert_eq!(dataset.classes(), ["cat", "dog"]);
    assert_eq!((0..3).map(|index| dataset.label(index)).collect::<Vec<_>>(), [Some(0), Some(0), Some(1)]);
    assert_eq!(dataset.warnings(), ["bird: the folder has no pictures"]);
}

#[cfg(unix)]
#[test]
fn links_are_followed_but_not_in_circles() {
    use std::os::unix::fs::symlink;
    let elsewhere = folder_of(2);
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a/x.png", &png(1));
    symlink(folder.path().join("b"), folder.path().join("a/to-b")).unwrap();
    write(folder.path(), "b/y.png", &png(2));
    symlink(folder.path().join("a"), folder.path().join("b/to-a")).unwrap();
    symlink(folder.path(), folder.path().join("a/up")).unwrap();
    symlink(elsewhere.path(), folder.path().join("c")).unwrap();
    symlink(folder.path().join("nowhere"), folder.path().join("dangling.png")).unwrap();
    let dataset = open(folder.path());
    let expected =
        ["dangling.png", "a/x.png", "a/to-b/y.png", "b/y.png", "b/to-a/x.png", "c/000.png", "c/001.png"];
    assert_eq!(names(&dataset), expected);
    assert!(dataset.read(0, &mut Vec::new()).is_err());
}

#[test]
fn what_cannot_be_opened_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let missing = error(&folder.path().join("missing"));
    assert_eq!(missing.exit_code(), 3);
    assert!(missing.to_string().contains("missing") && missing.to_string().contains("check the path"));

    let empty = error(folder.path());
    assert_eq!(empty.exit_code(), 3);
    assert!(empty.to_string().contains("no pictures") && empty.to_string().contains("jpeg"), "{empty}");

    write(folder.path(), "a.txt", b"text");
    assert!(error(folder.path()).to_string().contains("no pictures"));
    assert!(error(&folder.path().join("a.txt")).to_string().contains("neither a folder"));
}

#[test]
fn a_file_that_vanishes_is_an_error_with_its_path() {
    let folder = folder_of(2);
    let dataset = open(folder.path());
    fs::remove_file(folder.path().join("001.png")).unwrap();
    let error = dataset.read(1, &mut Vec::new()).err().unwrap();
    assert!(error.to_string().contains("001.png"));
    assert!(dataset.read(0, &mut Vec::new()).is_ok());
}

/// Makes the folder's last change look an hour old, so that the cache trusts it.
#[cfg(unix)]
fn age(folder: &Path) {
    let hour_ago = SystemTime::now() - Duration::from_secs(3600);
    File::open(folder).unwrap().set_modified(hour_ago).unwrap();
}

#[cfg(unix)]
#[test]
fn the_index_is_kept_until_a_folder_changes() {
    let cache = tempfile::tempdir().unwrap();
    let options = OpenOptions { cache: Some(cache.path().to_owned()), shuffle_buffer: 1 };
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a/1.png", &png(1));
    write(folder.path(), "b/2.png", &png(2));
    for name in ["a", "b", ""] {
        age(&folder.path().join(name));
    }
    let listed = || names(&Dataset::open(folder.path(), &options).unwrap());
    assert_eq!(listed(), ["a/1.png", "b/2.png"]);

    // A mark in the cache shows that it is used.
    let index = fs::read_dir(cache.path()).unwrap().next().unwrap().unwrap().path();
    let text = fs::read_to_string(&index).unwrap();
    fs::write(&index, text.replace("1.png", "marked.png")).unwrap();
    assert_eq!(listed(), ["a/marked.png", "b/2.png"]);

    // A change in one folder is seen, and the others stay cached.
    write(folder.path(), "b/3.png", &png(3));
    assert_eq!(listed(), ["a/marked.png", "b/2.png", "b/3.png"]);
    // So shortly after a change nothing is trusted: another one within the same tick of the clock is seen, too.
    let modified = fs::metadata(folder.path().join("b")).unwrap().modified().unwrap();
    write(folder.path(), "b/4.png", &png(4));
    File::open(folder.path().join("b")).unwrap().set_modified(modified).unwrap();
    assert_eq!(listed(), ["a/marked.png", "b/2.png", "b/3.png", "b/4.png"]);

    // Nothing is written into the data's own folder.
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn an_unusable_cache_is_no_obstacle() {
    let folder = folder_of(2);
    let file = folder.path().join("000.png");
    let options = OpenOptions { cache: Some(file), shuffle_buffer: 1 };
    assert_eq!(Dataset::open(folder.path(), &options).unwrap().len(), 2);
}

#[test]
fn an_epoch_visits_everything_once_in_its_own_order() {
    let folder = folder_of(40);
    let dataset = open(folder.path());
    let random = Random::new(3);
    let order = dataset.order(0, &random);
    assert_eq!(order, dataset.order(0, &random));
    assert_ne!(order, dataset.order(1, &random));
    assert_ne!(order, dataset.order(0, &Random::new(4)));
    let mut sorted = order;
    sorted.sort_unstable();
    assert_eq!(sorted, (0..40).collect::<Vec<_>>());
}

#[cfg(unix)]
#[test]
fn a_folder_that_may_not_be_read_is_reported() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a/1.png", &png(1));
    write(folder.path(), "b/2.png", &png(2));
    let locked = folder.path().join("b");
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o000)).unwrap();
    // The superuser reads everything.
    if fs::read_dir(&locked).is_err() {
        let dataset = open(folder.path());
        assert_eq!(names(&dataset), ["a/1.png"]);
        assert!(dataset.warnings()[0].starts_with("b: left out"), "{:?}", dataset.warnings());
    }
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o755)).unwrap();
}
