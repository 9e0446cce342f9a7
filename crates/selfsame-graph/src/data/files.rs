//! Files and folders of interactions, and the parts that they are split into.

use std::path::{Path, PathBuf};

use selfsame_core::{Error, Random, Result};
use serde::{Deserialize, Serialize};

use super::format::{Format, ReadOptions};
use super::ids::Ids;
use super::interactions::Interactions;
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

/// How held-out interactions relate to those of training. Nothing is removed because of it: users and items that are unknown get
/// numbers too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overlap {
    /// Held-out interactions.
    pub interactions: usize,
    /// Users among them who have none in training.
    pub unknown_users: usize,
    /// Items among them that have none in training.
    pub unknown_items: usize,
    /// Interactions with an unknown user or item.
    pub with_unknown: usize,
    /// Interactions that are also in training; ranking masks these items, so they cannot be found.
    pub in_training: usize,
}

/// What was found on opening.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenReport {
    /// The files, with how each was read.
    pub files: Vec<(PathBuf, Format)>,
    /// Interactions in the files, repetitions included.
    pub read: usize,
    /// Repetitions within a file, removed.
    pub duplicates: usize,
    /// Users on a line without an item.
    pub users_without_items: usize,
    /// Interactions left out because of their rating.
    pub below_rating: usize,
    /// Interactions that the core filter removed.
    pub outside_core: usize,
    /// Users that the core filter removed.
    pub users_outside_core: usize,
    /// Items that the core filter removed.
    pub items_outside_core: usize,
    /// The test beside training.
    pub test: Overlap,
    /// Validation beside training.
    pub validation: Overlap,
}

impl OpenReport {
    /// What was odd, in words.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let mut say = |count: usize, what: &str| {
            if count > 0 {
                warnings.push(format!("{count} {what}"));
            }
        };
        say(self.duplicates, "repeated interactions were removed");
        say(self.users_without_items, "users have a line without an item");
        for (part, overlap) in [("test", &self.test), ("validation", &self.validation)] {
            say(overlap.unknown_users, &format!("users of the {part} are not in training"));
            say(overlap.unknown_items, &format!("items of the {part} are not in training"));
            say(overlap.with_unknown, &format!("{part} interactions have an unknown user or item (kept)"));
            say(
                overlap.in_training,
                &format!("{part} interactions are also in training and cannot be found"),
            );
        }
        warnings
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

/// Endings of files with interactions.
const EXTENSIONS: [&str; 7] = ["txt", "csv", "tsv", "inter", "parquet", "dat", "data"];

impl InteractionData {
    /// Opens a file, or a folder with one file or with `train`, `test` and perhaps `valid` files (`train.txt`, `x.train.inter` …).
    ///
    /// # Errors
    /// Files that are missing, empty or broken, settings that do not fit them, and a core filter that leaves nothing.
    pub fn open(path: &Path, options: &OpenOptions) -> Result<Self> {
        let [train, validation, test] = locate(path, options)?;
        let Some(train) = train else {
            return Err(Error::data(path, "there is no file of training interactions", FOLDER_HELP));
        };
        let held_out = [validation, test];
        let given = held_out.iter().any(Option::is_some);
        if given && options.core > 1 {
            let help = "filter before splitting: give one file, or leave the core filter away";
            return Err(Error::config("a core filter would change a split that is given in files", help));
        }
        let mut report = OpenReport {
            files: Vec::new(),
            read: 0,
            duplicates: 0,
            users_without_items: 0,
            below_rating: 0,
            outside_core: 0,
            users_outside_core: 0,
            items_outside_core: 0,
            test: Overlap::default(),
            validation: Overlap::default(),
        };
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

fn overlap(train: &Interactions, held: &Interactions) -> Overlap {
    let item_degrees = train.item_degrees();
    let unknown_user = |user: u32| train.of(user as usize).is_empty();
    let unknown_item = |item: u32| item_degrees[item as usize] == 0;
    let users =
        (0..held.users() as u32).filter(|&user| !held.of(user as usize).is_empty() && unknown_user(user));
    let held_degrees = held.item_degrees();
    let items = (0_u32..).zip(&held_degrees).filter(|&(item, &degree)| degree > 0 && unknown_item(item));
    Overlap {
        interactions: held.len(),
        unknown_users: users.count(),
        unknown_items: items.count(),
        with_unknown: held.pairs().filter(|&(user, item)| unknown_user(user) || unknown_item(item)).count(),
        in_training: held.pairs().filter(|&(user, item)| train.contains(user as usize, item)).count(),
    }
}

const FOLDER_HELP: &str = "give a file, or a folder with one file or with `train.txt` and `test.txt`";

/// The files of training, validation and test.
fn locate(path: &Path, options: &OpenOptions) -> Result<[Option<PathBuf>; 3]> {
    let beside = [None, options.validation_file.clone(), options.test_file.clone()];
    if !path.is_dir() {
        let [_, validation, test] = beside;
        return Ok([Some(path.to_owned()), validation, test]);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(|error| Error::io("list", path, error))? {
        let file = entry.map_err(|error| Error::io("list", path, error))?.path();
        let known = file
            .extension()
            .and_then(|extension| extension.to_str())
            .is_some_and(|extension| EXTENSIONS.contains(&extension.to_lowercase().as_str()));
        if known && file.is_file() {
            files.push(file);
        }
    }
    files.sort();
    let names = [&["train", "training"][..], &["valid", "validation", "val"], &["test"]];
    let mut found = [None, None, None];
    for (names, place) in names.iter().zip(&mut found) {
        let mut of_part = files.iter().filter(|file| {
            let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_lowercase();
            names.iter().any(|name| stem == *name || stem.ends_with(&format!(".{name}")))
        });
        *place = of_part.next().cloned();
        if let (Some(first), Some(second)) = (&*place, of_part.next()) {
            let what =
                format!("both {} and {} could be the file of one part", first.display(), second.display());
            return Err(Error::data(path, what, "leave one of them in the folder, or give the file itself"));
        }
    }
    if found[0].is_none() {
        match &files[..] {
            [only] if found.iter().all(Option::is_none) => found[0] = Some(only.clone()),
            _ => {
                let listed: Vec<_> =
                    files.iter().filter_map(|file| file.file_name()?.to_str()).take(8).collect();
                let what = match listed.is_empty() {
                    true => "there are no files of interactions in this folder".to_owned(),
                    false => format!("it is not clear which file is for training: {}", listed.join(", ")),
                };
                return Err(Error::data(path, what, FOLDER_HELP));
            }
        }
    }
    let [train, validation, test] = found;
    let [_, validation_beside, test_beside] = beside;
    Ok([train, validation_beside.or(validation), test_beside.or(test)])
}
