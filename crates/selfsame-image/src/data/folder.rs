//! Folders of files of one kind: finding them, in parallel, and remembering what was found.
//!
//! What is kept of a folder is the names in it, and a folder's own modification time changes whenever a name comes or
//! goes: on the next start only folders that changed are listed again. Hidden files are left out, symbolic links
//! followed.

use std::collections::HashMap;
use std::fs::{self, DirEntry};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;
use selfsame_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::cache::{Cache, Stamp};

/// The extensions of files taken for pictures, in any case. The content decides later what a file is.
pub const EXTENSIONS: [&str; 8] = ["jpg", "jpeg", "png", "webp", "bmp", "tif", "tiff", "gif"];

/// Whether the file name has one of the [`EXTENSIONS`] and is not hidden.
pub fn is_picture(name: &str) -> bool {
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    !name.starts_with('.') && EXTENSIONS.iter().any(|known| extension.eq_ignore_ascii_case(known))
}

/// All files of a kind below a folder.
#[derive(Debug, Default)]
pub struct Listing {
    /// Paths from the root with `/`, in a fixed order.
    pub files: Vec<String>,
    /// Folders that could not be read, empty class folders and the like.
    pub warnings: Vec<String>,
}

/// One folder as the cache keeps it.
#[derive(Clone, Serialize, Deserialize)]
struct Folder {
    /// From the root, with `/` at the end; empty for the root itself.
    path: String,
    stamp: Stamp,
    pictures: Vec<String>,
    folders: Vec<Subfolder>,
    unreadable_names: usize,
}

#[derive(Clone, Serialize, Deserialize)]
struct Subfolder {
    name: String,
    is_link: bool,
}

/// A folder to be looked at.
struct Visit {
    path: String,
    real: PathBuf,
    /// The real folders on the way here: a link back to one of them would never end.
    ancestors: Arc<Ancestors>,
}

struct Ancestors {
    real: PathBuf,
    parent: Option<Arc<Ancestors>>,
}

impl Ancestors {
    fn contain(&self, real: &Path) -> bool {
        self.real == real || self.parent.as_ref().is_some_and(|parent| parent.contain(real))
    }
}

/// What is looked for in folders.
#[derive(Clone, Copy)]
pub struct Kind {
    /// Whether a file of this name may be one.
    pub is_wanted: fn(&str) -> bool,
    /// The word for several of them, such as `pictures`.
    pub plural: &'static str,
}

/// Files that are taken for pictures by their names.
pub(super) const PICTURES: Kind = Kind { is_wanted: is_picture, plural: "pictures" };

/// Lists all files of a kind below `root`, a canonical path.
///
/// # Errors
/// [`Error::Io`] when `root` itself cannot be listed; what is wrong below it is a warning in the listing.
pub fn list(root: &Path, kind: Kind, cache: &Cache) -> Result<Listing> {
    let cached: Vec<Folder> = cache.read(root).unwrap_or_default();
    let cached_count = cached.len();
    let mut known: HashMap<String, Folder> =
        cached.into_iter().map(|folder| (folder.path.clone(), folder)).collect();

    let mut listing = Listing::default();
    let mut folders: Vec<Folder> = Vec::new();
    let mut changed = false;
    let ancestors = Arc::new(Ancestors { real: root.to_owned(), parent: None });
    let mut level = vec![Visit { path: String::new(), real: root.to_owned(), ancestors }];
    while !level.is_empty() {
        let remembered: Vec<_> = level.into_iter().map(|visit| (known.remove(&visit.path), visit)).collect();
        let looked_at: Vec<_> = remembered
            .into_par_iter()
            .map(|(known, visit)| {
                let folder = look_at(&visit, kind, known);
                (visit, folder)
            })
            .collect();
        level = Vec::new();
        for (visit, folder) in looked_at {
            match folder {
                Ok((folder, is_new)) => {
                    changed |= is_new;
                    for subfolder in &folder.folders {
                        match below(&visit, subfolder) {
                            Ok(Some(next)) => level.push(next),
                            Ok(None) => {}
                            Err(error) => listing.warn(&visit.path, &subfolder.name, &error),
                        }
                    }
                    folders.push(folder);
                }
                Err(source) if visit.path.is_empty() => return Err(Error::io("list", root, source)),
                Err(error) => listing.warn(&visit.path, "", &error),
            }
        }
    }

    folders.sort_by(|a, b| a.path.cmp(&b.path));
    for folder in &folders {
        if folder.unreadable_names > 0 {
            let count = folder.unreadable_names;
            listing
                .warnings
                .push(format!("{}: {count} names are not UTF-8 and left out", display(&folder.path)));
        }
        listing.files.extend(folder.pictures.iter().map(|name| format!("{}{name}", folder.path)));
    }
    listing.warnings.extend(empty_classes(&folders, kind));
    if changed || folders.len() != cached_count {
        cache.write(root, &folders);
    }
    Ok(listing)
}

