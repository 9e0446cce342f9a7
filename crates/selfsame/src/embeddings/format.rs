//! Which format a file of embeddings has.

use std::path::Path;
use std::str::FromStr;

use selfsame_core::{Error, Result};

/// A format of embeddings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Apache Parquet, columns `name`, `label`, `label_id`, `embedding`.
    Parquet,
    /// NumPy's array format, with the names beside it.
    Npy,
    /// Comma-separated text, columns `filenames`, `embedding_0` …, `labels`.
    Csv,
    /// Tensors `embeddings`, `labels`, `names`.
    Safetensors,
    /// A folder for TensorBoard's embedding projector.
    Projector,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 5] = [Self::Parquet, Self::Npy, Self::Csv, Self::Safetensors, Self::Projector];

    /// The format's name on the command line, which is also the extension of its files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::Npy => "npy",
            Self::Csv => "csv",
            Self::Safetensors => "safetensors",
            Self::Projector => "projector",
        }
    }

    /// The format that a path asks for: by its extension; a path that ends in `/` or in `projector` is a projector's folder.
    ///
    /// # Errors
    /// [`Error::Config`] when it asks for none that is known.
    pub fn of(path: &Path) -> Result<Self> {
        let text = path.to_string_lossy();
        if text.ends_with(std::path::is_separator) {
            return Ok(Self::Projector);
        }
        let name = path.extension().or(path.file_name()).unwrap_or_default().to_string_lossy().to_lowercase();
        Self::ALL.into_iter().find(|format| format.name() == name).ok_or_else(|| {
            Error::config(
                format!("`{text}` does not say in which format to write embeddings"),
                "end the name in .parquet, .npy, .csv or .safetensors, or in / for a folder for TensorBoard's \
                 projector; or choose with --format",
            )
        })
    }
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|format| format.name() == text).ok_or_else(|| {
            Error::config(
                format!("there is no format `{text}` for embeddings"),
                format!("choose one of {}", Self::ALL.map(Self::name).join(", ")),
            )
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_path_says_the_format() {
        let cases = [
            ("a/b.parquet", Format::Parquet),
            ("b.NPY", Format::Npy),
            ("photos.2024.csv", Format::Csv),
            ("x.safetensors", Format::Safetensors),
            ("runs/a/projector", Format::Projector),
            ("runs/a/", Format::Projector),
            ("runs/first.projector", Format::Projector),
        ];
        for (path, format) in cases {
            assert_eq!(Format::of(Path::new(path)).unwrap(), format, "{path}");
        }
    }

    #[test]
    fn an_unknown_extension_lists_the_known_ones() {
        for path in ["a.pickle", "embeddings", "a.b/c", ""] {
            let error = Format::of(Path::new(path)).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            for format in [".parquet", ".npy", ".csv", ".safetensors", "projector", "--format"] {
                assert!(error.to_string().contains(format), "{error}");
            }
        }
    }

    #[test]
    fn every_name_reads_back() {
        for format in Format::ALL {
            assert_eq!(format.name().parse::<Format>().unwrap(), format);
        }
        let error = "tsv".parse::<Format>().unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains("parquet, npy, csv, safetensors, projector"), "{error}");
    }
}
