//! The formats of files with interactions, and how one is recognised by its content.

use std::fmt;
use std::path::Path;

use selfsame_core::{Error, Result};
use serde::{Deserialize, Serialize};

/// How a file stores interactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Format {
    /// `user item item …` a line, separated by spaces, all of them integers (LightGCN's files).
    Lists,
    /// `user item [rating] [timestamp]` a line, separated by tabs.
    Tabs,
    /// The same, separated by commas; fields may be in double quotes.
    Commas,
    /// The same, separated by spaces.
    Spaces,
    /// RecBole's atomic files: tabs, and a header of names with types.
    Recbole,
    /// Apache Parquet.
    Parquet,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lists => "lists",
            Self::Tabs => "tabs",
            Self::Commas => "commas",
            Self::Spaces => "spaces",
            Self::Recbole => "recbole",
            Self::Parquet => "parquet",
        })
    }
}

/// What ids are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IdKind {
    /// Integers, not negative, if that of the first line is one; else text.
    #[default]
    Auto,
    /// Text, whatever it looks like.
    Text,
}

/// Names of the columns, where they are not the usual ones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Columns {
    /// Ids of users.
    pub user: Option<String>,
    /// Ids of items.
    pub item: Option<String>,
    /// Ratings.
    pub rating: Option<String>,
    /// Times.
    pub time: Option<String>,
}

/// How to read a file; what is `None` is found out from its content.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReadOptions {
    /// The format.
    pub format: Option<Format>,
    /// Whether the first line names the columns.
    pub header: Option<bool>,
    /// Names of columns.
    pub columns: Columns,
    /// What ids are.
    pub ids: IdKind,
    /// Interactions with a lower rating are left out and counted.
    pub min_rating: Option<f64>,
}

/// Lines that are looked at to recognise a format.
const LOOKED_AT: usize = 1000;

/// The format of this content.
pub(super) fn recognise(bytes: &[u8]) -> Format {
    if bytes.starts_with(b"PAR1") {
        return Format::Parquet;
    }
    let start = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let lines: Vec<&[u8]> = start
        .split(|&byte| byte == b'\n')
        .map(<[u8]>::trim_ascii)
        .filter(|line| !line.is_empty())
        .take(LOOKED_AT)
        .collect();
    let Some(first) = lines.first() else { return Format::Spaces };
    if first.contains(&b'\t') {
        let typed = first.split(|&byte| byte == b'\t').all(|name| name.contains(&b':'));
        return if typed { Format::Recbole } else { Format::Tabs };
    }
    if first.contains(&b',') {
        return Format::Commas;
    }
    let widths: Vec<usize> = lines.iter().map(|line| fields(line)).collect();
    let integers = |line: &[u8]| line.iter().all(|byte| byte.is_ascii_digit() || byte.is_ascii_whitespace());
    // One line of a different length is a mistake in a table, many are lists.
    let of_width = |width| widths.iter().filter(|&&of| of == width).count();
    let table = [3, 4].iter().any(|&width| of_width(width) * 10 >= widths.len() * 9);
    let even = widths.iter().all(|&width| width == widths[0]) && (2..=4).contains(&widths[0]);
    if !integers(first) {
        return Format::Spaces;
    }
    // Lists that all have two or three items are as even as a table. But every user has one line in them, in order.
    if even
        && widths[0] > 2
        && lines.len() > 1
        && is_ordered(&lines)
        && lines.iter().all(|line| integers(line))
    {
        return Format::Lists;
    }
    if table || even { Format::Spaces } else { Format::Lists }
}

/// Whether every line begins with a larger number than the one before.
fn is_ordered(lines: &[&[u8]]) -> bool {
    let user = |line: &&[u8]| {
        let first = line.split(u8::is_ascii_whitespace).next()?;
        std::str::from_utf8(first).ok()?.parse::<u64>().ok()
    };
    let users: Option<Vec<u64>> = lines.iter().map(user).collect();
    users.is_some_and(|users| users.is_sorted_by(|one, next| one < next))
}

fn fields(line: &[u8]) -> usize {
    line.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty()).count()
}

const USER_NAMES: [&str; 7] = ["user", "userid", "uid", "users", "visitor", "visitorid", "customerid"];
const ITEM_NAMES: [&str; 14] = [
    "item",
    "itemid",
    "iid",
    "items",
    "movieid",
    "artistid",
    "productid",
    "bookid",
    "businessid",
    "trackid",
    "songid",
    "locationid",
    "asin",
    "poi",
];
const RATING_NAMES: [&str; 7] = ["rating", "ratings", "score", "stars", "count", "weight", "value"];
const TIME_NAMES: [&str; 4] = ["timestamp", "time", "ts", "unixtime"];

/// Places of the columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Places {
    pub user: usize,
    pub item: usize,
    pub rating: Option<usize>,
    pub time: Option<usize>,
}

/// Whether a field is a usual name of a column of users or items.
pub(super) fn is_column_name(field: &str, columns: &Columns) -> bool {
    let plain = plain(field);
    [&columns.user, &columns.item].iter().any(|name| name.as_deref() == Some(name_of(field)))
        || USER_NAMES.contains(&&*plain)
        || ITEM_NAMES.contains(&&*plain)
}

/// The name without RecBole's type.
fn name_of(field: &str) -> &str {
    field.split_once(':').map_or(field, |(name, _)| name).trim()
}

fn plain(field: &str) -> String {
    name_of(field).chars().filter(|c| !matches!(c, '_' | '-' | ' ')).collect::<String>().to_lowercase()
}

/// Where the columns are among these names.
pub(super) fn places(path: &Path, names: &[String], columns: &Columns) -> Result<Places> {
    let listed = names.iter().map(|name| name_of(name)).collect::<Vec<_>>().join(", ");
    let find = |what: &str, setting: Option<&str>, usual: &[&str]| -> Result<Option<usize>> {
        let is = |name: &str| match setting {
            Some(setting) => name_of(name) == setting,
            None => usual.contains(&&*plain(name)),
        };
        let mut found = (0..names.len()).filter(|&at| is(&names[at]));
        let (first, second) = (found.next(), found.next());
        if second.is_some() {
            let what = format!("line 1: several columns could hold the {what}: {listed}");
            let help = "leave one of them in the file, or name the one to use in the settings of the columns";
            return Err(Error::data(path, what, help));
        }
        match (first, setting) {
            (None, Some(setting)) => {
                let help = format!("the columns are {listed}; name one of them");
                Err(Error::data(path, format!("line 1: there is no column `{setting}`"), help))
            }
            (first, _) => Ok(first),
        }
    };
    let user = find("users", columns.user.as_deref(), &USER_NAMES)?;
    let item = find("items", columns.item.as_deref(), &ITEM_NAMES)?;
    let rating = find("ratings", columns.rating.as_deref(), &RATING_NAMES)?;
    let time = find("times", columns.time.as_deref(), &TIME_NAMES)?;
    let missing = |what: &str| {
        let help = format!("name the column of {what} in the settings of the columns, or in the header");
        Error::data(path, format!("line 1: no column of {what} among {listed}"), help)
    };
    let (user, item) = (user.ok_or_else(|| missing("users"))?, item.ok_or_else(|| missing("items"))?);
    if user == item {
        let help = "name two different columns";
        return Err(Error::data(
            path,
            format!("line 1: users and items are both in `{}`", name_of(&names[user])),
            help,
        ));
    }
    Ok(Places { user, item, rating, time })
}
