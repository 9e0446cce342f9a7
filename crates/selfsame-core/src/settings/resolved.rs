//! Settings ready for use.

use std::collections::BTreeMap;
use std::fmt::Display;

use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::{Origin, schema};
use crate::{Error, Result};

/// All settings, each with where it came from.
#[derive(Clone, Debug)]
pub struct Resolved {
    table: Table,
    origins: BTreeMap<String, Origin>,
}

/// One line of [`Resolved::explain`].
#[derive(Clone, Debug, PartialEq)]
pub struct Explained {
    /// The dotted key.
    pub key: String,
    /// The value.
    pub value: Value,
    /// Where it came from.
    pub origin: Origin,
}

impl Resolved {
    pub(super) fn new(table: Table, origins: BTreeMap<String, Origin>) -> Self {
        Self { table, origins }
    }

    /// All settings as a table of sections, as they are written to a run's `config.toml`.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// Where the setting with this dotted key came from.
    pub fn origin(&self, key: &str) -> Origin {
        self.origins.get(key).cloned().unwrap_or(Origin::Default)
    }

    /// The text of a setting; empty when it is none.
    pub fn text(&self, key: &str) -> &str {
        schema::get(&self.table, key).and_then(Value::as_str).unwrap_or_default()
    }

    /// One section as its config struct.
    ///
    /// # Errors
    ///
    /// `Error::Config` with key, value and origin when a value does not fit, such as an unknown name of an optimiser.
    pub fn section<T: DeserializeOwned>(&self, name: &str) -> Result<T> {
        let section = self.table.get(name).cloned().unwrap_or_else(|| Value::Table(Table::new()));
        section.try_into().map_err(|error: toml::de::Error| {
            // The error keeps its path for itself, but prints it.
            let printed = error.to_string();
            let path = printed.lines().last().and_then(|line| line.strip_prefix("in `")?.strip_suffix('`'));
            let key = path.map_or_else(|| name.to_owned(), |path| format!("{name}.{path}"));
            self.reject(
                &key,
                error.message(),
                "the book's chapter on settings (docs/src/settings.md) says what it takes",
            )
        })
    }

    /// Whether this setting is still left to selfsame. `key` may be dotted, as in `get`.
    pub fn is_auto(&self, section: &str, key: &str) -> bool {
        self.get(section, key).and_then(Value::as_str) == Some("auto")
    }

    /// Gives a setting its value if it [`is_auto`](Self::is_auto), and adds to `notes` what it became, and why.
    pub fn choose(
        &mut self,
        section: &str,
        key: &str,
        value: impl Into<Value>,
        why: impl Display,
        notes: &mut Vec<String>,
    ) {
        if !self.is_auto(section, key) {
            return;
        }
        let (key, value) = (format!("{section}.{key}"), value.into());
        notes.push(format!("{key} = {value} ({why})"));
        schema::put(&mut self.table, &key, value);
        self.origins.insert(key, Origin::Auto);
    }

    /// The value of a setting; `key` is dotted where the section has sections of its own.
    pub fn get(&self, section: &str, key: &str) -> Option<&Value> {
        schema::get(self.table.get(section)?.as_table()?, key)
    }

    /// The value of a setting that is a whole number.
    pub fn integer(&self, section: &str, key: &str) -> Option<i64> {
        self.get(section, key)?.as_integer()
    }

    /// The error for a setting whose value cannot be used: `why` says what is wrong, `help` what to do.
    pub fn reject(&self, key: &str, why: impl Display, help: impl Display) -> Error {
        match (schema::get(&self.table, key), self.origin(key)) {
            (Some(value), origin @ Origin::Run { .. }) => {
                origin.error(format!("{key} = {value}: {why}"), help)
            }
            (Some(value), origin) if !value.is_table() => {
                Error::config(format!("{key} = {value} ({origin}): {why}"), help)
            }
            _ => Error::config(format!("{key}: {why}"), help),
        }
    }

    /// Every setting with its value and origin, in order, for printing.
    pub fn explain(&self) -> Vec<Explained> {
        let line = |key: String| {
            let value = schema::get(&self.table, &key)?.clone();
            Some(Explained { origin: self.origin(&key), key, value })
        };
        schema::dotted_keys(&self.table).into_iter().filter_map(line).collect()
    }
}
