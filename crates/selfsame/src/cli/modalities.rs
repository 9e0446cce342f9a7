//! All kinds of data that can be learned from.

use selfsame_core::pretrain::{About, KeptSettings, Modality, method_by_name, read_settings};
use selfsame_core::run::RunFolder;
use selfsame_core::{Error, Result};

/// Each kind with its methods, in the order in which they are listed.
pub static MODALITIES: &[&Modality] = &[
    &selfsame_image::pretrain::MODALITY,
    #[cfg(feature = "video")]
    &selfsame_video::pretrain::MODALITY,
    &selfsame_graph::pretrain::MODALITY,
    &selfsame_control::pretrain::MODALITY,
];

/// Methods that only a program with video has.
const OF_VIDEO: [&str; 4] = ["video-moco", "be", "cstp", "cmd"];

/// The method of this name, and what it learns from.
///
/// # Errors
/// Unknown names, with the closest known one; methods that were not built in, with the command that adds them.
pub fn method(name: &str) -> Result<(&'static Modality, About)> {
    check_built_in(name)?;
    method_by_name(name, MODALITIES)
}

/// The settings of a run.
///
/// # Errors
/// As [`read_settings`], and runs by methods that were not built in.
pub fn settings_of(folder: &RunFolder) -> Result<KeptSettings> {
    if let Ok(record) = folder.record() {
        check_built_in(&record.method)?;
    }
    read_settings(folder, MODALITIES)
}

/// What stands for commands on videos in a program without FFmpeg.
pub fn without_video() -> Error {
    Error::config(
        "this program was built without video",
        "build it with `cargo build --release --features video`; \
         `cargo xtask setup` installs FFmpeg's libraries, which that needs",
    )
}

fn check_built_in(method: &str) -> Result<()> {
    let missing = cfg!(not(feature = "video")) && OF_VIDEO.contains(&method);
    if missing { Err(without_video()) } else { Ok(()) }
}

#[cfg(all(test, feature = "video"))]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_video_methods_are_known_without_them() {
        let names = (selfsame_video::pretrain::MODALITY.methods)().into_iter().map(|method| method.name);
        assert!(names.eq(OF_VIDEO));
    }
}
