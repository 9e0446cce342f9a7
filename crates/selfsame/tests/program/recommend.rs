//! `selfsame recommend`, and `selfsame embed` of runs on interactions

use std::collections::BTreeSet;
use std::fs;

use selfsame::graph::data::{ReadOptions, read_table};

use crate::graphs::trained;
use crate::workshop::Workshop;

/// The items of a user in the files that the run was trained with.
fn known(here: &Workshop, user: &str) -> BTreeSet<String> {
    let text = here.text("interactions/train.txt");
    let line = text.lines().find(|line| line.split(' ').next() == Some(user)).unwrap();
    line.split(' ').skip(1).map(str::to_owned).collect()
}

#[test]
fn a_user_gets_new_items_the_best_first() {
    let here = trained();
    let words = ["recommend", "run", "--user", "17", "--top", "480", "--json"];
    let result = here.run(&words).succeeds().result();
    let items = result["items"].as_array().unwrap();
    let scores: Vec<f64> = items.iter().map(|item| item["score"].as_f64().unwrap()).collect();
    assert!(scores.windows(2).all(|pair| pair[0] >= pair[1]));
    let of = |result: &serde_json::Value| -> BTreeSet<String> {
        result["items"].as_array().unwrap().iter().map(|it| it["item"].as_str().unwrap().to_owned()).collect()
    };
    // A part of what the user knows was held out for validation.
    let known = known(&here, "17");
    let trained_on = result["known"].as_u64().unwrap() as usize;
    assert!(trained_on > 0 && trained_on <= known.len());
    assert!(of(&result).intersection(&known).count() == known.len() - trained_on);
    let all = here.run(&["recommend", "run", "--user", "17", "--top", "500", "--include-known", "--json"]);
    assert!(of(&all.succeeds().result()).is_superset(&known));

    let said = here.run(&["recommend", "run", "--user", "17", "--top", "3"]).succeeds();
    assert_eq!(said.stdout.lines().count(), 4, "{said:#?}");
    assert!(said.stdout.lines().nth(1).unwrap().contains(items[0]["item"].as_str().unwrap()));
}

#[test]
fn many_users_get_their_lists_in_a_file() {
    let here = trained();
    let out = tempfile::tempdir().unwrap();
    let path = |name: &str| out.path().join(name).display().to_string();
    let all = |name: &str, more: &[&str]| {
        let path = path(name);
        let words = ["recommend", "run", "--users", "all", "--top", "5", "-o", &path, "--json", "--quiet"];
        here.run(&[&words[..], more].concat())
    };
    for name in ["a.csv", "a.jsonl", "a.parquet"] {
        let result = all(name, &[]).succeeds().result();
        assert_eq!((&result["users"], &result["top"]), (&800.into(), &5.into()));
        let before = fs::read(path(name)).unwrap();
        all(name, &[]).fails(2, &["exists", "--overwrite"]);
        all(name, &["--overwrite"]).succeeds();
        assert!(before == fs::read(path(name)).unwrap());
    }
    let csv = fs::read_to_string(path("a.csv")).unwrap();
    assert_eq!((csv.lines().count(), csv.lines().next()), (4001, Some("user,rank,item,score")));
    assert_eq!(fs::read_to_string(path("a.jsonl")).unwrap().lines().count(), 800);
    let table = read_table(path("a.parquet").as_ref(), &ReadOptions::default()).unwrap();
    assert_eq!((table.users.len(), table.rows.len()), (800, 4000));

    fs::write(path("ids.txt"), "3\n\n 5 \n").unwrap();
    let words = ["recommend", "run", "--users", &path("ids.txt"), "-o", &path("two.csv"), "--top", "2"];
    here.run(&words).succeeds();
    let two = fs::read_to_string(path("two.csv")).unwrap();
    let of_both: String = csv
        .lines()
        .filter(|line| ["3,1,", "3,2,", "5,1,", "5,2,"].iter().any(|it| line.starts_with(it)))
        .fold(String::from("user,rank,item,score\n"), |text, line| text + line + "\n");
    let items = |text: &str| -> Vec<String> {
        text.lines().map(|line| line.rsplit_once(',').unwrap().0.to_owned()).collect()
    };
    assert_eq!(items(&two), items(&of_both));
}

