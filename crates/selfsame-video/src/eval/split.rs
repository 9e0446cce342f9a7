//! Splits that are lists of files, as UCF101 has them.

use std::path::Path;
use std::sync::Arc;

use selfsame_core::Result;

use super::Split;
use crate::data::{VideoFolder, VideoFolderOptions};

/// The videos of a folder that one file lists to learn from, and those that another one lists to be asked about; see
/// [`read_list`](crate::data::read_list).
///
/// # Errors
/// A folder or lists that cannot be read, and as [`Split::of_pair`].
pub fn open_lists(data: &Path, [train, test]: [&Path; 2], options: &VideoFolderOptions) -> Result<Split> {
    let open = |list: &Path| {
        let options = VideoFolderOptions { list: Some(list.to_owned()), ..options.clone() };
        VideoFolder::open(data, &options, &|_, _| ()).map(Arc::new)
    };
    let split = Split::of_pair(open(train)?, open(test)?)?;
    let how = format!("train: {}, test: {} of {}", train.display(), test.display(), data.display());
    Ok(Split { how, ..split })
}
