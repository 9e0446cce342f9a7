//! Files and folders of interactions, and the parts that they are split into.

use std::path::{Path, PathBuf};

use selfsame_core::{Error, Random, Result};
use serde::{Deserialize, Serialize};

use super::format::ReadOptions;
use super::ids::Ids;
use super::interactions::Interactions;
use super::locate::{Parts, locate};
use super::report::{OpenReport, overlap};
use super::split::{Holdout, core_filter, remove_duplicates};
use super::table::{Row, Table, read_table};

/// How to open interactions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct OpenOptions {
    /// How to read the files.
    pub read: ReadOptions,
    /// A file of test interactions beside the one that is opened.
    pub test_file: Option<PathBuf>,
    /// A file of validation interactions.
    pub validation_file: Option<PathBuf>,
    /// What is held out for the test where there is no file for it.
    pub test: Option<Holdout>,
    /// What is held out of the rest for validation where there is no file for it.
    pub validation: Option<Holdout>,
    /// Only users and items with at least so many interactions are kept; 0 and 1 keep all.
    pub core: usize,
    /// The seed of random splits.
    pub seed: u64,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            read: ReadOptions::default(),
            test_file: None,
            validation_file: None,
            test: Some(Holdout::Ratio(0.2)),
            validation: None,
            core: 0,
            seed: 0,
        }
    }
}

/// Interactions of users and items, split. All parts have the same numbers of users and items.
#[derive(Clone, Debug)]
pub struct InteractionData {
    /// Original ids of users.
    pub users: Ids,
    /// Original ids of items.
    pub items: Ids,
    /// To learn from.
    pub train: Interactions,
    /// To choose settings and to stop with; empty if nothing is held out for it.
    pub validation: Interactions,
    /// To be asked about; empty if nothing is held out for it.
    pub test: Interactions,
    /// What was found.
    pub report: OpenReport,
}

impl InteractionData {
    /// Opens a file, or a folder with one file or with `train`, `test` and perhaps `valid` files (`train.txt`, `x.train.inter` …).
    ///
    /// # Errors
    /// Files that are missing, empty or broken, settings that do not fit them, and a core filter that leaves nothing.
    pub fn open(path: &Path, options: &OpenOptions) -> Result<Self> {
        let Parts { train, validation, test } = locate(path, options)?;
        let held_out = [validation, test];
        let given = held_out.iter().any(Option::is_some);
        if given && options.core > 1 {
            let help = "filter before splitting: give one file, or leave the core filter away";
            return Err(Error::config("a core filter would change a split that is given in files", help));
        }
        let mut report = OpenReport::default();
        let mut table = read(&train, options, &mut report)?;
        filter(&train, &mut table, options.core, &mut report)?;
        // Parts from files get the numbers of the first table, which grows by what only they have.
        let [mut validation, mut test] = [None, None];
        for (file, part) in held_out.iter().zip([&mut validation, &mut test]) {
            if let Some(file) = file {
                let other = read(file, options, &mut report)?;
                *part = Some(joined(&mut table, &other));
            }
        }
        let mut rest = std::mem::take(&mut table.rows);
        let root = Random::new(options.seed).named("split");
        let held_out =
            [("test", &mut test, options.test), ("validation", &mut validation, options.validation)];
        for (name, part, holdout) in held_out {
            // A test that is given is the test; the rest is all for training and validation.
            let Some(holdout) = holdout.filter(|_| part.is_none() && (name == "validation" || !given)) else {
                continue;
            };
            holdout.check(table.timed)?;
            let (kept, held) = holdout.split(&rest, table.users.len(), &root.named(name));
            rest = kept;
            *part = Some(held);
        }
        let parts = [rest, validation.unwrap_or_default(), test.unwrap_or_default()];
        Ok(assemble(table, &parts, report))
    }
}

fn read(path: &Path, options: &OpenOptions, report: &mut OpenReport) -> Result<Table> {
    let mut table = read_table(path, &options.read)?;
    report.files.push((path.to_owned(), table.format));
    report.read += table.rows.len();
    report.users_without_items += table.users_without_items;
    report.below_rating += table.below_rating;
    let duplicates = remove_duplicates(&mut table.rows);
    report.duplicates += duplicates;
    Ok(table)
}

fn filter(path: &Path, table: &mut Table, core: usize, report: &mut OpenReport) -> Result<()> {
    if core <= 1 {
        return Ok(());
    }
    let before = (table.rows.len(), table.users.len(), table.items.len());
    core_filter(&mut table.rows, table.users.len(), table.items.len(), core);
    if table.rows.is_empty() {
        let what = format!("no users and items with at least {core} interactions each are left");
        return Err(Error::data(path, what, "set a smaller core filter"));
    }
    // Those who are left get new numbers, so that nobody is there without interactions.
    let (mut users, mut items) = (Ids::default(), Ids::default());
    for row in &mut table.rows {
        row.user = users.intern(table.users.name(row.user as usize).unwrap_or_default());
        row.item = items.intern(table.items.name(row.item as usize).unwrap_or_default());
    }
    report.outside_core = before.0 - table.rows.len();
    report.users_outside_core = before.1 - users.len();
    report.items_outside_core = before.2 - items.len();
    (table.users, table.items) = (users, items);
    Ok(())
}

/// The rows of `other` with the numbers of `table`.
fn joined(table: &mut Table, other: &Table) -> Vec<Row> {
    let users: Vec<u32> = other.users.names().map(|name| table.users.intern(name)).collect();
    let items: Vec<u32> = other.items.names().map(|name| table.items.intern(name)).collect();
    let renumbered =
        |row: &Row| Row { user: users[row.user as usize], item: items[row.item as usize], time: row.time };
    other.rows.iter().map(renumbered).collect()
}

/// Gives users and items their final numbers.
fn assemble(table: Table, parts: &[Vec<Row>; 3], mut report: OpenReport) -> InteractionData {
    let sorted = |ids: &Ids| {
        let sorted = Ids::sorted(ids.names().map(Into::into).collect());
        let numbers: Vec<u32> = ids.names().map(|name| sorted.number(name).unwrap_or_default()).collect();
        (sorted, numbers)
    };
    let ((users, user_of), (items, item_of)) = rayon::join(|| sorted(&table.users), || sorted(&table.items));
    let [train, validation, test] = parts.each_ref().map(|rows| {
        let pairs = rows.iter().map(|row| (user_of[row.user as usize], item_of[row.item as usize]));
        Interactions::from_pairs(users.len(), items.len(), pairs).0
    });
    report.validation = overlap(&train, &validation);
    report.test = overlap(&train, &test);
    for warning in report.warnings() {
        tracing::warn!("{warning}");
    }
    InteractionData { users, items, train, validation, test, report }
}
