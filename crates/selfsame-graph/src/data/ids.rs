//! Original ids and the numbers that stand for them.

use std::collections::HashMap;
use std::io::Write;
use std::path::Path;

use selfsame_core::{Error, Result, atomic_file};

/// The original ids of users or of items, in the order of their numbers.
///
/// The order does not depend on that of the files: integers ascend by value, other ids by their bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ids {
    names: Vec<Box<str>>,
    numbers: HashMap<Box<str>, u32>,
}

impl Ids {
    /// These ids in the order in which they are given; a repeated one keeps its first number.
    pub fn in_order(names: impl IntoIterator<Item = Box<str>>) -> Self {
        let mut ids = Self::default();
        for name in names {
            ids.intern(&name);
        }
        ids
    }

    /// The number of this id, which becomes the next one if it is new.
    pub fn intern(&mut self, name: &str) -> u32 {
        if let Some(&number) = self.numbers.get(name) {
            return number;
        }
        let number = self.names.len() as u32;
        self.names.push(name.into());
        self.numbers.insert(name.into(), number);
        number
    }

    /// These ids in ascending order: by value if all are plain integers, else by their bytes.
    pub fn sorted(mut names: Vec<Box<str>>) -> Self {
        if names.iter().all(|name| is_plain_integer(name)) {
            // Without leading zeros a longer integer is a larger one, whatever its size.
            names.sort_unstable_by(|a, b| a.len().cmp(&b.len()).then_with(|| a.cmp(b)));
        } else {
            names.sort_unstable();
        }
        Self::in_order(names)
    }

    /// The integers from 0 below `count`.
    pub fn counting(count: usize) -> Self {
        Self::in_order((0..count).map(|number| number.to_string().into_boxed_str()))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The original id of a number.
    pub fn name(&self, number: usize) -> Option<&str> {
        self.names.get(number).map(|name| &**name)
    }

    /// The number of an original id.
    pub fn number(&self, name: &str) -> Option<u32> {
        self.numbers.get(name).copied()
    }

    /// All original ids in the order of their numbers.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.names.iter().map(|name| &**name)
    }

    /// Writes one id a line; the line's number, from 0, is the id's.
    ///
    /// # Errors
    /// What the system refuses.
    pub fn write(&self, path: &Path) -> Result<()> {
        atomic_file::write(path, |file| {
            self.names.iter().try_for_each(|name| file.write_all(name.as_bytes()).and(file.write_all(b"\n")))
        })
    }

    /// Reads what [`Ids::write`] has written.
    ///
    /// # Errors
    /// A file that cannot be read, or in which an id is repeated.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|error| Error::io("read", path, error))?;
        let lines = text.lines().count();
        let ids = Self::in_order(text.lines().map(Into::into));
        if ids.len() != lines {
            let help = "restore the file, or train anew";
            return Err(Error::data(path, "an id stands on two lines of this map", help));
        }
        Ok(ids)
    }
}

fn is_plain_integer(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_digit())
        && (name == "0" || !name.starts_with('0'))
}
