//! Tests of the data room, on files that they write themselves.

mod check;

use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use proptest::prelude::*;
use selfsame_core::{Error, Result};
use tempfile::TempDir;

use super::*;

fn file(folder: &TempDir, name: &str, content: &str) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    path
}

fn table(content: &str, options: &ReadOptions) -> Result<Table> {
    let folder = tempfile::tempdir().unwrap();
    read_table(&file(&folder, "x.txt", content), options)
}

fn pairs(table: &Table) -> Vec<(&str, &str)> {
    let names = |row: &Row| {
        (table.users.name(row.user as usize).unwrap(), table.items.name(row.item as usize).unwrap())
    };
    table.rows.iter().map(names).collect()
}

fn parquet(path: &std::path::Path, columns: Vec<(&str, ArrayRef)>) {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut writer =
        ArrowWriter::try_new(std::fs::File::create(path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

#[test]
fn every_format_is_recognised_and_says_the_same() {
    let expected = [("1", "10"), ("1", "20"), ("2", "10"), ("3", "30")];
    for (format, content) in [
        (Format::Lists, "1 10 20\n2 10\n3 30\n"),
        (Format::Spaces, "1 10\n1 20\n2 10\n3 30"),
        (Format::Spaces, "1 10 5\n1 20 4\n2 10 5\n3 30 1"),
        (Format::Spaces, "user item rating\n1 10 5\n1  20 5\n2 10 5\n3 30 5"),
        (Format::Tabs, "1\t10\t5\t8\r\n1\t20\t5\t9\r\n2\t10\t5\t8\r\n\r\n3\t30\t5\t8\r\n"),
        (Format::Commas, "\u{feff}userId,movieId\n1,10\n\"1\",\"20\"\n2,10\n3,30\n"),
        (Format::Commas, "rating,item_id,user_id\n5,10,1\n5,20,1\n5,10,2\n5,30,3\n"),
        (Format::Recbole, "user_id:token\titem_id:token\n1\t10\n1\t20\n2\t10\n3\t30\n"),
    ] {
        let table = table(content, &ReadOptions::default()).unwrap();
        assert_eq!((table.format, pairs(&table)), (format, expected.to_vec()), "{content}");
    }
    // Lists of two items for every user, such as those of a split that holds two out, are as even as a table.
    let even = table("1 10 20\n2 10 30\n7 20 30\n", &ReadOptions::default()).unwrap();
    assert_eq!((even.format, pairs(&even).len()), (Format::Lists, 6));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.parquet");
    let items: ArrayRef = Arc::new(StringArray::from(vec!["10", "20", "10", "30"]));
    let users: ArrayRef = Arc::new(Int64Array::from(vec![1, 1, 2, 3]));
    parquet(&path, vec![("item_id", items), ("user_id", users)]);
    let table = read_table(&path, &ReadOptions::default()).unwrap();
    assert_eq!((table.format, pairs(&table)), (Format::Parquet, expected.to_vec()));
}

#[test]
fn bad_lines_are_named_with_what_to_do() {
    let text = ReadOptions { ids: IdKind::Text, ..ReadOptions::default() };
    for (content, words) in [
        ("", "no interactions"),
        ("\n \n", "no interactions"),
        ("user,item\n", "no interactions"),
        ("1 2 3\n4 x 5 6\n7 8\n", "line 2: the item `x` is not an integer"),
        ("1 2 3\n-1 3 4 6\n7\n", "line 2: the user `-1` is negative"),
        ("1\t2\n3\n", "line 2: 1 fields separated by tabs, not 2"),
        ("1,2\n\n3,4\n5\t6\n", "line 4: 1 fields separated by commas"),
        ("1,2\n3,-4\n", "line 2: the item `-4` is negative"),
        ("1,2\nc,4\n", "line 2: the user `c` is not an integer"),
        ("1,2\n3,\n", "line 2: the item is empty"),
        ("user,item,time\n1,2,3\n1,3,noon\n", "line 3: the timestamp `noon` is not a number"),
        ("user,item,item\n1,2,3\n", "line 1: several columns could hold the items"),
        ("user,thing\n1,2\n", "line 1: no column of items among user, thing"),
        ("who,what,stars\na,x,5\n", "line 1: no column of users among who, what, stars"),
        ("1\t2\t3\t4\t5\n", "line 1: 5 columns without a header"),
        ("\"a,b\nc,d\n", "line 1: a quote is not closed"),
    ] {
        let error = table(content, &ReadOptions::default()).unwrap_err();
        assert_eq!(error.exit_code(), 3, "{content:?}: {error}");
        assert!(error.to_string().contains(words), "{content:?}: {error}");
        assert!(error.to_string().contains("help: "), "{error}");
    }
    assert_eq!(pairs(&table("1,2\nc,-4\n", &text).unwrap()), [("1", "2"), ("c", "-4")]);
    // A huge id is an id like others.
    let huge = table("1,99999999999999999999999999999\n2,1\n", &ReadOptions::default()).unwrap();
    assert_eq!(huge.items.len(), 2);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.csv");
    std::fs::write(&path, b"1,2\n3,\xFF\n").unwrap();
    assert!(read_table(&path, &ReadOptions::default()).unwrap_err().to_string().contains("line 2"));
}

#[test]
fn a_parquet_file_of_other_types_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.parquet");
    let (reals, negative): (ArrayRef, ArrayRef) =
        (Arc::new(Float64Array::from(vec![1.5])), Arc::new(Int64Array::from(vec![-1])));
    let missing: ArrayRef = Arc::new(Int64Array::from(vec![None]));
    for (user, item, words) in [
        (reals, missing.clone(), "column `user` has the type Float64"),
        (negative, missing.clone(), "row 1, column `user`: the id -1 is negative"),
        (missing.clone(), missing.clone(), "a value is missing"),
    ] {
        parquet(&path, vec![("user", user), ("item", item)]);
        let error = read_table(&path, &ReadOptions::default()).unwrap_err();
        assert!(error.exit_code() == 3 && error.to_string().contains(words), "{error}");
    }
    parquet(&path, vec![("a", missing.clone()), ("b", missing)]);
    assert!(
        read_table(&path, &ReadOptions::default()).unwrap_err().to_string().contains("no column of users")
    );
    std::fs::write(&path, b"PAR1 and no more").unwrap();
    assert_eq!(read_table(&path, &ReadOptions::default()).unwrap_err().exit_code(), 3);
}

#[test]
fn given_files_keep_everything_and_report_it() {
    let folder = tempfile::tempdir().unwrap();
    file(&folder, "train.txt", "0 0 1 1\n1 2 10\n2\n");
    file(&folder, "test.txt", "0 1 2\n7 9\n1 11\n");
    let data = InteractionData::open(folder.path(), &OpenOptions::default()).unwrap();
    assert_eq!((data.train.len(), data.test.len()), (4, 4));
    assert_eq!(data.items.names().collect::<Vec<_>>(), ["0", "1", "2", "9", "10", "11"]);
    let expected =
        Overlap { interactions: 4, unknown_users: 1, unknown_items: 2, with_unknown: 2, in_training: 1 };
    assert_eq!(data.report.test, expected);
    assert_eq!((data.report.duplicates, data.report.users_without_items), (1, 1));
    assert_eq!(data.report.warnings().len(), 6);
    let core = OpenOptions { core: 2, ..OpenOptions::default() };
    assert_eq!(InteractionData::open(folder.path(), &core).unwrap_err().exit_code(), 2);
    let map = folder.path().join("items.map");
    data.items.write(&map).unwrap();
    assert_eq!(Ids::read(&map).unwrap(), data.items);
}

#[test]
fn splits_hold_out_what_they_say() {
    let folder = tempfile::tempdir().unwrap();
    let lines: String = (0..30)
        .flat_map(|user| {
            (0..10).map(move |item| format!("u{user}\ti{item}\t1\t{}\n", (item * 7 + user) % 10))
        })
        .collect();
    let path = file(&folder, "x.tsv", &lines);
    let open = |test, validation| {
        let options = OpenOptions { test: Some(test), validation, ..OpenOptions::default() };
        InteractionData::open(&path, &options)
    };
    let ratio = open(Holdout::Ratio(0.2), Some(Holdout::Ratio(0.25))).unwrap();
    assert!((0..30).all(|user| ratio.test.of(user).len() == 2 && ratio.validation.of(user).len() == 2));
    assert_eq!(ratio.train.len(), 180);
    let last = open(Holdout::Last, None).unwrap();
    for user in 0..30 {
        let item = last.test.of(user);
        let name = |number: u32| last.items.name(number as usize).unwrap()[1..].parse::<usize>().unwrap();
        let own: usize = last.users.name(user).unwrap()[1..].parse().unwrap();
        assert!(item.len() == 1 && (name(item[0]) * 7 + own) % 10 == 9);
    }
    assert_eq!(open(Holdout::Latest(0.1), None).unwrap().test.len(), 30);
    for bad in [0.0, 1.0, f64::NAN, -1.0] {
        assert_eq!(open(Holdout::Ratio(bad), None).unwrap_err().exit_code(), 2);
    }
    let untimed = file(&folder, "y.tsv", "1\t2\n1\t3\n");
    let options = OpenOptions { test: Some(Holdout::Latest(0.5)), ..OpenOptions::default() };
    assert!(matches!(InteractionData::open(&untimed, &options), Err(Error::Config { .. })));
}

#[test]
fn the_core_has_enough_of_everything() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder, "x.txt", "1 1 2 3\n2 1 2 3\n3 1 2\n4 3\n5 4 5 6\n");
    let open =
        |core| InteractionData::open(&path, &OpenOptions { core, test: None, ..OpenOptions::default() });
    let data = open(2).unwrap();
    assert!(data.train.user_degrees().iter().chain(&data.train.item_degrees()).all(|&degree| degree >= 2));
    assert_eq!((data.train.len(), data.report.outside_core), (8, 4));
    assert_eq!(open(4).unwrap_err().exit_code(), 3);
}

