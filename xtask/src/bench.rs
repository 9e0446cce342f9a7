//! `cargo xtask bench`: kernels, views and whole trainings; with `--peers` beside PyTorch's libraries.
//!
//! Machines drift, so what is compared is measured in turns (A B A B …) and given as the ratio of each turn.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{cargo, command, output, run as run_command};
use crate::{Failure, root};

const USAGE: &str = "\
usage: cargo xtask bench [OPTIONS]

  --only PART        kernels, views or training (default: all)
  --data FOLDER      pictures in class folders (default: data/sample)
  --photos FOLDER    photographs in class folders for views of 224 pixels (default: those views are not measured)
  --width SHARE      of ResNet-18's channels while training (default: 0.25)
  --batch-size N     while training (default: 128)
  --rounds N         turns of every measurement (default: 3)
  --peers PYTHON     measure lightly and torchvision in turn with this Python, which has them
";

/// Pictures a second, of two views each.
type Measure<'a> = dyn Fn() -> Result<f64, Failure> + 'a;

struct Options {
    only: Option<String>,
    data: PathBuf,
    photos: Option<PathBuf>,
    width: String,
    batch_size: String,
    rounds: usize,
    peers: Option<String>,
}

/// The task.
pub fn run(arguments: &[String]) -> Result<(), Failure> {
    if arguments.iter().any(|argument| argument == "--help") {
        print!("{USAGE}");
        return Ok(());
    }
    let options = Options::parse(arguments)?;
    let wanted = |part: &str| options.only.as_deref().is_none_or(|only| only == part);
    if wanted("kernels") {
        run_command(cargo().args(["bench", "--workspace", "--bench", "*"]))?;
    }
    if wanted("views") {
        views(&options)?;
    }
    if wanted("training") {
        training(&options)?;
    }
    Ok(())
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Self, Failure> {
        let mut options = Self {
            only: None,
            data: root().join("data/sample"),
            photos: None,
            width: "0.25".into(),
            batch_size: "128".into(),
            rounds: 3,
            peers: None,
        };
        for pair in arguments.chunks(2) {
            let [flag, value] = pair else { return Err(format!("{} needs a value\n\n{USAGE}", pair[0])) };
            let folder = || PathBuf::from(value).canonicalize().map_err(|cause| format!("{value}: {cause}"));
            match flag.as_str() {
                "--only" if ["kernels", "views", "training"].contains(&value.as_str()) => {
                    options.only = Some(value.clone());
                }
                "--data" => options.data = folder()?,
                "--photos" => options.photos = Some(folder()?),
                "--width" => options.width = value.clone(),
                "--batch-size" => options.batch_size = value.clone(),
                "--rounds" => {
                    options.rounds =
                        value.parse().map_err(|_| format!("--rounds {value} is not a number"))?;
                }
                "--peers" => options.peers = Some(value.clone()),
                _ => return Err(format!("`{flag} {value}` is not understood\n\n{USAGE}")),
            }
        }
        Ok(options)
    }

    /// A peer's script, which prints its pictures a second on the last line.
    fn peer(&self, script: &str, arguments: &[&str]) -> Option<Command> {
        let mut peer = command(self.peers.as_ref()?);
        peer.arg(root().join("xtask/peers").join(script)).args(arguments);
        Some(peer)
    }
}

/// Pairs of views a second out of JPEG files, with one thread or process a core.
fn views(options: &Options) -> Result<(), Failure> {
    let arguments =
        ["build", "--release", "--quiet", "--package", "selfsame-image", "--example", "view_throughput"];
    run_command(cargo().args(arguments))?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from).to_string();
    let mut cases = vec![(&options.data, "32", "simclr-cifar")];
    cases.extend(options.photos.as_ref().map(|photos| (photos, "224", "simclr")));
    for (folder, side, recipe) in cases {
        let folder = folder.to_string_lossy();
        let arguments = [folder.as_ref(), side, recipe, &cores];
        let ours = || {
            let example = root().join(target()).join("release/examples/view_throughput");
            last_number(&output(command(example).args(arguments))?)
        };
        let script = if side == "32" { "lightly_views.py" } else { "torchvision_views.py" };
        let peer = || {
            options
                .peer(script, &arguments)
                .map_or(Err(String::new()), |mut it| last_number(&output(&mut it)?))
        };
        let name = format!("views of {side} pixels, recipe {recipe}, {cores} threads");
        compare(&name, options, &ours, script, &peer)?;
    }
    Ok(())
}

