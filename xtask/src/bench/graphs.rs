//! Steps of graph methods, ranking, and how their costs grow with the interactions.

use super::compare::{median, numbers};
use super::{Case, Options, Ratio, Row, picture, release};
use crate::Failure;
use crate::process::{command, output};
use crate::svg::keep;

/// Users, items and interactions of gowalla, which are made up where no real ones are given.
pub const GOWALLA: &str = "29858,40981,810128";

/// Users and items, interactions, and the batch that makes 400 steps an epoch of them.
const SCALES: [[&str; 2]; 3] =
    [["4000,4000,100000", "250"], ["40000,40000,1000000", "2500"], ["400000,400000,10000000", "25000"]];
const STEPS_OF_EPOCH: f64 = 400.0;

/// Steps beside PyTorch's, whole ranking, and costs by scale.
pub fn graphs(options: &Options) -> Result<Vec<Ratio>, Failure> {
    let (source, name) = match &options.interactions {
        Some(folder) => {
            let name =
                folder.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
            (folder.join("train.txt").to_string_lossy().into_owned(), name)
        }
        None => (GOWALLA.into(), "made up".into()),
    };
    let mut ratios = Vec::new();
    for method in ["lightgcn", "sgl"] {
        let step = format!("{method}, batch 2048, {name}");
        let rows = [Row::cost(&step), Row::cost(format!("{step}: peak memory"))];
        let case = Case {
            title: "training step of a graph method (3 layers, 64 dimensions)",
            unit: "milliseconds a step; peak memory of the process in MB",
            rows: &rows,
        };
        let arguments = [method, "2048", "5", &source];
        if options.interactions.is_some() {
            ratios.extend(options.compare_example("graph_step", "torch_graph.py", &arguments, case)?);
        } else {
            let ours = || numbers(command(release().join("examples/graph_step")).args(arguments));
            case.compare(options.rounds, &ours, "", &|| Ok(None))?;
        }
    }
    ranking(options)?;
    scales(options)?;
    Ok(ratios)
}

/// What ranking all items for all users costs.
fn ranking(options: &Options) -> Result<(), Failure> {
    let mut example = command(release().join("examples/ranking_throughput"));
    let text = output(example.args(&options.interactions))?;
    print!("\nranking of all items for all users, three times\n{text}");
    Ok(())
}

/// What LightGCN costs by the number of interactions, at a batch that grows with them. A step goes over the whole graph, so with the same
/// batch an epoch of ten times the interactions would cost a hundred times as much, here as anywhere. Draws the
/// book's picture of it.
fn scales(options: &Options) -> Result<(), Failure> {
    println!("\nlightgcn by scale, {STEPS_OF_EPOCH} steps an epoch; median of {} turns", options.rounds);
    println!("| users, items, interactions | batch | ms a step | s a million interactions | MB at most |");
    println!("|---|--:|--:|--:|--:|");
    let mut turns = SCALES.map(|_| [Vec::new(), Vec::new()]);
    for _ in 0..options.rounds {
        for ([sizes, batch], turns) in SCALES.iter().zip(&mut turns) {
            let mut example = command(release().join("examples/graph_step"));
            let found = numbers(example.args(["lightgcn", batch, "2", sizes]))?;
            let [step, memory] = found[..] else { return Err("graph_step: not two numbers".into()) };
            turns[0].push(step);
            turns[1].push(memory);
        }
    }
    let mut costs = Vec::new();
    for ([sizes, batch], turns) in SCALES.iter().zip(&mut turns) {
        let [step, memory] = turns.each_mut().map(|turns| median(turns));
        let interactions = sizes.rsplit(',').next().and_then(|count| count.parse().ok()).unwrap_or(f64::NAN);
        let cost = epoch_of_a_million(step, interactions);
        println!("| {sizes} | {batch} | {step:.1} | {cost:.2} | {memory:.0} |");
        costs.push((format!("{} million interactions", interactions / 1e6), cost));
    }
    let names: Vec<&str> = costs.iter().map(|(name, _)| name.as_str()).collect();
    let column = costs.iter().map(|(_, cost)| *cost).collect();
    let svg = picture::draw(&["an epoch, each million"], &names, &[column], |cost| format!("{cost:.1} s"));
    keep("graph-scale.svg", &svg)
}

/// Seconds that an epoch takes for each million of its interactions, given milliseconds a step.
fn epoch_of_a_million(step: f64, interactions: f64) -> f64 {
    step / 1e3 * STEPS_OF_EPOCH / (interactions / 1e6)
}

#[cfg(test)]
mod tests {
    use super::epoch_of_a_million;

    #[test]
    fn an_epoch_is_shared_by_its_interactions() {
        assert_eq!(epoch_of_a_million(250.0, 2e6), 50.0);
    }
}