#[test]
fn an_epoch_visits_each_interaction_once_and_resumes_anywhere() {
    let law = PowerLaw { users: 60, items: 40, interactions: 600, ..PowerLaw::default() };
    let interactions = Arc::new(power_law(&law, 3).unwrap());
    let sampler = PairSampler::new(interactions.clone(), Visits::Interactions, 5);
    let epoch = sampler.epoch(2);
    let mut seen = Vec::new();
    for number in 0..epoch.batches(32) {
        let batch = epoch.batch(number, 32);
        assert_eq!(
            batch,
            PairSampler::new(interactions.clone(), Visits::Interactions, 5).epoch(2).batch(number, 32)
        );
        let negatives = batch.users.iter().zip(&batch.negatives);
        assert!(negatives.clone().all(|(&user, &item)| !interactions.contains(user as usize, item)));
        seen.extend(batch.users.into_iter().zip(batch.positives));
    }
    assert_ne!(seen, interactions.pairs().collect::<Vec<_>>());
    seen.sort_unstable();
    assert_eq!(seen, interactions.pairs().collect::<Vec<_>>());
    assert_ne!(sampler.epoch(0).batch(0, 32), sampler.epoch(1).batch(0, 32));
}

#[test]
fn users_with_everything_are_skipped_and_those_with_nearly_everything_are_not() {
    let all = (0..50).map(|item| (0, item));
    let nearly = (0..50).filter(|item| *item != 17).map(|item| (1, item));
    let interactions = Arc::new(Interactions::from_pairs(3, 50, all.chain(nearly)).0);
    for visits in [Visits::Interactions, Visits::Users] {
        let sampler = PairSampler::new(interactions.clone(), visits, 1);
        assert_eq!((sampler.full_users(), sampler.skipped(), sampler.len()), (1, 50, 49));
        let batch = sampler.epoch(0).batch(0, 100);
        assert_eq!(batch.users, [1; 49]);
        assert_eq!(batch.negatives, [17; 49]);
    }
}

