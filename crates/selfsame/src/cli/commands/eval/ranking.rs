//! `selfsame eval ranking`

use std::process::ExitCode;

use selfsame_core::{Error, Result};
use selfsame_graph::data::{Interactions, Overlap, read_held_out};
use selfsame_graph::eval::{Measures, Ranking, RankingOptions, evaluate_embeddings};
use selfsame_graph::trained::TrainedGraph;
use serde_json::{Map, Value, json};

use crate::cli::args::Eval;
use crate::cli::chart;
use crate::cli::commands::interactions::{open, read_options};
use crate::cli::output::{print, tell};
use crate::cli::table::{Align, Table};
use crate::cli::terminal::Terminal;

/// Lengths of lists where none are given and there are as many items.
const LENGTHS: [usize; 3] = [10, 20, 50];

/// Ranks all items for all users with test items.
pub fn run(args: &Eval) -> Result<ExitCode> {
    let Eval::Ranking { graph, test, reading, k, groups, validation, random, .. } = args else {
        return Err(Error::Internal("not a ranking".into()));
    };
    let mut run = open(graph, *random)?;
    let data = &run.data;
    let (asked, overlap, from) = match test {
        Some(path) => {
            let ids = [&data.users, &data.items];
            let (asked, overlap) = read_held_out(path, &read_options(reading), ids, &data.train)?;
            (asked, overlap, path.display().to_string())
        }
        None if *validation => (data.validation.clone(), data.report.validation, "validation".to_owned()),
        None => (data.test.clone(), data.report.test, "test".to_owned()),
    };
    if asked.is_empty() {
        return Err(Error::config(
            format!("the run holds nothing out for its {from}"),
            "give test interactions with --test FILE, or train with a split that holds some out",
        ));
    }
    warn(&overlap, test.is_some());
    let ks = lengths(k, data.items.len());
    let options = RankingOptions { ks, groups: *groups };
    let ranking = rank(&run, &asked, &options)?;

    let protocol = if *validation { "ranking-validation" } else { "ranking" };
    let mut fields = fields(protocol, &ranking, &overlap);
    fields.insert("test".into(), json!(from));
    fields.insert("run".into(), json!(graph.run));
    fields.insert("checkpoint".into(), json!(if *random { "untrained" } else { &graph.checkpoint }));
    fields.insert("steps".into(), json!(run.stored.steps));
    let name = if *random { format!("{protocol}-untrained") } else { protocol.to_owned() };
    // The result itself is worth more than its place in the run, which may be someone else's.
    match draw(&run, &ranking, &name) {
        Ok(None) => {}
        Ok(Some(path)) => _ = fields.insert("pictures".into(), path),
        Err(error) => tell(format!("warning: the picture is not kept in the run: {error}")),
    }
    if !random && let Err(error) = run.stored.keep_result(&fields) {
        tell(format!("warning: the result is not kept in run.json: {error}"));
    }
    if graph.output.json {
        print(Value::Object(fields))?;
    } else {
        print(for_people(&ranking, &fields))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn rank(run: &TrainedGraph, asked: &Interactions, options: &RankingOptions) -> Result<Ranking> {
    evaluate_embeddings(&run.users, &run.items, run.dimension, &run.data.train, asked, options)
}

/// Those that were given, or the usual ones as far as there are items.
fn lengths(given: &[usize], items: usize) -> Vec<usize> {
    if !given.is_empty() {
        return given.to_vec();
    }
    let possible: Vec<usize> = LENGTHS.into_iter().filter(|k| *k <= items).collect();
    if possible.is_empty() { vec![items] } else { possible }
}

/// Tells what cannot be found, whatever was learned. What a run holds out itself keeps users and items without training; of files only what
/// the run knows is asked about.
fn warn(overlap: &Overlap, from_file: bool) {
    let Overlap { unknown_users, unknown_items, with_unknown, in_training, .. } = *overlap;
    if with_unknown > 0 {
        let kept = if from_file { "without a number in the run they are left out" } else { "they are kept" };
        tell(format!(
            "warning: {with_unknown} interactions have one of {unknown_users} users or {unknown_items} items that are not in training; {kept}"
        ));
    }
    if in_training > 0 {
        tell(format!("warning: {in_training} interactions are in training too and cannot be found"));
    }
}

/// All measures under names with their K, as in `recall@20`.
fn fields(protocol: &str, ranking: &Ranking, overlap: &Overlap) -> Map<String, Value> {
    let mut fields = Map::new();
    fields.insert("protocol".into(), json!(protocol));
    for measures in &ranking.measures {
        for (name, _, value) in columns(measures) {
            fields.insert(format!("{name}@{}", measures.k), json!(value));
        }
    }
    fields.insert("groups".into(), json!(groups(ranking)));
    fields.insert("users".into(), json!(ranking.users));
    fields.insert("users_without_test".into(), json!(ranking.users_without_test));
    fields.insert("test_interactions".into(), json!(overlap.interactions));
    fields.insert("unknown_users".into(), json!(overlap.unknown_users));
    fields.insert("unknown_items".into(), json!(overlap.unknown_items));
    fields.insert("with_unknown".into(), json!(overlap.with_unknown));
    fields.insert("in_training".into(), json!(overlap.in_training));
    fields
}

/// Measures with their names in JSON and for people.
fn columns(measures: &Measures) -> [(&'static str, &'static str, f64); 7] {
    [
        ("recall", "recall", measures.recall),
        ("ndcg", "NDCG", measures.ndcg),
        ("precision", "precision", measures.precision),
        ("hit_rate", "hit rate", measures.hit_rate),
        ("mrr", "MRR", measures.mrr),
        ("coverage", "coverage", measures.coverage),
        ("mean_popularity", "popularity", measures.mean_popularity),
    ]
}

/// For each group of items what it contributes to the recall of every K.
fn groups(ranking: &Ranking) -> Vec<Value> {
    let Some(first) = ranking.measures.first() else { return Vec::new() };
    let group = |(at, group): (usize, &selfsame_graph::eval::GroupRecall)| {
        let mut fields = Map::new();
        fields.insert("group".into(), json!(group.group));
        fields.insert("items".into(), json!(group.items));
        for measures in &ranking.measures {
            fields.insert(format!("recall@{}", measures.k), json!(measures.groups[at].recall));
        }
        Value::Object(fields)
    };
    first.groups.iter().enumerate().map(group).collect()
}

/// Keeps bars of the groups' recall in the run; returns where.
fn draw(run: &TrainedGraph, ranking: &Ranking, name: &str) -> Result<Option<Value>> {
    let Some(measures) = ranking.at(20).or(ranking.measures.first()).filter(|it| !it.groups.is_empty())
    else {
        return Ok(None);
    };
    let bars: Vec<_> = measures.groups.iter().map(|group| (group.group.to_string(), group.recall)).collect();
    let title = format!("recall@{} {:.2}% by popularity", measures.k, 100.0 * measures.recall);
    let picture = chart::bars(&title, "groups of equal interactions - most popular last", &bars);
    let path = run.stored.picture(name)?;
    picture.save_png(&path)?;
    Ok(Some(json!(path)))
}

/// A line for each K, then one for each group.
fn for_people(ranking: &Ranking, fields: &Map<String, Value>) -> String {
    let terminal = Terminal::of(&std::io::stdout());
    let mut text = format!("ranking of all items for {} users", ranking.users);
    if ranking.users_without_test > 0 {
        text += &format!(" ({} have no test items)", ranking.users_without_test);
    }
    text += "\n";
    let Some(first) = ranking.measures.first() else { return text };
    let names = columns(first).map(|(_, name, _)| (name, Align::Right));
    let mut table = Table::new([("K", Align::Right)].into_iter().chain(names));
    for measures in &ranking.measures {
        let values = columns(measures).map(|(name, _, value)| match name {
            "mean_popularity" => format!("{value:.1}"),
            _ => format!("{:.2} %", 100.0 * value),
        });
        table.row([measures.k.to_string()].into_iter().chain(values));
    }
    text += &table.render(terminal);
    if !first.groups.is_empty() {
        let names: Vec<_> =
            ranking.measures.iter().map(|measures| format!("recall@{}", measures.k)).collect();
        let names = names.iter().map(|name| (name.as_str(), Align::Right));
        let head = [("group", Align::Right), ("items", Align::Right)];
        let mut table = Table::new(head.into_iter().chain(names));
        for (at, group) in first.groups.iter().enumerate() {
            let parts = ranking.measures.iter().map(|it| format!("{:.2} %", 100.0 * it.groups[at].recall));
            table.row([group.group.to_string(), group.items.to_string()].into_iter().chain(parts));
        }
        text += &table.render(terminal);
    }
    if let Some(path) = fields.get("pictures").and_then(Value::as_str) {
        text += &format!("groups: {path}\n");
    }
    text
}
