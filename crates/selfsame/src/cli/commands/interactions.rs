//! What commands for interactions have in common.

use std::path::Path;

use selfsame_core::pretrain::Weights;
use selfsame_core::settings::closest;
use selfsame_core::{Error, Result};
use selfsame_graph::data::{Columns, Format, IdKind, Ids, ReadOptions};
use selfsame_graph::trained::TrainedGraph;

use crate::cli::args::{FileFormat, GraphRun, Reading};

/// How to read files, as typed.
pub fn read_options(reading: &Reading) -> ReadOptions {
    ReadOptions {
        format: reading.format.map(|format| match format {
            FileFormat::Lists => Format::Lists,
            FileFormat::Tabs => Format::Tabs,
            FileFormat::Commas => Format::Commas,
            FileFormat::Spaces => Format::Spaces,
            FileFormat::Recbole => Format::Recbole,
            FileFormat::Parquet => Format::Parquet,
        }),
        header: None,
        columns: Columns {
            user: reading.user_column.clone(),
            item: reading.item_column.clone(),
            rating: reading.rating_column.clone(),
            time: reading.time_column.clone(),
        },
        ids: if reading.text_ids { IdKind::Text } else { IdKind::Auto },
        min_rating: reading.min_rating,
    }
}

/// Opens a run on interactions at the checkpoint that was asked for, or untrained.
pub fn open(graph: &GraphRun, untrained: bool) -> Result<TrainedGraph> {
    let weights = if untrained { Weights::Untrained } else { Weights::Checkpoint(graph.checkpoint.clone()) };
    TrainedGraph::open_with(&graph.run, &weights, graph.data.as_deref())
}

/// The number of an original id; `kind` is `user` or `item`, and `path` where the id should be known.
///
/// # Errors
/// An unknown id, with those that are near it.
pub fn number(path: &Path, ids: &Ids, kind: &str, id: &str) -> Result<u32> {
    ids.number(id).ok_or_else(|| {
        let help = match closest(id, ids.names()) {
            Some(near) => format!("did you mean `{near}`? Ids are those of the run's files"),
            None => {
                let first: Vec<_> = ids.names().take(3).collect();
                format!("ids are those of the run's files, such as {}", first.join(", "))
            }
        };
        Error::data(path, format!("there is no {kind} `{id}` in this run"), help)
    })
}

/// The length of lists, if it can be.
///
/// # Errors
/// 0, and more than there are items.
pub fn check_length(top: usize, items: usize) -> Result<()> {
    if (1..=items).contains(&top) {
        return Ok(());
    }
    let help = format!("set --top from 1 to {items}, the number of items");
    Err(Error::config(format!("a list of {top} items is out of range"), help))
}
