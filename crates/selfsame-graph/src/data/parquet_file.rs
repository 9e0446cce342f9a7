//! Apache Parquet with columns of users and items, and perhaps ratings and times.

use std::fs::File;
use std::path::Path;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, TimeUnit};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use selfsame_core::{Error, Result};

use super::format::{Format, ReadOptions, places};
use super::table::{Row, Table};

/// Reads the file's columns, in blocks.
pub(super) fn read(path: &Path, options: &ReadOptions) -> Result<Table> {
    let file = File::open(path).map_err(|error| Error::io("open", path, error))?;
    let broken = |error: &dyn std::fmt::Display| {
        let help = "check that the file is complete; if it is compressed, use Snappy or Zstandard";
        Error::data(path, format!("this is not a Parquet file that can be read: {error}"), help)
    };
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| broken(&error))?;
    let names: Vec<String> = builder.schema().fields().iter().map(|field| field.name().clone()).collect();
    let places = places(path, &names, &options.columns)?;
    if options.min_rating.is_some() && places.rating.is_none() {
        let help = "leave the least rating away, or name the column of ratings";
        return Err(Error::config(format!("{} has no ratings", path.display()), help));
    }
    let mut table = Table::new(Format::Parquet);
    table.timed = places.time.is_some();
    let mut row = 0;
    for batch in builder.with_batch_size(1 << 16).build().map_err(|error| broken(&error))? {
        let batch = batch.map_err(|error| broken(&error))?;
        let column = |place: usize| Column { path, name: &names[place], values: batch.column(place), row };
        let users = column(places.user).ids(|id| table.users.intern(id))?;
        let items = column(places.item).ids(|id| table.items.intern(id))?;
        let numbers = |place: Option<usize>| place.map(|place| column(place).numbers()).transpose();
        let (ratings, times) = (numbers(places.rating)?, numbers(places.time)?);
        for at in 0..batch.num_rows() {
            let rating = ratings.as_ref().map_or(f64::NAN, |ratings| ratings[at]);
            if options.min_rating.is_some_and(|least| rating < least) {
                table.below_rating += 1;
                continue;
            }
            let time = times.as_ref().map_or(f64::NAN, |times| times[at]);
            table.rows.push(Row { user: users[at], item: items[at], time });
        }
        row += batch.num_rows();
    }
    Ok(table)
}

struct Column<'a> {
    path: &'a Path,
    name: &'a str,
    values: &'a ArrayRef,
    /// The number of the first row.
    row: usize,
}

impl Column<'_> {
    fn bad(&self, at: usize, what: &str) -> Error {
        let what = format!("row {}, column `{}`: {what}", self.row + at + 1, self.name);
        Error::data(self.path, what, "remove the row or fill the value in")
    }

    fn other_type(&self, wanted: &str) -> Error {
        let what = format!("column `{}` has the type {}, not {wanted}", self.name, self.values.data_type());
        Error::data(self.path, what, "convert the column, or name another one in the settings of the columns")
    }

    fn check_nulls(&self) -> Result<()> {
        match (0..self.values.len()).find(|&at| self.values.is_null(at)) {
            Some(at) if self.values.null_count() > 0 => Err(self.bad(at, "a value is missing")),
            _ => Ok(()),
        }
    }

    fn ids(&self, mut intern: impl FnMut(&str) -> u32) -> Result<Vec<u32>> {
        self.check_nulls()?;
        let texts: Box<dyn Iterator<Item = Option<&str>>> = match self.values.data_type() {
            DataType::Utf8 => Box::new(self.values.as_string::<i32>().iter()),
            DataType::LargeUtf8 => Box::new(self.values.as_string::<i64>().iter()),
            DataType::Utf8View => Box::new(self.values.as_string_view().iter()),
            _ => {
                let integers = self.integers().ok_or_else(|| self.other_type("integers or text"))?;
                return integers
                    .into_iter()
                    .enumerate()
                    .map(|(at, id)| match id < 0 {
                        true => Err(self.bad(at, &format!("the id {id} is negative"))),
                        false => Ok(intern(&id.to_string())),
                    })
                    .collect();
            }
        };
        texts
            .enumerate()
            .map(|(at, text)| match text {
                None | Some("") => Err(self.bad(at, "the id is empty")),
                Some(text) if text.contains(['\n', '\r']) => Err(self.bad(at, "the id has several lines")),
                Some(text) => Ok(intern(text)),
            })
            .collect()
    }

    fn integers(&self) -> Option<Vec<i128>> {
        macro_rules! widened {
            ($kind:ty) => {
                self.values.as_primitive::<$kind>().values().iter().map(|&value| i128::from(value)).collect()
            };
        }
        Some(match self.values.data_type() {
            DataType::Int8 => widened!(Int8Type),
            DataType::Int16 => widened!(Int16Type),
            DataType::Int32 => widened!(Int32Type),
            DataType::Int64 => widened!(Int64Type),
            DataType::UInt8 => widened!(UInt8Type),
            DataType::UInt16 => widened!(UInt16Type),
            DataType::UInt32 => widened!(UInt32Type),
            DataType::UInt64 => widened!(UInt64Type),
            DataType::Timestamp(TimeUnit::Second, _) => widened!(TimestampSecondType),
            DataType::Timestamp(TimeUnit::Millisecond, _) => widened!(TimestampMillisecondType),
            DataType::Timestamp(TimeUnit::Microsecond, _) => widened!(TimestampMicrosecondType),
            DataType::Timestamp(TimeUnit::Nanosecond, _) => widened!(TimestampNanosecondType),
            _ => return None,
        })
    }

    fn numbers(&self) -> Result<Vec<f64>> {
        self.check_nulls()?;
        let numbers: Vec<f64> = match self.values.data_type() {
            DataType::Float32 => {
                self.values.as_primitive::<Float32Type>().values().iter().map(|&value| value.into()).collect()
            }
            DataType::Float64 => self.values.as_primitive::<Float64Type>().values().to_vec(),
            _ => {
                let integers = self.integers().ok_or_else(|| self.other_type("numbers"))?;
                integers.into_iter().map(|value| value as f64).collect()
            }
        };
        match numbers.iter().position(|number| !number.is_finite()) {
            Some(at) => Err(self.bad(at, "this is not a number")),
            None => Ok(numbers),
        }
    }
}
