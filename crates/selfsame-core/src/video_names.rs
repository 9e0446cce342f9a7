//! Names of video files. Here, because a program that was built without video must know what it cannot read.

/// Extensions of video files. What a file really is, its content decides.
pub const VIDEO_EXTENSIONS: [&str; 20] = [
    "mp4", "m4v", "mov", "mkv", "webm", "avi", "mpg", "mpeg", "ts", "m2ts", "mts", "wmv", "asf", "flv",
    "3gp", "ogv", "h264", "264", "mxf", "vob",
];

/// Whether the file name has one of the [`VIDEO_EXTENSIONS`], in any case, and is not hidden.
pub fn is_named_as_video(name: &str) -> bool {
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    !name.starts_with('.') && VIDEO_EXTENSIONS.iter().any(|known| extension.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::is_named_as_video;

    #[test]
    fn the_extension_decides_in_any_case() {
        for (name, expected) in [
            ("a.mp4", true),
            ("a.b.MKV", true),
            (".a.mp4", false),
            ("mp4", false),
            ("a.mp4.txt", false),
            ("", false),
        ] {
            assert_eq!(is_named_as_video(name), expected, "{name}");
        }
    }
}
