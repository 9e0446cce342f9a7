//! `selfsame recommend`

use std::path::Path;
use std::process::ExitCode;

use selfsame::recommendations::{Format, List, ListWriter};
use selfsame_core::{Error, Result};
use selfsame_graph::data::{Ids, Interactions};
use selfsame_graph::eval::{Embeddings, Recommended, nearest_rows, top_items};
use selfsame_graph::trained::TrainedGraph;
use serde_json::{Value, json};

use super::interactions::{check_length, number, open};
use crate::cli::args;
use crate::cli::output::{print, refuse_existing, tell};
use crate::cli::progress::Counter;
use crate::cli::table::{Align, Table};
use crate::cli::terminal::Terminal;

/// Users whose lists are made and written at once.
const BLOCK: usize = 4096;

/// Recommends items, or shows those like another.
pub fn run(args: &args::Recommend) -> Result<ExitCode> {
    if let Some(file) = &args.output_file {
        Format::of(file)?;
        refuse_existing(file, args.overwrite)?;
    }
    let graph = open(&args.graph, false)?;
    check_length(args.top, graph.data.items.len())?;
    match (&args.user, &args.users, &args.similar_items, &args.output_file) {
        (Some(user), ..) => of_user(args, &graph, user),
        (_, Some(users), _, Some(file)) => of_users(args, &graph, users, file),
        (_, _, Some(item), _) => similar(args, &graph, item),
        _ => Err(Error::config("nobody is named to recommend to", "name one with --user ID")),
    }
}

/// The best items of some users.
fn best(
    args: &args::Recommend,
    graph: &TrainedGraph,
    users: &[u32],
    known: &Interactions,
) -> Result<Vec<Vec<Recommended>>> {
    top_items(&Embeddings::new(&graph.users, &graph.items, graph.dimension)?, users, known, args.top)
}

/// What is not recommended.
fn excluded(args: &args::Recommend, graph: &TrainedGraph) -> Interactions {
    let train = &graph.data.train;
    match args.include_known {
        true => Interactions::from_pairs(train.users(), train.items(), std::iter::empty()).0,
        false => train.clone(),
    }
}

fn of_user(args: &args::Recommend, graph: &TrainedGraph, id: &str) -> Result<ExitCode> {
    let user = number(graph.stored.folder.path(), &graph.data.users, "user", id)?;
    let known = graph.data.train.of(user as usize).len();
    if known == 0 {
        tell(format!("warning: user {id} has nothing in training, so this list says little"));
    }
    let list = best(args, graph, &[user], &excluded(args, graph))?.pop().unwrap_or_default();
    if list.is_empty() {
        tell(format!("warning: user {id} had every item in training; --include-known lists them as well"));
    }
    if args.graph.output.json {
        let items = items(&graph.data.items, &list, "score");
        print(json!({ "user": id, "known": known, "items": items }))?;
    } else {
        print(table(&graph.data.items, &list, "score"))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn similar(args: &args::Recommend, graph: &TrainedGraph, id: &str) -> Result<ExitCode> {
    let item = number(graph.stored.folder.path(), &graph.data.items, "item", id)?;
    let list = nearest_rows(&graph.items, graph.dimension, item, args.top)?;
    if args.graph.output.json {
        print(json!({ "item": id, "items": items(&graph.data.items, &list, "cosine") }))?;
    } else {
        print(table(&graph.data.items, &list, "cosine"))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn of_users(args: &args::Recommend, graph: &TrainedGraph, users: &str, file: &Path) -> Result<ExitCode> {
    let ids = &graph.data.users;
    let users: Vec<u32> = match users {
        "all" => (0..ids.len() as u32).collect(),
        path => users_in(Path::new(path), ids)?,
    };
    let known = excluded(args, graph);
    let counter = Counter::new("users", users.len(), args.graph.output.quiet);
    let mut writer = ListWriter::create(file, args.overwrite)?;
    let mut done = 0;
    for block in users.chunks(BLOCK) {
        let best = best(args, graph, block, &known)?;
        let items: Vec<Vec<(&str, f32)>> = best.iter().map(|list| named(&graph.data.items, list)).collect();
        let lists: Vec<_> = block
            .iter()
            .zip(&items)
            .map(|(&user, items)| List { user: ids.name(user as usize).unwrap_or_default(), items })
            .collect();
        writer.push(&lists)?;
        done += block.len();
        counter.at(done);
    }
    counter.finish();
    let file = writer.finish()?;
    match args.graph.output.json {
        true => print(json!({ "file": file, "users": users.len(), "top": args.top }))?,
        false => print(format!("{} lists of {} items: {}", users.len(), args.top, file.display()))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads ids of users, one a line.
fn users_in(path: &Path, ids: &Ids) -> Result<Vec<u32>> {
    let text = std::fs::read_to_string(path).map_err(|error| Error::io("read", path, error))?;
    let lines = (1..).zip(text.lines().map(str::trim)).filter(|(_, id)| !id.is_empty());
    let users: Vec<u32> = lines
        .map(|(line, id)| {
            number(path, ids, "user", id).map_err(|error| match error {
                Error::Data { path, what, help } => {
                    Error::Data { path, what: format!("line {line}: {what}"), help }
                }
                other => other,
            })
        })
        .collect::<Result<_>>()?;
    match users.is_empty() {
        true => Err(Error::data(path, "there is no id of a user in this file", "write one a line")),
        false => Ok(users),
    }
}

/// Original ids and scores.
fn named<'a>(ids: &'a Ids, list: &[Recommended]) -> Vec<(&'a str, f32)> {
    list.iter().map(|best| (ids.name(best.item as usize).unwrap_or_default(), best.score)).collect()
}

fn items(ids: &Ids, list: &[Recommended], measure: &str) -> Vec<Value> {
    named(ids, list).into_iter().map(|(item, score)| json!({ "item": item, measure: score })).collect()
}

fn table(ids: &Ids, list: &[Recommended], measure: &str) -> String {
    let mut table = Table::new([("rank", Align::Right), ("item", Align::Left), (measure, Align::Right)]);
    for (rank, (item, score)) in (1..).zip(named(ids, list)) {
        table.row([format!("{rank}"), item.to_owned(), format!("{score:.4}")]);
    }
    table.render(Terminal::of(&std::io::stdout()))
}
