//! What may be written to a stream: a line that changes, colours.

use std::io::IsTerminal;

/// How a stream may be written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terminal {
    /// Someone is watching, so that a line may be rewritten in place.
    pub live: bool,
    /// Text may be bold.
    pub colour: bool,
}

impl Terminal {
    /// No terminal: a file, a pipe, a batch system.
    pub const PLAIN: Self = Self { live: false, colour: false };

    /// Looks at a stream and at the environment: `NO_COLOR` (see no-color.org) and `TERM=dumb`.
    pub fn of(stream: &impl IsTerminal) -> Self {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        Self::decide(stream.is_terminal(), set("NO_COLOR"), dumb)
    }

    fn decide(terminal: bool, no_colour: bool, dumb: bool) -> Self {
        if terminal && !dumb { Self { live: true, colour: !no_colour } } else { Self::PLAIN }
    }

    /// The text in bold, where that is possible.
    pub fn bold(self, text: &str) -> String {
        if self.colour { format!("\x1b[1m{text}\x1b[0m") } else { text.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_need_a_capable_terminal_and_no_objection() {
        assert_eq!(Terminal::decide(true, false, false), Terminal { live: true, colour: true });
        assert_eq!(Terminal::decide(true, true, false), Terminal { live: true, colour: false });
        assert_eq!(Terminal::decide(true, false, true), Terminal::PLAIN);
        assert_eq!(Terminal::decide(false, false, false), Terminal::PLAIN);
        assert_eq!(Terminal::PLAIN.bold("a"), "a");
        assert_eq!(Terminal { live: true, colour: true }.bold("a"), "\x1b[1ma\x1b[0m");
    }
}
