//! Laying settings over each other.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::{Origin, Resolved, file, schema};
use crate::{Error, Result};

/// How the names of environment variables with settings begin: `SELFSAME_OPTIMIZER_LR` is `optimizer.lr`.
pub const PREFIX: &str = "SELFSAME_";

/// Settings in the making. Add the layers in rising precedence: [`file`](Self::file),
/// [`environment`](Self::environment), [`flag`](Self::flag)s, [`set`](Self::set); the last word counts.
#[derive(Clone, Debug)]
pub struct Layers {
    schema: Table,
    table: Table,
    origins: BTreeMap<String, Origin>,
}

impl Layers {
    /// Starts from the defaults: all settings there are, as sections of values.
    pub fn new(defaults: Table) -> Self {
        Self { schema: defaults.clone(), table: defaults, origins: BTreeMap::new() }
    }

    /// The settings that nothing was laid over, by their dotted keys. Sections that hold what users like, and nothing by default, are no settings.
    pub fn untouched(&self) -> Vec<String> {
        let is_empty =
            |key: &str| schema::get(&self.schema, key).and_then(Value::as_table).is_some_and(Table::is_empty);
        let keys = schema::dotted_keys(&self.schema).into_iter();
        keys.filter(|key| !self.origins.contains_key(key) && !is_empty(key)).collect()
    }

    /// Whether there is a setting with this dotted key.
    pub fn has(&self, key: &str) -> bool {
        schema::get(&self.schema, key).is_some()
    }

    /// Lays a TOML file over the settings.
    ///
    /// # Errors
    ///
    /// `Error::Config` when the file cannot be read, is not TOML, or has an unknown key or a value of the wrong type;
    /// with the line.
    pub fn file(self, path: impl AsRef<Path>) -> Result<Self> {
        self.lay_file(path.as_ref(), |path, line| Origin::File { path, line })
    }

    /// Lays the settings over that a run has kept in its `config.toml`.
    ///
    /// # Errors
    ///
    /// `Error::Data` with the line for an unknown key or a value of the wrong type. As [`file`](Self::file) when the file
    /// cannot be read or is not TOML.
    pub fn run(self, path: impl AsRef<Path>) -> Result<Self> {
        self.lay_file(path.as_ref(), |path, line| Origin::Run { path, line })
    }

    /// Lays environment variables over the settings, usually `std::env::vars_os()`.
    ///
    /// Variables without [`PREFIX`] are left alone, and so are those of one word (`SELFSAME_LOG`): they cannot name
    /// a section and a key.
    ///
    /// # Errors
    ///
    /// `Error::Config` for an unknown setting, a value of the wrong type or one that is not UTF-8.
    pub fn environment(mut self, variables: impl IntoIterator<Item = (OsString, OsString)>) -> Result<Self> {
        for (variable, text) in variables {
            let Some(variable) = variable.to_str() else { continue };
            let Some(words) = variable.strip_prefix(PREFIX) else { continue };
            let Some((section, key)) = words.split_once('_') else { continue };
            let words = words.to_lowercase();
            // Keys may have underscores and dots themselves, so the schema is asked rather than the name taken apart.
            let key = schema::dotted_keys(&self.schema)
                .into_iter()
                .find(|key| key.replace('.', "_") == words)
                .unwrap_or_else(|| format!("{}.{}", section.to_lowercase(), key.to_lowercase()));
            let origin = Origin::Environment(variable.to_owned());
            let text = text.into_string().map_err(|_| {
                Error::config(format!("{key}: the value of {variable} is not UTF-8"), "use plain text")
            })?;
            self.lay_text(&key, &text, origin)?;
        }
        Ok(self)
    }

    /// Lays the value of a command-line flag (`--epochs`) over the setting `key` (`run.epochs`).
    ///
    /// # Errors
    ///
    /// `Error::Config` for an unknown setting or a value of the wrong type.
    pub fn flag(mut self, key: &str, value: impl Into<Value>, flag: &str) -> Result<Self> {
        self.lay(key, value.into(), Origin::Flag(flag.to_owned()))?;
        Ok(self)
    }

    /// Lays what was typed after a command-line flag over the setting `key`. The text is TOML; bare words are strings.
    ///
    /// # Errors
    ///
    /// `Error::Config` for an unknown setting or a value of the wrong type.
    pub fn typed(mut self, key: &str, text: &str, flag: &str) -> Result<Self> {
        self.lay_text(key, text, Origin::Flag(flag.to_owned()))?;
        Ok(self)
    }

    /// Lays one `--set KEY=VALUE` over the settings. The value is TOML; bare words are strings.
    ///
    /// # Errors
    ///
    /// `Error::Config` for an assignment without `=`, an unknown setting or a value of the wrong type.
    pub fn set(mut self, assignment: &str) -> Result<Self> {
        let Some((key, text)) = assignment.split_once('=') else {
            return Err(Error::config(
                format!("--set {assignment}: a key and a value are needed"),
                "write --set KEY=VALUE, for example --set optimizer.lr=0.3",
            ));
        };
        self.lay_text(key.trim(), text.trim(), Origin::Set)?;
        Ok(self)
    }

    /// The settings with everything laid over them.
    pub fn resolve(self) -> Resolved {
        Resolved::new(self.table, self.origins)
    }

    /// Where the setting is text, so is what was typed: `run.name=2024` needs no quotes.
    fn lay_text(&mut self, key: &str, text: &str, origin: Origin) -> Result<()> {
        let value = match (parse(text), schema::get(&self.schema, key)) {
            (Some(Value::String(quoted)), _) => Value::String(quoted),
            (Some(_), Some(Value::String(default))) if default != "auto" => Value::String(text.to_owned()),
            (Some(value), _) => value,
            (None, _) => Value::String(text.to_owned()),
        };
        self.lay(key, value, origin)
    }

    fn lay_file(mut self, path: &Path, origin: impl Fn(PathBuf, usize) -> Origin) -> Result<Self> {
        for entry in file::read(path, &self.schema)? {
            self.lay(&entry.key, entry.value, origin(path.to_owned(), entry.line))?;
        }
        Ok(self)
    }

    fn lay(&mut self, key: &str, value: Value, origin: Origin) -> Result<()> {
        match schema::get(&self.schema, key) {
            None => Err(schema::unknown(key, &self.schema, &origin)),
            Some(Value::Table(section)) if !section.is_empty() => {
                Err(schema::is_section(key, section, &origin))
            }
            Some(default) => {
                let value = schema::fit(key, default, value, &origin)?;
                schema::put(&mut self.table, key, value);
                self.origins.insert(key.to_owned(), origin);
                Ok(())
            }
        }
    }
}

/// The text as a TOML value, if it is one.
fn parse(text: &str) -> Option<Value> {
    let mut table: Table = toml::from_str(&format!("value = {text}")).ok()?;
    // A line break in the text could smuggle in further keys.
    if table.len() == 1 { table.remove("value") } else { None }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;
