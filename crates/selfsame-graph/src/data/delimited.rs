//! Text: lists of items, and tables separated by tabs, commas or spaces.

use std::borrow::Cow;
use std::path::Path;

use selfsame_core::{Error, Result};

use super::format::{Format, IdKind, Places, ReadOptions, is_column_name, places};
use super::table::{Row, Table};

/// Reads text of this format.
pub(super) fn read(path: &Path, bytes: &[u8], format: Format, options: &ReadOptions) -> Result<Table> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let line = bytes[..error.valid_up_to()].iter().filter(|&&byte| byte == b'\n').count() + 1;
        let help = "store the file as UTF-8 text, or as Parquet";
        Error::data(path, format!("line {line}: this is not text in UTF-8"), help)
    })?;
    match format {
        Format::Lists => lists(path, text),
        format => Reader { path, format, options }.table(text),
    }
}

/// Lines that are not blank, with their numbers from 1.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> + Clone {
    let lines = text.split('\n').enumerate().map(|(at, line)| (at + 1, line.trim_end_matches('\r')));
    lines.filter(|(_, line)| !line.trim().is_empty())
}

fn lists(path: &Path, text: &str) -> Result<Table> {
    let mut table = Table::new(Format::Lists);
    let check = |line: usize, field: &str, what: &str| {
        check_integer(path, line, field, what, "lists hold integers; for other ids use `user item` lines")
    };
    for (line, content) in lines(text) {
        let mut fields = content.split_ascii_whitespace();
        let Some(user) = fields.next() else { continue };
        check(line, user, "user")?;
        let user = table.users.intern(user);
        let before = table.rows.len();
        for item in fields {
            check(line, item, "item")?;
            let item = table.items.intern(item);
            table.rows.push(Row { user, item, time: f64::NAN });
        }
        table.users_without_items += usize::from(table.rows.len() == before);
    }
    Ok(table)
}

fn check_integer(path: &Path, line: usize, field: &str, what: &str, help: &str) -> Result<()> {
    if field.bytes().all(|byte| byte.is_ascii_digit()) && !field.is_empty() {
        return Ok(());
    }
    let negative = field.strip_prefix('-').is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()));
    let (said, help) = match negative && field.len() > 1 {
        true => ("is negative", "−1 often stands for a missing value: remove the line, or number from 0"),
        false => ("is not an integer", help),
    };
    Err(Error::data(path, format!("line {line}: the {what} `{field}` {said}"), help))
}

/// How the lines of a table are laid out.
struct Layout {
    places: Places,
    /// Whether ids of users and of items are integers.
    integers: [bool; 2],
    /// Fields of a line.
    width: usize,
    /// The number of the header's line, 0 if there is none.
    header: usize,
}

struct Reader<'a> {
    path: &'a Path,
    format: Format,
    options: &'a ReadOptions,
}

