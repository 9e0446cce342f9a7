//! Pictures of the book as SVG.

use std::fs;

use crate::{Failure, root};

/// The beginning of a picture of so many pixels. It brings its own background, so that it can be read on light and on dark pages.
pub fn begin(width: usize, height: usize) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"13\" \
         fill=\"#222\">\n<rect width=\"{width}\" height=\"{height}\" rx=\"6\" fill=\"#fafafa\"/>\n"
    )
}

/// Keeps a picture among those of the book, and tells where.
pub fn keep(name: &str, svg: &str) -> Result<(), Failure> {
    let file = root().join("docs/src/images").join(name);
    fs::write(&file, svg).map_err(|cause| format!("{}: {cause}", file.display()))?;
    println!("\ndrawn in {}", file.display());
    Ok(())
}
