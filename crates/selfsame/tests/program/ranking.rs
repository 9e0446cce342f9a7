//! `selfsame eval ranking`

use std::fs;

use serde_json::Value;

use crate::graphs::{train, trained, with_interactions};

const RANK: [&str; 5] = ["eval", "ranking", "run", "--json", "--quiet"];

fn number(result: &Value, name: &str) -> f64 {
    result[name].as_f64().unwrap_or_else(|| panic!("no {name} in {result}"))
}

#[test]
fn every_measure_is_printed_and_kept_in_the_run() {
    let here = trained();
    let said = here.run(&RANK).succeeds();
    assert_eq!(said.stderr, "");
    let result = said.result();
    assert_eq!((&result["protocol"], &result["test"]), (&"ranking".into(), &"test".into()));
    assert_eq!((&result["users"], &result["users_without_test"]), (&800.into(), &0.into()));
    assert_eq!((&result["test_interactions"], &result["in_training"]), (&3637.into(), &0.into()));
    for k in [10, 20, 50] {
        for name in ["recall", "ndcg", "precision", "hit_rate", "mrr", "coverage"] {
            assert!((0.0..=1.0).contains(&number(&result, &format!("{name}@{k}"))), "{name}@{k}");
        }
        assert!(number(&result, &format!("mean_popularity@{k}")) > 1.0);
        let groups = result["groups"].as_array().unwrap();
        assert_eq!((groups.len(), &groups[9]["group"]), (10, &10.into()));
        let name = format!("recall@{k}");
        let sum: f64 = groups.iter().map(|group| number(group, &name)).sum();
        assert!((sum - number(&result, &name)).abs() < 1e-9);
    }
    assert!(number(&result, "recall@50") > number(&result, "recall@10"));
    assert_eq!(result, here.run(&RANK).result());
    let results = &here.json("run/run.json")["results"];
    assert_eq!(results["ranking_recall@20"], result["recall@20"]);
    assert_eq!(results["ranking"]["ndcg@20"], result["ndcg@20"]);
    let picture = image::open(here.path(result["pictures"].as_str().unwrap())).unwrap();
    assert!(picture.width() > 400);
    let compared = here.run(&["compare", "run"]).succeeds();
    assert!(compared.stdout.contains("recall@20") && compared.stdout.contains("NDCG@20"), "{compared:#?}");
}

#[test]
fn people_get_tables() {
    let here = trained();
    let said = here.run(&["eval", "ranking", "run", "--k", "7"]).succeeds();
    for words in
        ["ranking of all items for 800 users", "NDCG", "hit rate", "group", "recall@7", "ranking.png"]
    {
        assert!(said.stdout.contains(words), "{words} in {said:#?}");
    }
}

#[test]
fn other_lists_groups_tests_and_weights_may_be_measured() {
    let here = trained();
    let with = |more: &[&str]| here.run(&[&RANK[..], more].concat()).succeeds().result();
    let lists = with(&["--k", "3,500", "--groups", "2"]);
    assert_eq!(lists["groups"].as_array().unwrap().len(), 2);
    // All items: everything that is asked about is found.
    assert_eq!((number(&lists, "recall@500"), number(&lists, "coverage@500")), (1.0, 1.0));
    assert!(lists.get("recall@20").is_none());
    assert_eq!(with(&["--groups", "0"])["groups"], serde_json::json!([]));

    let validation = with(&["--validation"]);
    assert_eq!(validation["protocol"], "ranking-validation");
    assert_ne!(validation["test_interactions"], 3637);
    let untrained = with(&["--random"]);
    assert_eq!(untrained["checkpoint"], "untrained");
    assert_ne!(untrained["recall@20"], with(&[])["recall@20"]);

    let given = with(&["--test", "interactions/test.txt"]);
    assert_eq!(given["recall@20"], with(&[])["recall@20"]);
    assert_eq!(given["test"], "interactions/test.txt");
    assert_eq!(with(&["--test", "interactions"])["recall@20"], given["recall@20"]);
}

#[test]
fn what_is_unknown_or_in_training_is_told() {
    let here = trained();
    let train = here.text("interactions/train.txt");
    let known: Vec<&str> = train.lines().next().unwrap().split(' ').take(3).collect();
    let [user, first, second] = known[..] else { panic!("{known:?}") };
    let lines = format!("user,item\n{user},{first}\n{user},{second}\n9999,{first}\n{user},8888\n");
    fs::write(here.path("later.csv"), lines).unwrap();
    let said = here.run(&[&RANK[..], &["--test", "later.csv"]].concat()).succeeds();
    let result = said.result();
    assert_eq!((&result["unknown_users"], &result["unknown_items"]), (&1.into(), &1.into()));
    assert_eq!((&result["with_unknown"], &result["users"]), (&2.into(), &1.into()));
    // Of the two that are left, those that are in the part that was trained on cannot be found.
    said.mentions(&["not in training", "in training too and cannot be found"]);
}

#[test]
fn what_cannot_be_ranked_is_an_error() {
    let here = trained();
    let fails = |more: &[&str], code: i32, words: &[&str]| {
        here.run(&[&["eval", "ranking", "run"], more].concat()).fails(code, words);
    };
    fails(&["--k", "0"], 2, &["a list of 0 items", "from 1 to 500"]);
    fails(&["--k", "20,501"], 2, &["a list of 501 items"]);
    fails(&["--test", "nowhere.txt"], 3, &["nowhere.txt"]);
    fails(&["--checkpoint", "epoch-9999"], 3, &["epoch-9999"]);
    fails(&["--data", "nowhere"], 3, &["nowhere"]);
    fs::write(here.path("strangers.csv"), "user,item\nx,y\n").unwrap();
    fails(
        &["--test", "strangers.csv"],
        3,
        &["strangers.csv", "no interaction has a user and an item of the run"],
    );
    here.run(&["eval", "ranking", "interactions"]).fails(3, &["interactions: not a run"]);
    let said = here.run(&["eval", "ranking", "run", "--k", "many"]);
    assert_eq!(said.code, Some(2));
    let said = here.run(&["eval", "knn", "run", "--data", "interactions"]);
    assert!(matches!(said.code, Some(2 | 3)), "{said:#?}");
}

#[test]
fn moved_interactions_are_named_and_others_refused() {
    let here = with_interactions();
    train(&here, "run", &[]);
    fs::rename(here.path("interactions"), here.path("elsewhere")).unwrap();
    here.run(&RANK).fails(3, &["interactions", "--data"]);
    here.run(&[&RANK[..], &["--data", "elsewhere"]].concat()).succeeds();
    let text = here.text("elsewhere/train.txt");
    fs::write(here.path("elsewhere/train.txt"), text.lines().skip(1).collect::<Vec<_>>().join("\n")).unwrap();
    here.run(&[&RANK[..], &["--data", "elsewhere"]].concat()).fails(3, &["not the interactions"]);
}

#[test]
fn a_sweep_measures_every_run() {
    let here = with_interactions();
    let words =
        ["sweep", "mf", "--seeds", "1,2", "--data", "interactions", "--out", "s", "--epochs", "1", "--quiet"];
    let more = ["--set", "backbone.dimension=8", "--eval", "ranking", "--json"];
    let result = here.run(&[&words[..], &more].concat()).succeeds().result();
    let text = result.to_string();
    assert!(text.contains("recall@20"), "{text}");
    assert!(here.json("s/mf-seed-2/run.json")["results"]["ranking_recall@20"].as_f64().is_some());
}