/// Pictures a second of whole SimCLR trainings: reading, views, forward, backward and optimiser.
fn training(options: &Options) -> Result<(), Failure> {
    run_command(cargo().args(["build", "--release", "--quiet", "--package", "selfsame"]))?;
    let (folder, out) = (options.data.to_string_lossy(), root().join("target/bench-run"));
    let ours = || {
        let mut program = command(root().join(target()).join("release/selfsame"));
        program.args(["pretrain", "simclr", "--quiet", "--overwrite", "--data", &folder, "--out"]).arg(&out);
        program.args([
            "--epochs",
            "2",
            "--image-size",
            "32",
            "--backbone",
            "resnet18",
            "--width",
            &options.width,
        ]);
        program.args(["--batch-size", &options.batch_size]);
        // One record an epoch.
        program.args(["--set", "run.measure_every=0", "--set", "run.log_every=1000000"]);
        output(&mut program)?;
        speed(&read(&out.join("metrics.jsonl"))?).ok_or_else(|| "metrics.jsonl has no speed".into())
    };
    let arguments = [folder.as_ref(), &options.batch_size, &options.width];
    let peer = || {
        options
            .peer("lightly_training.py", &arguments)
            .map_or(Err(String::new()), |mut it| last_number(&output(&mut it)?))
    };
    let name = format!("SimCLR, ResNet-18 width {}, 32 pixels, batch {}", options.width, options.batch_size);
    compare(&name, options, &ours, "lightly_training.py", &peer)?;
    let record = read(&out.join("run.json"))?;
    if let Some(seconds) = number(&record, "first_step_seconds") {
        println!("  first step {seconds} s after the start");
    }
    if let Some(memory) = number(&record, "peak_memory_mb") {
        println!("  at most {memory} MB of memory");
    }
    Ok(())
}

fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|cause| format!("{}: {cause}", path.display()))
}

/// Measures in turns and prints every turn, and the ratios where there is a peer.
fn compare(
    name: &str,
    options: &Options,
    ours: &Measure<'_>,
    script: &str,
    peer: &Measure<'_>,
) -> Result<(), Failure> {
    println!("\n{name}: pictures a second, two views each");
    let mut ratios = Vec::new();
    for round in 1..=options.rounds {
        let own = ours()?;
        print!("  turn {round}: selfsame {own:.1}");
        if options.peers.is_some() {
            let other = peer()?;
            ratios.push(own / other);
            print!(", {script} {other:.1}, ratio {:.2}", own / other);
        }
        println!();
    }
    ratios.sort_by(f64::total_cmp);
    if let (Some(least), Some(most)) = (ratios.first(), ratios.last()) {
        println!("  ratio: median {:.2}, from {least:.2} to {most:.2}", ratios[ratios.len() / 2]);
    }
    Ok(())
}

/// The number at the end of a program's output.
fn last_number(text: &str) -> Result<f64, Failure> {
    let last = text.split_whitespace().last().and_then(|word| word.parse().ok());
    last.ok_or_else(|| format!("no number at the end of: {text}"))
}

/// The speed of a whole run out of its `metrics.jsonl`: the harmonic mean of the records' `images_per_second`, since each
/// record stands for equally many steps. The first one is left out: it holds the start.
fn speed(metrics: &str) -> Option<f64> {
    let records = metrics.lines().filter(|line| line.contains("\"kind\":\"step\"")).skip(1);
    let rates: Vec<f64> = records.filter_map(|line| number(line, "images_per_second")).collect();
    let seconds: f64 = rates.iter().map(|rate| 1.0 / rate).sum();
    (!rates.is_empty()).then(|| rates.len() as f64 / seconds)
}

/// The first number of this name in a text of JSON.
fn number(json: &str, name: &str) -> Option<f64> {
    json.split_once(&format!("\"{name}\":"))?.1.split([',', '}']).next()?.trim().parse().ok()
}

/// Cargo's folder for what it builds.
fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or("target".into(), PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_speed_of_a_run_is_that_of_its_time() {
        let metrics = "{\"kind\":\"step\",\"images_per_second\":1.0}\n\
            {\"kind\":\"step\",\"step\":20,\"images_per_second\":20.0,\"data_wait\":0.1}\n\
            {\"kind\":\"epoch\",\"loss\":4.0}\n\
            {\"kind\":\"step\",\"step\":30,\"images_per_second\":60.0}\n";
        assert_eq!(speed(metrics), Some(30.0));
        assert_eq!(speed(""), None);
        let record = "{\n  \"results\": {\n    \"steps\": 8,\n    \"peak_memory_mb\": 212.5\n  }\n}\n";
        assert_eq!((number(record, "steps"), number(record, "peak_memory_mb")), (Some(8.0), Some(212.5)));
    }

    #[test]
    fn a_programs_last_number_is_its_result() {
        assert_eq!(last_number("warming up 3\nimages/s 812.5\n"), Ok(812.5));
        assert!(last_number("nothing").is_err());
    }
}
