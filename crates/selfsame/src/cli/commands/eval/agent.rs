//! Protocols for agents: `selfsame eval episodes` and `selfsame eval probe`.

use std::path::Path;
use std::process::ExitCode;

use selfsame_control::eval::{
    self, Episodes, EpisodesResult, Player, Policy, ProbeConfig, ProbeResult, Video,
};
use selfsame_control::method::Acting;
use selfsame_control::trained::TrainedAgent;
use selfsame_core::pretrain::Weights;
use selfsame_core::{Error, Random, Result};
use serde_json::{Map, Value, json};

use crate::cli::args::AgentRun;
use crate::cli::output::{print, refuse_existing, tell};
use crate::cli::progress::Counter;
use crate::cli::table::{Align, Table};
use crate::cli::terminal::Terminal;

/// Held-out transitions that pairs are drawn from, at most.
const HELD_OUT: usize = 20_000;
/// Episodes whose returns are averaged, where nobody says how many.
const EPISODES: usize = 10;
/// Episodes that a probe learns from and tells.
const PROBE_EPISODES: usize = 500;

/// `selfsame eval episodes`
pub fn episodes(args: &AgentRun, video: Option<&Path>, frames: usize, overwrite: bool) -> Result<ExitCode> {
    if let Some(file) = video {
        check_video(file, overwrite)?;
    }
    let count = args.episodes.unwrap_or(EPISODES);
    let mut trained = open(args)?;
    let mut pictures = Video::new(frames);
    let counter = Counter::new("episodes", count, args.output.quiet);
    let greedy = Policy { acting: Acting::Greedy, random_share: 0.0 };
    let found = eval::episodes(
        &mut player(&mut trained, greedy, args),
        Episodes { count, video: video.map(|_| &mut pictures), progress: &|done| counter.at(done) },
    )?;
    counter.finish();
    let mut fields = json_object(json!(found));
    if let Some(file) = video {
        pictures.save(file)?;
        fields.insert("video".into(), json!(file));
    }
    finish(args, trained, fields, |fields| episodes_for_people(&found, fields))
}

/// `selfsame eval probe`
pub fn probe(args: &AgentRun, random_share: f32, pairs: usize) -> Result<ExitCode> {
    if !(0.0..=1.0).contains(&random_share) {
        return Err(Error::config(
            format!("--random-share is {random_share}"),
            "it is a share of steps, from 0 to 1",
        ));
    }
    let episodes = args.episodes.unwrap_or(PROBE_EPISODES);
    let mut trained = open(args)?;
    let config = ProbeConfig { episodes, pairs, held_out: trained.probing(HELD_OUT)? };
    let counter = Counter::new("episodes", episodes, args.output.quiet);
    let policy = Policy { acting: Acting::Greedy, random_share };
    let found = eval::probe(&mut player(&mut trained, policy, args), config, &|done| counter.at(done))?;
    counter.finish();
    finish(args, trained, json_object(json!(found)), |_| probe_for_people(&found))
}

fn open(args: &AgentRun) -> Result<TrainedAgent> {
    let weights = match args.random {
        true => Weights::Untrained,
        false => Weights::Checkpoint(args.checkpoint.clone()),
    };
    TrainedAgent::open(&args.run, &weights, &args.device)
}

fn player<'a>(trained: &'a mut TrainedAgent, policy: Policy, args: &AgentRun) -> Player<'a> {
    Player {
        agent: &mut *trained.agent,
        environment: &mut *trained.environment,
        policy,
        random: Random::new(args.seed).named("evaluation"),
    }
}

/// The picture must be possible before minutes are spent on its episodes.
fn check_video(file: &Path, overwrite: bool) -> Result<()> {
    if !file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gif")) {
        return Err(Error::config(
            format!("--video {}: moving pictures are written as GIF", file.display()),
            "give the file a name that ends in .gif",
        ));
    }
    refuse_existing(file, overwrite)
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
    fields.insert("steps".into(), json!(trained.steps));
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
        "probe of {} episodes in {} ({} steps)\nreturn to go from features and action: R² {:.3}\n",
        found.episodes, found.environment, found.transitions, found.features_r2
    );
    if let Some(r2) = found.phi_r2 {
        text += &format!("return to go from φ(x, a): R² {r2:.3}\n");
    }
    if let Some(accuracy) = found.discriminator_accuracy {
        text += &format!("segments told apart: {:.1} % (50 % by chance)\n", 100.0 * accuracy);
    }
    text
}
