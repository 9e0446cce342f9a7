//! Protocols for agents: `selfsame eval episodes` and `selfsame eval probe`.

use std::path::Path;
use std::process::ExitCode;

use selfsame_control::data::Environment;
use selfsame_control::eval::{self, Episodes, EpisodesResult, Player, ProbeConfig, ProbeResult, Video};
use selfsame_control::method::{Acting, Agent};
use selfsame_control::trained::TrainedAgent;
use selfsame_core::atomic_file::make_folder_of;
use selfsame_core::pretrain::Weights;
use selfsame_core::{Random, Result};
use serde_json::{Map, Value, json};

use crate::cli::args::{AgentRun, Probing};
use crate::cli::output::{print, refuse_picture, tell};
use crate::cli::progress::Counter;
use crate::cli::table::{Align, Table};
use crate::cli::terminal::Terminal;

/// Episodes whose returns are averaged, where nobody says how many.
const EPISODES: usize = 10;
/// Episodes that a probe learns from and tells.
const PROBE_EPISODES: usize = 500;

/// `selfsame eval episodes`
pub fn episodes(args: &AgentRun, video: Option<&Path>, frames: usize, overwrite: bool) -> Result<ExitCode> {
    if let Some(file) = video {
        // Before minutes are spent on its episodes.
        refuse_picture(file, "gif", overwrite)?;
    }
    let count = args.episodes.unwrap_or(EPISODES);
    let mut trained = open(args)?;
    let mut pictures = Video::new(frames);
    let counter = Counter::new("episodes", count, args.output.quiet);
    let found = eval::episodes(
        &mut player(&mut *trained.agent, &mut *trained.environment, args),
        Episodes { count, video: video.map(|_| &mut pictures), progress: &|done| counter.at(done) },
    )?;
    counter.finish();
    let mut fields = json_object(json!(found));
    if let Some(file) = video {
        make_folder_of(file)?;
        pictures.save(file)?;
        fields.insert("video".into(), json!(file));
    }
    finish(args, trained, fields, |fields| episodes_for_people(&found, fields))
}

/// `selfsame eval probe`
pub fn probe(args: &AgentRun, probing: &Probing) -> Result<ExitCode> {
    let episodes = args.episodes.unwrap_or(PROBE_EPISODES);
    let mut trained = open(args)?;
    let behaviour = probing.behaviour.as_ref();
    let behaviour =
        behaviour.map(|run| TrainedAgent::open(run, &Weights::Checkpoint("last".into()), &args.device));
    let mut behaviour = behaviour.transpose()?;
    if let Some(other) = &behaviour {
        trained.check_same_environment(other)?;
    }
    let config = ProbeConfig {
        episodes,
        random_steps: probing.random_steps,
        per_episode: probing.per_episode,
        pairs: probing.pairs,
        segmentation: trained.segmentation(),
    };
    let counter = Counter::new("episodes", episodes, args.output.quiet);
    let progress = |done| counter.at(done);
    let environment = &mut *trained.environment;
    let found = match &mut behaviour {
        None => eval::probe(None, &mut player(&mut *trained.agent, environment, args), &config, &progress)?,
        Some(other) => {
            let mut player = player(&mut *other.agent, environment, args);
            eval::probe(Some(&*trained.agent), &mut player, &config, &progress)?
        }
    };
    counter.finish();
    let mut fields = json_object(json!(found));
    if let Some(run) = &probing.behaviour {
        fields.insert("behaviour".into(), json!(run));
    }
    finish(args, trained, fields, |_| probe_for_people(&found))
}

fn open(args: &AgentRun) -> Result<TrainedAgent> {
    let weights = match args.random {
        true => Weights::Untrained,
        false => Weights::Checkpoint(args.checkpoint.clone()),
    };
    TrainedAgent::open(&args.run, &weights, &args.device)
}

/// An agent that acts as well as it can, in episodes that training did not have.
fn player<'a>(agent: &'a mut dyn Agent, environment: &'a mut dyn Environment, args: &AgentRun) -> Player<'a> {
    let max_steps = args.max_steps.get();
    Player {
        agent,
        environment,
        acting: Acting::Greedy,
        max_steps,
        random: Random::new(args.seed).named("evaluation"),
    }
}

fn json_object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        other => Map::from_iter([("result".to_owned(), other)]),
    }
}

/// Prints a result, and keeps it in the run.
fn finish(
    args: &AgentRun,
    mut trained: TrainedAgent,
    mut fields: Map<String, Value>,
    for_people: impl FnOnce(&Map<String, Value>) -> String,
) -> Result<ExitCode> {
    fields.insert("seed".into(), json!(args.seed));
    fields.insert("steps".into(), json!(trained.stored.steps));
    fields.insert("run".into(), json!(args.run));
    fields.insert("checkpoint".into(), json!(if args.random { "untrained" } else { &args.checkpoint }));
    // The result itself is worth more than its place in the run, which may be someone else's.
    if !args.random
        && let Err(error) = trained.stored.keep_result(&fields)
    {
        tell(format!("warning: the result is not kept in run.json: {error}"));
    }
    match args.output.json {
        true => print(Value::Object(fields))?,
        false => print(for_people(&fields))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn episodes_for_people(found: &EpisodesResult, fields: &Map<String, Value>) -> String {
    let steps = fields.get("steps").cloned().unwrap_or_default();
    let mut table = Table::new([("return", Align::Left), ("", Align::Left)]);
    let spread = found.deviation.map_or_else(String::new, |deviation| format!(" ± {deviation:.2}"));
    let interval = found.iqm_interval;
    for (what, value) in [
        ("mean", format!("{:.2}{spread}", found.mean_return)),
        ("median", format!("{:.2}", found.median_return)),
        (
            "interquartile mean",
            format!("{:.2} (95 %: {:.2} to {:.2})", found.iqm, interval.low, interval.high),
        ),
        ("least, greatest", format!("{:.2}, {:.2}", found.least, found.greatest)),
        (
            "human-normalised",
            found.human_normalised.map_or_else(String::new, |share| format!("{:.1} %", 100.0 * share)),
        ),
        ("steps of an episode", format!("{:.1}", found.mean_length)),
        ("cut off by --max-steps", if found.cut_off > 0 { found.cut_off.to_string() } else { String::new() }),
        ("video", fields.get("video").and_then(Value::as_str).unwrap_or_default().to_owned()),
    ] {
        if !value.is_empty() {
            table.row([what.to_owned(), value]);
        }
    }
    let head =
        format!("{} episodes in {} after {steps} steps of training\n", found.episodes, found.environment);
    head + &table.render(Terminal::of(&std::io::stdout()))
}

fn probe_for_people(found: &ProbeResult) -> String {
    let mut text = format!(
        "probe of {} episodes in {} ({} steps of them, after up to {} random ones)\nreturn to go from features and action: R² {:.3}\n",
        found.episodes, found.environment, found.transitions, found.random_steps, found.features_r2
    );
    if let Some(r2) = found.phi_r2 {
        text += &format!("return to go from φ(x, a): R² {r2:.3}\n");
    }
    if let Some(accuracy) = found.discriminator_accuracy {
        text += &format!("different returns told apart: {:.1} % (50 % by chance)\n", 100.0 * accuracy);
    }
    if let Some(area) = found.discriminator_area {
        text += &format!("different returns ranked above the same: {:.1} % (50 % by chance)\n", 100.0 * area);
    }
    text
}