impl Reader<'_> {
    fn error(&self, line: usize, what: &str, help: &str) -> Error {
        Error::data(self.path, format!("line {line}: {what}"), help)
    }

    fn split<'t>(&self, line: usize, content: &'t str, fields: &mut Vec<Cow<'t, str>>) -> Result<()> {
        fields.clear();
        match self.format {
            Format::Commas if content.contains('"') => {
                return match quoted(content, fields) {
                    Some(()) => Ok(()),
                    None => Err(self.error(line, "a quote is not closed", "close it on the same line")),
                };
            }
            Format::Commas => fields.extend(content.split(',').map(|field| Cow::Borrowed(field.trim()))),
            Format::Tabs | Format::Recbole => {
                fields.extend(content.split('\t').map(|field| Cow::Borrowed(field.trim())));
            }
            _ => fields.extend(content.split_ascii_whitespace().map(Cow::Borrowed)),
        }
        Ok(())
    }

    /// Whether the first line names the columns.
    fn has_header(&self, first: &[Cow<'_, str>], second: Option<&[Cow<'_, str>]>) -> bool {
        let number = |field: &Cow<'_, str>| field.parse::<f64>().is_ok();
        let named = first.iter().filter(|field| is_column_name(field, &self.options.columns)).count();
        // Ratings and times are numbers, and so are most ids: where the second line has them, the first one has names.
        let unlike = second.is_some_and(|second| {
            let of = |places: std::ops::Range<usize>| {
                let pairs = first.iter().zip(second).skip(places.start).take(places.len());
                pairs.map(|(first, second)| !number(first) && number(second))
            };
            second.len() == first.len() && (of(0..2).all(|it| it) || of(2..4).any(|it| it))
        });
        self.options.header.unwrap_or(self.format == Format::Recbole || named > 0 || unlike)
    }

    /// Found out from the first two lines; `None` if there are none.
    fn layout(&self, text: &str) -> Result<Option<Layout>> {
        let mut all = lines(text);
        let Some((first_line, content)) = all.next() else { return Ok(None) };
        let (mut first, mut second) = (Vec::new(), Vec::new());
        self.split(first_line, content, &mut first)?;
        let next = all.next();
        if let Some((line, content)) = next {
            self.split(line, content, &mut second)?;
        }
        let header = self.has_header(&first, next.map(|_| &*second));
        let found = if header {
            let names: Vec<String> = first.iter().map(|name| name.clone().into_owned()).collect();
            places(self.path, &names, &self.options.columns)?
        } else {
            let columns = &self.options.columns;
            if let Some(name) = [&columns.user, &columns.item].into_iter().flatten().next() {
                let help = "name the columns in the first line, or leave this setting away";
                return Err(self.error(first_line, &format!("no header has the column `{name}`"), help));
            }
            if first.len() < 2 || first.len() > 4 {
                let what = format!("{} columns without a header", first.len());
                let help = "write `user item [rating] [timestamp]`, or name the columns in the first line; \
                            lists of items are the format `lists`";
                return Err(self.error(first_line, &what, help));
            }
            let optional = |place| (first.len() > place).then_some(place);
            Places { user: 0, item: 1, rating: optional(2), time: optional(3) }
        };
        let sample = if header { &second } else { &first };
        let integers = [found.user, found.item].map(|place| {
            let integer = |field: &Cow<'_, str>| field.parse::<i128>().is_ok();
            self.options.ids == IdKind::Auto && sample.get(place).is_some_and(integer)
        });
        Ok(Some(Layout {
            places: found,
            integers,
            width: first.len(),
            header: if header { first_line } else { 0 },
        }))
    }

    fn table(&self, text: &str) -> Result<Table> {
        let mut table = Table::new(self.format);
        let Some(Layout { places, integers, width, header }) = self.layout(text)? else { return Ok(table) };
        table.timed = places.time.is_some();
        if self.options.min_rating.is_some() && places.rating.is_none() {
            let help = "leave the least rating away, or name the column of ratings";
            return Err(Error::config(format!("{} has no ratings", self.path.display()), help));
        }
        let mut fields = Vec::with_capacity(width);
        for (line, content) in lines(text).filter(|(line, _)| *line != header) {
            self.split(line, content, &mut fields)?;
            if fields.len() != width {
                let what =
                    format!("{} fields separated by {}, not {width} as before", fields.len(), self.format);
                let help = "give every line the same columns and separators, or set the format";
                return Err(self.error(line, &what, help));
            }
            let id = |place: usize, integer: bool, what: &str| -> Result<&str> {
                let field = &*fields[place];
                if field.is_empty() {
                    return Err(self.error(
                        line,
                        &format!("the {what} is empty"),
                        "fill it in or remove the line",
                    ));
                }
                if integer {
                    let help = "the first line's is an integer; if ids are text, set the kind of ids to text";
                    check_integer(self.path, line, field, what, help)?;
                }
                Ok(field)
            };
            let number = |place: Option<usize>, what: &str| -> Result<f64> {
                let Some(place) = place else { return Ok(f64::NAN) };
                let field = &fields[place];
                match field.parse::<f64>() {
                    Ok(number) if number.is_finite() => Ok(number),
                    _ => {
                        let help = match what {
                            "timestamp" => "write it as a number, in seconds",
                            _ => "write it as a number",
                        };
                        Err(self.error(line, &format!("the {what} `{field}` is not a number"), help))
                    }
                }
            };
            let user = id(places.user, integers[0], "user")?;
            let item = id(places.item, integers[1], "item")?;
            let (rating, time) = (number(places.rating, "rating")?, number(places.time, "timestamp")?);
            if self.options.min_rating.is_some_and(|least| rating < least) {
                table.below_rating += 1;
                continue;
            }
            let (user, item) = (table.users.intern(user), table.items.intern(item));
            table.rows.push(Row { user, item, time });
        }
        Ok(table)
    }
}

/// Fields of a line in which some are in double quotes; a doubled quote stands for one.
fn quoted<'t>(content: &str, fields: &mut Vec<Cow<'t, str>>) -> Option<()> {
    let (mut field, mut inside) = (String::new(), false);
    let mut characters = content.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if inside && characters.peek() == Some(&'"') => {
                characters.next();
                field.push('"');
            }
            '"' => inside = !inside,
            ',' if !inside => fields.push(Cow::Owned(std::mem::take(&mut field).trim().to_owned())),
            other => field.push(other),
        }
    }
    fields.push(Cow::Owned(field.trim().to_owned()));
    (!inside).then_some(())
}
