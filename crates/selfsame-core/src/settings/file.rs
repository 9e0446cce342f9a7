//! Config files, with the line of every value.

use std::path::Path;

use toml::de::{DeTable, DeValue};
use toml::{Spanned, Table, Value};

use crate::{Error, Result};

/// One value of a config file.
pub(super) struct Entry {
    pub key: String,
    pub value: Value,
    /// Counted from 1.
    pub line: usize,
}

/// The values of a config file in its order. What the `schema` knows as a section is descended into; any other table
/// is a value.
pub(super) fn read(path: &Path, schema: &Table) -> Result<Vec<Entry>> {
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
    let invalid = |error: toml::de::Error| {
        let line = error.span().map_or(1, |span| line_at(&text, span.start));
        Error::config(
            format!("{}:{line}: not valid TOML: {}", path.display(), error.message()),
            "write settings as in\n    [optimizer]\n    lr = 0.3",
        )
    };
    let values: Table = toml::from_str(&text).map_err(invalid)?;
    let spans = DeTable::parse(&text).map_err(invalid)?;
    let mut entries = Vec::new();
    collect(&text, "", values, spans.get_ref(), schema, &mut entries);
    Ok(entries)
}

fn collect(
    text: &str,
    prefix: &str,
    values: Table,
    spans: &DeTable<'_>,
    schema: &Table,
    entries: &mut Vec<Entry>,
) {
    for (name, value) in values {
        let span = spans.iter().find(|(key, _)| key.get_ref() == name.as_str());
        let line = span.map_or(1, |(key, _)| line_at(text, key.span().start));
        let inner_spans = span.map(|(_, value)| Spanned::get_ref(value)).and_then(DeValue::as_table);
        match (value, inner_spans, schema.get(&name)) {
            (Value::Table(inner), Some(spans), Some(Value::Table(section))) if !section.is_empty() => {
                collect(text, &format!("{prefix}{name}."), inner, spans, section, entries);
            }
            (value, ..) => entries.push(Entry { key: format!("{prefix}{name}"), value, line }),
        }
    }
}

fn line_at(text: &str, byte: usize) -> usize {
    1 + text.bytes().take(byte).filter(|byte| *byte == b'\n').count()
}

// Exit code 2, not 3: the file named by --config is an argument, not data.
fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    Error::config(
        format!("cannot read the config file {}: {error}", path.display()),
        "give --config a readable TOML file; the config.toml of a run shows all settings",
    )
}