impl Listing {
    fn warn(&mut self, folder: &str, name: &str, error: &io::Error) {
        self.warnings.push(format!("{}: left out, {error}", display(&format!("{folder}{name}"))));
    }
}

fn display(path: &str) -> &str {
    if path.is_empty() { "." } else { path.trim_end_matches('/') }
}

/// What is in a folder, and whether that had to be looked up.
fn look_at(visit: &Visit, wanted: Kind, known: Option<Folder>) -> io::Result<(Folder, bool)> {
    let stamp = Stamp::of(&fs::metadata(&visit.real)?);
    if let Some(folder) = known.filter(|folder| folder.stamp.still_holds(&stamp)) {
        return Ok((folder, false));
    }
    let mut folder = Folder {
        path: visit.path.clone(),
        stamp,
        pictures: Vec::new(),
        folders: Vec::new(),
        unreadable_names: 0,
    };
    for entry in fs::read_dir(&visit.real)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else {
            folder.unreadable_names += 1;
            continue;
        };
        if name.starts_with('.') {
            continue;
        }
        let (is_folder, is_link) = folder_or_file(&entry, &name, wanted)?;
        match is_folder {
            Some(true) => folder.folders.push(Subfolder { name, is_link }),
            Some(false) if (wanted.is_wanted)(&name) => folder.pictures.push(name),
            _ => {}
        }
    }
    folder.pictures.sort_unstable();
    folder.folders.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok((folder, true))
}

/// Whether it is a folder (`None`: neither folder nor file), and whether it is a symbolic link.
fn folder_or_file(entry: &DirEntry, name: &str, wanted: Kind) -> io::Result<(Option<bool>, bool)> {
    let kind = entry.file_type()?;
    if !kind.is_symlink() {
        return Ok((kind.is_dir().then_some(true).or(kind.is_file().then_some(false)), false));
    }
    match fs::metadata(entry.path()) {
        Ok(target) => Ok((target.is_dir().then_some(true).or(target.is_file().then_some(false)), true)),
        // A link to nowhere stays in the list when it looks like what is wanted, so that it is reported.
        Err(_) => Ok(((wanted.is_wanted)(name).then_some(false), true)),
    }
}

/// The visit of a folder in a folder; nothing when it is a link back to where we came from.
fn below(visit: &Visit, subfolder: &Subfolder) -> io::Result<Option<Visit>> {
    let mut real = visit.real.join(&subfolder.name);
    if subfolder.is_link {
        real = real.canonicalize()?;
        if visit.ancestors.contain(&real) {
            return Ok(None);
        }
    }
    let ancestors = Arc::new(Ancestors { real: real.clone(), parent: Some(visit.ancestors.clone()) });
    Ok(Some(Visit { path: format!("{}{}/", visit.path, subfolder.name), real, ancestors }))
}

/// Complaints about folders in the root with nothing wanted below, when others have some: classes without instances.
fn empty_classes(folders: &[Folder], kind: Kind) -> Vec<String> {
    let Some(root) = folders.iter().find(|folder| folder.path.is_empty()) else { return Vec::new() };
    let is_empty = |name: &str| {
        let prefix = format!("{name}/");
        // Sorted by path, so what lies below the folder is contiguous.
        let start = folders.partition_point(|folder| folder.path < prefix);
        let inside = folders[start..].iter().take_while(|folder| folder.path.starts_with(&prefix));
        inside.clone().count() > 0 && inside.map(|folder| folder.pictures.len()).sum::<usize>() == 0
    };
    let empty = root.folders.iter().map(|folder| &folder.name).filter(|name| is_empty(name));
    empty.map(|name| format!("{name}: the folder has no {}", kind.plural)).collect()
}
