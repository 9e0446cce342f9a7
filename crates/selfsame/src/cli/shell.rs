//! Words that can be pasted into a shell.

use std::path::Path;

/// A path as a shell takes it for one word, and a program not for a flag.
pub fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let text = if text.starts_with('-') { format!("./{text}") } else { text };
    let is_plain = |character: char| character.is_alphanumeric() || "/._-+:@%,".contains(character);
    match !text.is_empty() && text.chars().all(is_plain) {
        true => text,
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_word_stays_one_word() {
        for (path, typed) in [
            ("runs/a", "runs/a"),
            ("my runs/ä", "'my runs/ä'"),
            ("-dash", "./-dash"),
            ("it's", "'it'\\''s'"),
            ("$HOME", "'$HOME'"),
            ("", "''"),
        ] {
            assert_eq!(quoted(Path::new(path)), typed);
        }
    }
}