#[test]
fn similar_items_are_those_of_the_smallest_angle() {
    let here = trained();
    let words = ["recommend", "run", "--similar-items", "42", "--top", "9", "--json"];
    let result = here.run(&words).succeeds().result();
    let cosines: Vec<f64> =
        result["items"].as_array().unwrap().iter().map(|it| it["cosine"].as_f64().unwrap()).collect();
    assert!(cosines.len() == 9 && cosines.windows(2).all(|pair| pair[0] >= pair[1]));
    assert!(cosines.iter().all(|cosine| (-1.001..=1.001).contains(cosine)));
    assert!(here.run(&words[..6]).succeeds().stdout.contains("cosine"));
}

#[test]
fn unknown_ids_and_impossible_lists_are_errors() {
    let here = trained();
    let fails = |more: &[&str], code: i32, words: &[&str]| {
        here.run(&[&["recommend", "run"], more].concat()).fails(code, words);
    };
    fails(&["--user", "7999"], 3, &["run: there is no user `7999`", "did you mean `799`?"]);
    fails(&["--user", "somebody"], 3, &["no user `somebody`", "such as 0, 1, 2"]);
    fails(&["--user", "-1"], 3, &["no user `-1`"]);
    fails(&["--similar-items", "500"], 3, &["no item `500`", "did you mean"]);
    fails(&["--user", "1", "--top", "0"], 2, &["a list of 0 items", "from 1 to 500"]);
    fails(&["--user", "1", "--top", "501"], 2, &["a list of 501 items"]);
    fails(&["--users", "all", "-o", "lists.xlsx"], 2, &["lists.xlsx", ".parquet"]);
    fails(&["--users", "nowhere.txt", "-o", "lists.csv"], 3, &["nowhere.txt"]);
    let ids = tempfile::tempdir().unwrap();
    let path = ids.path().join("ids.txt").display().to_string();
    fs::write(&path, "1\n\n1000\n").unwrap();
    fails(&["--users", &path, "-o", "lists.csv"], 3, &["ids.txt: line 3: there is no user `1000`"]);
    fs::write(&path, "\n").unwrap();
    fails(&["--users", &path, "-o", "lists.csv"], 3, &["no id of a user"]);
    assert!(!here.path("lists.csv").exists());
    for words in [
        &[][..],
        &["--user", "1", "--similar-items", "2"],
        &["--users", "all"],
        &["--user", "1", "-o", "list.csv"],
        &["--similar-items", "1", "-o", "list.csv"],
    ] {
        let said = here.run(&[&["recommend", "run"], words].concat());
        assert_eq!((said.code, said.stdout.as_str()), (Some(2), ""), "{said:#?}");
    }
    here.run(&["recommend", "nowhere", "--user", "1"]).fails(3, &["nowhere"]);
}

#[test]
fn embeddings_have_the_ids_of_the_data() {
    let here = trained();
    let out = tempfile::tempdir().unwrap();
    let path = |name: &str| out.path().join(name).display().to_string();
    for (nodes, count) in [("all", 1300), ("users", 800), ("items", 500)] {
        for name in ["e.parquet", "e.npy"] {
            let name = path(&format!("{nodes}-{name}"));
            let words = ["embed", "run", "-o", &name, "--nodes", nodes, "--json"];
            let result = here.run(&words).succeeds().result();
            assert_eq!(result["instances"], count);
            here.run(&words).fails(2, &["exists", "--overwrite"]);
        }
    }
    let names = fs::read_to_string(path("all-e.names.csv")).unwrap();
    let lines: Vec<&str> = names.lines().collect();
    assert_eq!(
        (lines[1], lines[800], lines[801], lines[1300]),
        ("0,user,0", "799,user,0", "0,item,1", "499,item,1")
    );
    let npy = fs::metadata(path("all-e.npy")).unwrap().len();
    assert_eq!(npy, 128 + 1300 * 8 * 4);
    assert_eq!(here.run(&["embed", "run"]).code, Some(2));
    here.run(&["embed", "run", "-o", "x.npy", "--data", "nowhere"]).fails(3, &["nowhere"]);
}
