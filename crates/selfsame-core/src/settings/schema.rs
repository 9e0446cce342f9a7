//! What may be set: the defaults are the schema.

use toml::{Table, Value};

use super::Origin;
use crate::{Error, Result};

/// The dotted keys of all settings in `table`, in its order. An empty table is a setting of its own.
pub(super) fn dotted_keys(table: &Table) -> Vec<String> {
    let mut keys = Vec::new();
    collect_keys(table, "", &mut keys);
    keys
}

fn collect_keys(table: &Table, prefix: &str, keys: &mut Vec<String>) {
    for (name, value) in table {
        match value {
            Value::Table(inner) if !inner.is_empty() => {
                collect_keys(inner, &format!("{prefix}{name}."), keys)
            }
            _ => keys.push(format!("{prefix}{name}")),
        }
    }
}

/// The value under a dotted key.
pub(super) fn get<'a>(table: &'a Table, key: &str) -> Option<&'a Value> {
    match key.split_once('.') {
        None => table.get(key),
        Some((first, rest)) => get(table.get(first)?.as_table()?, rest),
    }
}

/// Replaces the value under a dotted key that exists.
pub(super) fn put(table: &mut Table, key: &str, value: Value) {
    match key.split_once('.') {
        None => {
            table.insert(key.to_owned(), value);
        }
        Some((first, rest)) => {
            if let Some(Value::Table(inner)) = table.get_mut(first) {
                put(inner, rest, value);
            }
        }
    }
}

/// The value as the schema wants it, or an error that names key, origin, what is expected and what was given.
pub(super) fn fit(key: &str, default: &Value, given: Value, origin: &Origin) -> Result<Value> {
    match (default, given) {
        (Value::Float(_), Value::Integer(integer)) => Ok(Value::Float(integer as f64)),
        (Value::String(auto), given) if auto == "auto" && !given.is_table() => Ok(given),
        (Value::Array(defaults), Value::Array(items)) => {
            let Some(first) = defaults.first() else { return Ok(Value::Array(items)) };
            let items = items.into_iter().enumerate();
            let fitted = items.map(|(i, item)| fit(&format!("{key}[{i}]"), first, item, origin));
            Ok(Value::Array(fitted.collect::<Result<_>>()?))
        }
        (default, given) if default.same_type(&given) => Ok(given),
        (default, given) => Err(origin.error(
            format!("{key}: expected {}, got {}", kind(default), shown(&given)),
            format!("the default is {key} = {default}"),
        )),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a string",
        Value::Integer(_) => "an integer",
        Value::Float(_) => "a number",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::Table(_) => "a table",
    }
}

/// The value with its kind where that is not obvious.
fn shown(value: &Value) -> String {
    match value {
        Value::String(_) => format!("the string {value}"),
        Value::Float(_) => format!("the number {value}"),
        Value::Table(_) => "a table".to_owned(),
        value => value.to_string(),
    }
}

/// The error for a key that is no setting.
pub(super) fn unknown(key: &str, schema: &Table, origin: &Origin) -> Error {
    let help = match (nearest(key, schema), nearest_section(key, schema)) {
        (Some(near), _) => format!("did you mean `{near}`?"),
        (None, Some(section)) => format!("did you mean `[{section}]`?"),
        (None, None) => neighbours(key, schema),
    };
    origin.error(format!("unknown setting `{key}`"), help)
}

/// The error for a value given where a group of settings stands.
pub(super) fn is_section(key: &str, section: &Table, origin: &Origin) -> Error {
    origin.error(
        format!("`{key}` is a section, not a setting"),
        format!("its settings are {}", list(section.keys().map(|name| format!("{key}.{name}")))),
    )
}

/// What can be set near a key that resembles nothing.
fn neighbours(key: &str, schema: &Table) -> String {
    let section = key.split_once('.').map_or(key, |(section, _)| section);
    match schema.get(section).and_then(Value::as_table) {
        Some(table) => format!("the settings of [{section}] are {}", list(table.keys().cloned())),
        None => format!("the sections are {}", list(schema.keys().cloned())),
    }
}

fn list(names: impl Iterator<Item = String>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

/// The setting that `key` most probably means: by the whole key, or by its last part in any section.
fn nearest(key: &str, schema: &Table) -> Option<String> {
    let last = |key: &str| key.rsplit('.').next().map(str::to_owned).unwrap_or_default();
    let given = last(key);
    dotted_keys(schema)
        .into_iter()
        .map(|candidate| {
            let whole = strsim::damerau_levenshtein(key, &candidate);
            let part = strsim::damerau_levenshtein(&given, &last(&candidate));
            // A twin in another section is worse than a typo in this one.
            (whole.min(2 * part + 1), part, candidate)
        })
        .filter(|(_, part, _)| *part <= tolerance(&given))
        .min()
        .map(|(_, _, candidate)| candidate)
}

/// The section that a key of one word misspells.
fn nearest_section<'a>(key: &str, schema: &'a Table) -> Option<&'a str> {
    closest(key, schema.keys().map(String::as_str)).filter(|section| *section != key)
}

/// The one of `names` that `name` most probably means, if any: at most a third of its letters differ.
pub fn closest<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase();
    let distances = names.into_iter().map(|known| (strsim::damerau_levenshtein(&name, known), known));
    distances.filter(|(distance, _)| *distance <= tolerance(&name)).min().map(|(_, known)| known)
}

fn tolerance(name: &str) -> usize {
    (name.chars().count() / 3).clamp(1, 3)
}
