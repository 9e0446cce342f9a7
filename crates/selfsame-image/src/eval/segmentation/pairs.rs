//! Pictures and the labels of their pixels, in two folders.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use selfsame_core::{Error, Result};

use crate::data::{Header, LabelMap, decode, is_picture, probe, read_label_map};
use crate::picture::Picture;
use crate::view::{Geometry, required_scale};

/// How many names an error lists.
const LISTED: usize = 5;

const HELP: &str = "a set has pictures in images/ and their labels in labels/, under the same names: images/a.jpg and labels/a.png";

/// Names of the folder beside `train` that is measured on.
const TEST_FOLDERS: [&str; 3] = ["test", "val", "validation"];

/// A picture and the labels of its pixels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The common name, without an ending.
    pub name: String,
    /// The picture's file.
    pub image: PathBuf,
    /// The labels' file.
    pub label: PathBuf,
}

/// A folder with `images/` and `labels/` in it, whose files go together by their names without the ending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pairs {
    /// The folder.
    pub folder: PathBuf,
    /// Sorted by name; at least one.
    pub pairs: Vec<Pair>,
}

impl Pairs {
    /// Opens a folder.
    ///
    /// # Errors
    /// When a folder is missing or empty, a picture has no labels or labels have no picture, and when two files have the same name but for
    /// the ending.
    pub fn open(folder: &Path) -> Result<Self> {
        let images = files(folder, "images")?;
        let mut labels = files(folder, "labels")?;
        if images.is_empty() && labels.is_empty() {
            return Err(Error::data(folder, "there are no pictures in images/", HELP));
        }
        let lonely: Vec<_> =
            images.iter().filter(|(name, _)| !labels.contains_key(*name)).map(|(_, file)| file).collect();
        if !lonely.is_empty() {
            return Err(partner_missing(folder, "pictures have no labels in labels/", &lonely));
        }
        let lonely: Vec<_> =
            labels.iter().filter(|(name, _)| !images.contains_key(*name)).map(|(_, file)| file).collect();
        if !lonely.is_empty() {
            return Err(partner_missing(folder, "labels have no picture in images/", &lonely));
        }
        let pairs = images
            .into_iter()
            .filter_map(|(name, image)| Some(Pair { label: labels.remove(&name)?, name, image }))
            .collect();
        Ok(Self { folder: folder.to_owned(), pairs })
    }

    /// Opens `train/` and `test/` (or `val/`) in a folder.
    ///
    /// # Errors
    /// As [`open`](Self::open), and when one of the two is missing.
    pub fn open_both(data: &Path) -> Result<[Self; 2]> {
        let train = data.join("train");
        let test = TEST_FOLDERS.map(|name| data.join(name)).into_iter().find(|folder| folder.is_dir());
        match test {
            Some(test) if train.is_dir() => Ok([Self::open(&train)?, Self::open(&test)?]),
            _ if !data.exists() => Err(Error::data(data, "there is nothing here", "check the path")),
            _ => Err(Error::data(
                data,
                "there are no folders train/ and test/ in it",
                format!("name the two with --train DIR --test DIR; {HELP}"),
            )),
        }
    }
}

/// The pictures in a folder by their names without the ending.
fn files(parent: &Path, name: &str) -> Result<BTreeMap<String, PathBuf>> {
    let folder = parent.join(name);
    if !parent.exists() {
        return Err(Error::data(parent, "there is nothing here", "check the path"));
    }
    if !folder.is_dir() {
        return Err(Error::data(parent, format!("there is no folder `{name}` in it"), HELP));
    }
    let list = || -> std::io::Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            if is_picture(&entry.file_name().to_string_lossy()) {
                found.push(entry.path());
            }
        }
        found.sort();
        Ok(found)
    };
    let mut files: BTreeMap<String, PathBuf> = BTreeMap::new();
    for path in list().map_err(|error| Error::io("list", &folder, error))? {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if let Some(other) = files.get(&stem) {
            return Err(Error::data(
                path,
                format!("it has the same name as {} but for the ending", other.display()),
                "remove one of the two: labels go by that name",
            ));
        }
        files.insert(stem, path);
    }
    Ok(files)
}

fn partner_missing(folder: &Path, what: &str, files: &[&PathBuf]) -> Error {
    let names = files.iter().take(LISTED).map(|file| file.file_name().unwrap_or_default().to_string_lossy());
    let names: Vec<_> = names.collect();
    let more = if files.len() > LISTED { ", …" } else { "" };
    let help = format!("add what is missing or remove these; {HELP}");
    Error::data(folder, format!("{} {what}: {}{more}", files.len(), names.join(", ")), help)
}

/// A pair's files, opened.
pub(super) struct Opened {
    bytes: Vec<u8>,
    header: Header,
    /// The labels, of the picture's size.
    pub labels: LabelMap,
}

impl Pair {
    /// Opens both files. Of a picture that cannot be used the reason is returned; labels that cannot are an error, since nobody can tell what
    /// leaving them out would do to a result.
    ///
    /// # Errors
    /// Labels that cannot be read, of another size than the picture, or with classes from `classes` on that are not `void`.
    pub(super) fn open(&self, classes: usize, void: u8) -> Result<Result<Opened, String>> {
        let labels = self.labels()?;
        let image = fs::read(&self.image).map_err(|error| error.to_string());
        let opened = image.and_then(|bytes| Ok((probe(&bytes).map_err(|error| error.to_string())?, bytes)));
        let (header, bytes) = match opened {
            Ok(opened) => opened,
            Err(reason) => return Ok(Err(reason)),
        };
        if (header.width, header.height) != (labels.width, labels.height) {
            let what = format!(
                "the labels are of {}×{} pixels, the picture {} of {}×{}",
                labels.width,
                labels.height,
                self.image.display(),
                header.width,
                header.height
            );
            let help = "every pixel needs its label: scale the labels (without smoothing) or the picture to the other's size";
            return Err(Error::data(&self.label, what, help));
        }
        let unknown = labels.ids.iter().position(|&id| usize::from(id) >= classes && id != void);
        if let Some(place) = unknown {
            let (column, row) = (place % labels.width, place / labels.width);
            let what = format!(
                "class {} at column {column}, row {row} (from 0) is none of the {classes} classes 0 to {} and not void ({void})",
                labels.ids[place],
                classes.saturating_sub(1)
            );
            let help = "correct the labels, name the class of unlabelled pixels with --void, or the number of classes with --classes";
            return Err(Error::data(&self.label, what, help));
        }
        Ok(Ok(Opened { bytes, header, labels }))
    }

    pub(super) fn labels(&self) -> Result<LabelMap> {
        let bytes = fs::read(&self.label).map_err(|error| Error::io("read", &self.label, error))?;
        read_label_map(&bytes).map_err(|error| {
            let help = "labels are PNG files with 8 bits a pixel, grey or with a palette, whose values are the numbers of classes";
            Error::data(&self.label, error, help)
        })
    }
}

impl Opened {
    /// The picture, decoded at least as large as `side` on its shorter side if it is that large.
    pub fn picture(&self, side: usize) -> Result<Picture, String> {
        let Header { width, height, .. } = self.header;
        let crop = crate::view::Crop::whole(width, height);
        let whole = Geometry { source_height: height, source_width: width, crop, flipped: false };
        decode(&self.bytes, required_scale(&[whole], side)).map_err(|error| error.to_string())
    }
}
