//! Embeddings of users and items.

use std::process::ExitCode;

use selfsame::embeddings::{Block, EmbeddingWriter, Format, Schema};
use selfsame_core::Result;
use selfsame_core::pretrain::Weights;
use selfsame_graph::data::Ids;
use selfsame_graph::trained::TrainedGraph;
use serde_json::json;

use crate::cli::args::{self, Nodes};
use crate::cli::output::print;

/// Embeddings that are written at once.
const BLOCK: usize = 4096;

/// Writes final embeddings, named by original ids and labelled `user` or `item`.
pub fn run(args: &args::Embed, format: Format) -> Result<ExitCode> {
    let weights = Weights::Checkpoint(args.checkpoint.clone());
    let graph = TrainedGraph::open_with(&args.run, &weights, args.data.as_deref())?;
    let schema = Schema {
        dimension: graph.dimension,
        classes: vec!["user".into(), "item".into()],
        metadata: graph.metadata(),
    };
    let mut writer = EmbeddingWriter::create(&args.output_file, format, schema, args.overwrite)?;
    let data = &graph.data;
    let parts = [(Nodes::Users, &data.users, &graph.users), (Nodes::Items, &data.items, &graph.items)];
    for (label, (nodes, ids, values)) in parts.into_iter().enumerate() {
        if args.nodes == Nodes::All || args.nodes == nodes {
            write(&mut writer, ids, values, (label, graph.dimension))?;
        }
    }
    let written = writer.finish()?;
    match args.output.json {
        true => print(json!({ "files": written.files, "instances": written.instances }))?,
        false => print(format!("{} embeddings: {}", written.instances, args.output_file.display()))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn write(
    writer: &mut EmbeddingWriter,
    ids: &Ids,
    values: &[f32],
    (label, dimension): (usize, usize),
) -> Result<()> {
    let names: Vec<String> = ids.names().map(str::to_owned).collect();
    for (names, values) in names.chunks(BLOCK).zip(values.chunks(BLOCK * dimension)) {
        let labels = vec![Some(label); names.len()];
        writer.push(&Block { names, labels: &labels, values, thumbnails: None })?;
    }
    Ok(())
}
