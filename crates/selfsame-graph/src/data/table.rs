//! Interactions as a file has them, line after line.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use selfsame_core::{Error, Result};

use super::delimited;
use super::format::{Format, ReadOptions, recognise};
use super::ids::Ids;
use super::parquet_file;

/// One interaction of a [`Table`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// The user's number in the table.
    pub user: u32,
    /// The item's number in the table.
    pub item: u32,
    /// When, in the file's unit; not a number where the file does not say.
    pub time: f64,
}

/// What a file holds. Numbers of users and items are in the order in which they appear.
#[derive(Clone, Debug)]
pub struct Table {
    /// Original ids of users.
    pub users: Ids,
    /// Original ids of items.
    pub items: Ids,
    /// Interactions in the order of the file, repetitions included.
    pub rows: Vec<Row>,
    /// Whether there are times.
    pub timed: bool,
    /// How the file was read.
    pub format: Format,
    /// Users on a line of their own without an item.
    pub users_without_items: usize,
    /// Interactions left out because of their rating.
    pub below_rating: usize,
}

impl Table {
    pub(super) fn new(format: Format) -> Self {
        Self {
            users: Ids::default(),
            items: Ids::default(),
            rows: Vec::new(),
            timed: false,
            format,
            users_without_items: 0,
            below_rating: 0,
        }
    }
}

/// Reads one file.
///
/// # Errors
/// A file that cannot be read, that is empty, or that is not in its format, with the number of the line.
pub fn read_table(path: &Path, options: &ReadOptions) -> Result<Table> {
    let mut file = File::open(path).map_err(|error| Error::io("open", path, error))?;
    let mut start = [0; 4];
    let read = file.read(&mut start).map_err(|error| Error::io("read", path, error))?;
    let parquet = &start[..read] == b"PAR1";
    let table = if options.format == Some(Format::Parquet) || (options.format.is_none() && parquet) {
        parquet_file::read(path, options)?
    } else {
        let bytes = std::fs::read(path).map_err(|error| Error::io("read", path, error))?;
        let format = options.format.unwrap_or_else(|| recognise(&bytes));
        delimited::read(path, &bytes, format, options)?
    };
    if table.rows.is_empty() {
        let what = match (table.below_rating, table.users_without_items) {
            (0, 0) => "the file has no interactions".to_owned(),
            (0, users) => format!("none of the file's {users} users has an item"),
            (below, _) => format!("all {below} interactions have a rating below the least one to keep"),
        };
        return Err(Error::data(path, what, "give a file with at least one user and item"));
    }
    Ok(table)
}
