//! `selfsame data check` of interactions, and files that are wrong

use std::fs;

use crate::graphs::with_interactions;
use crate::workshop::{Said, Workshop};

fn check(content: impl AsRef<[u8]>, more: &[&str]) -> Said {
    let here = Workshop::empty();
    fs::write(here.path("x.txt"), content).unwrap();
    here.run(&[&["data", "check", "x.txt"], more].concat())
}

#[test]
fn a_check_describes_interactions() {
    let here = with_interactions();
    let result = here.run(&["data", "check", "interactions", "--json", "-o", "."]).succeeds().result();
    assert_eq!((&result["kind"], &result["picture"]), (&"interactions".into(), &"./popularity.png".into()));
    assert_eq!((&result["users"], &result["items"]), (&800.into(), &500.into()));
    assert_eq!((&result["interactions"], &result["test"]["interactions"]), (&16239.into(), &3637.into()));
    assert_eq!((&result["user_degrees"]["min"], &result["user_degrees"]["max"]), (&11.into(), &200.into()));
    assert_eq!((&result["duplicates"], &result["cold_users"]), (&0.into(), &0.into()));
    assert_eq!(result["popularity"].as_array().unwrap().len(), 14);
    assert!(image::open(here.path("popularity.png")).unwrap().height() > 200);
    here.run(&["data", "check", "interactions", "-o", "popularity.png"]).fails(2, &["exists", "--overwrite"]);
    here.run(&["data", "check", "interactions", "-o", "new/x.png"]).succeeds();
    here.run(&["data", "check", "interactions", "-o", "popularity"]).fails(2, &["PNG"]);

    let said = here.run(&["data", "check", "interactions"]).succeeds();
    for words in [
        "800 users, 500 items, 16239 interactions",
        "train.txt (lists)",
        "a user",
        "median",
        "the most popular 1 % have",
        "nothing is odd",
    ] {
        assert!(said.stdout.contains(words), "{words} in {said:#?}");
    }
}

#[test]
fn odd_things_are_counted_and_told() {
    let here = Workshop::empty();
    fs::create_dir(here.path("x")).unwrap();
    fs::write(here.path("x/train.txt"), "0 0 1 1\n1 2 10\n2\n").unwrap();
    fs::write(here.path("x/test.txt"), "0 1 2\n7 9\n1 11\n").unwrap();
    let said = here.run(&["data", "check", "x", "--json"]).succeeds();
    said.mentions(&["1 repeated interactions", "1 users have a line without an item", "not in training"]);
    let result = said.result();
    assert_eq!((&result["duplicates"], &result["users_without_items"]), (&1.into(), &1.into()));
    let test = &result["test"];
    assert_eq!((&test["unknown_users"], &test["unknown_items"]), (&1.into(), &2.into()));
    assert_eq!((&test["in_training"], &result["cold_users"]), (&1.into(), &2.into()));
    assert_eq!(result["warnings"].as_array().unwrap().len(), 6);
    let said = here.run(&["data", "check", "x"]).succeeds();
    assert!(said.stdout.contains("1 also in training") && said.stdout.contains("cold: 2 users"), "{said:#?}");
    here.run(&["data", "check", "x", "--core", "2"]).fails(2, &["core filter"]);
}

#[test]
fn flags_say_how_a_file_is_written() {
    let text = "who,what,stars\na,x,5\nb,y,1\na,y,4\n";
    check(text, &[]).fails(3, &["x.txt: line 1: no column of users among who, what, stars"]);
    let columns = ["--user-column", "who", "--item-column", "what", "--rating-column", "stars"];
    let result = check(text, &[&columns[..], &["--min-rating", "4", "--json"]].concat()).succeeds().result();
    assert_eq!((&result["interactions"], &result["below_rating"]), (&2.into(), &1.into()));
    check("1,2\n1,3\n", &["--min-rating", "4"]).fails(2, &["no ratings"]);
    check("1,2\n-3,4\n", &["--text-ids"]).succeeds();
    check("1 2\n3 4\n", &["--format", "commas"]).fails(3, &["line 1"]);
    check("1 2\n1 3\n2 3\n", &["--core", "3"]).fails(3, &["at least 3 interactions"]);
    assert_eq!(check("1 2\n", &["--format", "xml"]).code, Some(2));
}

#[test]
fn every_bad_line_is_named_with_what_to_do() {
    let huge = format!("1,{}\n2,1\n", "9".repeat(60));
    check(huge, &[]).succeeds();
    for (content, words) in [
        (&b""[..], "the file has no interactions"),
        (b"\n\n", "the file has no interactions"),
        (b"user,item\n", "the file has no interactions"),
        (b"0\n1\n", "x.txt: "),
        (b"1 2 3\n4 x 5 6\n7 8\n", "line 2: the item `x` is not an integer"),
        (b"1 2 3\n-1 3 4 6\n7\n", "line 2: the user `-1` is negative"),
        (b"1\t2\n3\n", "line 2: 1 fields separated by tabs, not 2"),
        (b"1,2\n\n3,4\n5\t6\n", "line 4: 1 fields separated by commas"),
        (b"1,2\n3,\n", "line 2: the item is empty"),
        (b"user,item,time\n1,2,3\n1,3,noon\n", "line 3: the timestamp `noon` is not a number"),
        (b"user,item,item\n1,2,3\n", "line 1: several columns could hold the items"),
        (b"user,thing\n1,2\n", "line 1: no column of items among user, thing"),
        (b"1\t2\t3\t4\t5\n", "line 1: 5 columns without a header"),
        (b"\"a,b\nc,d\n", "line 1: a quote is not closed"),
        (b"1,2\n3,\xFF\n", "line 2: this is not text in UTF-8"),
        (b"PAR1 and no more", "not a Parquet file"),
    ] {
        check(content, &[]).fails(3, &["x.txt", words]);
    }
}

#[test]
fn a_training_refuses_what_a_check_refuses() {
    let here = Workshop::empty();
    fs::write(here.path("bad.txt"), "1 2 3\n4 x 5 6\n7 8\n").unwrap();
    let pretrain = |more: &[&str]| here.run(&[&["pretrain", "mf", "--out", "run", "--quiet"], more].concat());
    pretrain(&["--data", "bad.txt"]).fails(3, &["bad.txt: line 2: the item `x`"]);
    pretrain(&["--data", "nowhere"]).fails(3, &["nowhere"]);
    fs::create_dir(here.path("empty")).unwrap();
    pretrain(&["--data", "empty"]).fails(3, &["no files of interactions"]);
    here.run(&["data", "check", "empty", "--kind", "interactions"]).fails(3, &["no files of interactions"]);
    assert!(!here.path("run/config.toml").exists());
}
