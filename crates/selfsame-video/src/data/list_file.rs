//! Lists of the videos of a split, as UCF101 has them: a path a line from the folder of videos, and perhaps a class.
//!
//! ```text
//! ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01.avi 1
//! ```

use std::fs;
use std::path::Path;

use selfsame_core::{Error, Result};

/// A line of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The path from the folder of videos, with `/`.
    pub path: String,
    /// The word after it.
    pub class: Option<String>,
}

/// Reads a list. Empty lines and lines that begin with `#` do not count. A line is a path, and after a blank, comma or tab its class, which
/// is a whole number or, after a comma or tab, any word.
///
/// # Errors
/// Files that cannot be read, are no text, or name nothing.
pub fn read_list(path: &Path) -> Result<Vec<Listed>> {
    let bytes = fs::read(path).map_err(|source| Error::io("read", path, source))?;
    let text = String::from_utf8(bytes).map_err(|_| {
        Error::data(
            path,
            "the list is not text in UTF-8",
            "give a text file with the path of a video on each line",
        )
    })?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let listed: Vec<Listed> = lines.map(parse).collect();
    if listed.is_empty() {
        return Err(Error::data(path, "the list names no video", "put the path of a video on each line"));
    }
    Ok(listed)
}

fn parse(line: &str) -> Listed {
    let with_class = line.rsplit_once(['\t', ',']).or_else(|| {
        // A blank may be a part of the name.
        line.rsplit_once(' ').filter(|(_, class)| class.parse::<i64>().is_ok())
    });
    let (path, class) = match with_class {
        Some((path, class)) => (path.trim(), Some(class.trim().to_owned())),
        None => (line, None),
    };
    let path = path.replace('\\', "/");
    Listed { path: path.trim_start_matches("./").to_owned(), class }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_paths_with_or_without_a_class() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list.txt");
        fs::write(&path, "a/x y.avi 1\n\n# no\nb/z z.avi\r\n./c.mp4\tfar away\nd\\e.mp4,7\n").unwrap();
        let listed = read_list(&path).unwrap();
        let expected = [
            ("a/x y.avi", Some("1")),
            ("b/z z.avi", None),
            ("c.mp4", Some("far away")),
            ("d/e.mp4", Some("7")),
        ];
        let found: Vec<_> = listed.iter().map(|line| (line.path.as_str(), line.class.as_deref())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn what_is_no_list_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list.txt");
        assert!(read_list(&path).unwrap_err().to_string().contains("check the path"));
        fs::write(&path, "\n#\n").unwrap();
        assert_eq!(read_list(&path).unwrap_err().exit_code(), 3);
        fs::write(&path, [0xff, 0xfe]).unwrap();
        assert!(read_list(&path).unwrap_err().to_string().contains("UTF-8"));
    }
}
