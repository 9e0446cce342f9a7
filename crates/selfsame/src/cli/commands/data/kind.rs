//! What kind of data there is at a path.

use std::fs;
use std::path::{Path, PathBuf};

use selfsame_core::video_names::is_named_as_video;
use selfsame_graph::data::holds_interactions;
use selfsame_image::data::is_picture;

use crate::cli::args::Kind;

/// So many files tell what a folder is about.
const ENOUGH: usize = 1000;

/// The given kind, or what the names of files say.
pub fn of(path: &Path, given: Option<Kind>) -> Kind {
    given.unwrap_or_else(|| {
        if holds_interactions(path) {
            Kind::Interactions
        } else if holds_videos(path) {
            Kind::Videos
        } else {
            Kind::Pictures
        }
    })
}

/// Whether the file, or most of the pictures and videos in a folder, are videos by their names.
fn holds_videos(path: &Path) -> bool {
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if path.is_file() {
        return is_named_as_video(&name(path));
    }
    let (mut videos, mut pictures, mut looked_at) = (0, 0, 0);
    let mut folders: Vec<PathBuf> = vec![path.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            // Links to folders are not followed here: they might lead back.
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(entry.path());
                continue;
            }
            let name = name(&entry.path());
            videos += usize::from(is_named_as_video(&name));
            pictures += usize::from(is_picture(&name));
            looked_at += 1;
            if looked_at == ENOUGH {
                return videos > pictures;
            }
        }
    }
    videos > pictures
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_the_kind() {
        let folder = tempfile::tempdir().unwrap();
        let make = |name: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        };
        let kind = |name: &str| of(&folder.path().join(name), None);
        make("mixed/a/1.mp4");
        make("mixed/a/2.MKV");
        make("mixed/cover.jpg");
        make("photos/1.jpg");
        make("photos/2.png");
        make("photos/film.mp4");
        assert_eq!(kind("mixed"), Kind::Videos);
        assert_eq!(kind("mixed/a/1.mp4"), Kind::Videos);
        assert_eq!(kind("photos"), Kind::Pictures);
        assert_eq!(kind("nowhere"), Kind::Pictures);
        assert_eq!(of(&folder.path().join("photos"), Some(Kind::Videos)), Kind::Videos);
    }
}
