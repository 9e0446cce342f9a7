//! The video methods, a paper a file.