#[test]
fn made_up_interactions_are_as_many_and_as_skewed_as_asked() {
    let law = PowerLaw { users: 2000, items: 1000, interactions: 40_000, ..PowerLaw::default() };
    let made = power_law(&law, 1).unwrap();
    assert_eq!(made, power_law(&law, 1).unwrap());
    let statistics = statistics(&made);
    assert!((38_000..42_000).contains(&statistics.interactions), "{statistics:?}");
    assert_eq!((statistics.users_without, statistics.popularity.len()), (0, 14));
    let tenth = statistics.popularity.iter().find(|point| point.items == 0.1).unwrap();
    assert!(tenth.interactions > 0.3, "{statistics:?}");
    let mut sizes = [0; 10];
    for (group, degree) in popularity_groups(&made, 10).into_iter().zip(made.item_degrees()) {
        sizes[group] += degree;
    }
    assert!(sizes.iter().all(|&size| (3000..5000).contains(&size)), "{sizes:?}");
    assert_eq!(power_law(&PowerLaw { users: 0, ..law }, 1).unwrap_err().exit_code(), 2);
}

proptest! {
    #[test]
    fn rows_hold_the_set_of_pairs(pairs in prop::collection::vec((0_u32..9, 0_u32..12), 0..80)) {
        let (rows, duplicates) = Interactions::from_pairs(9, 12, pairs.iter().copied());
        let set: std::collections::BTreeSet<_> = pairs.iter().copied().collect();
        prop_assert_eq!(rows.pairs().collect::<Vec<_>>(), set.iter().copied().collect::<Vec<_>>());
        prop_assert_eq!(duplicates, pairs.len() - set.len());
        prop_assert_eq!(rows.transposed().transposed(), rows.clone());
        for user in 0..9 {
            let absent: Vec<u32> = (0..12).filter(|&item| !set.contains(&(user as u32, item))).collect();
            let found: Vec<u32> = (0..).map_while(|rank| rows.absent(user, rank)).collect();
            prop_assert_eq!(found, absent);
        }
    }
}
