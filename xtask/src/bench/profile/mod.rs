//! `cargo xtask bench --only profile`: what the time of a training step is spent on, by Linux's `perf`.

mod categories;
mod samples;

use super::picture;
use crate::process::{cargo, command, exists, output, run as run_command};
use crate::svg::keep;
use crate::{Failure, root};
use categories::{CATEGORIES, Shares, shares};

/// Depth, stem, width, batch, side, and how the picture calls it.
const CASES: [([&str; 5], &str); 3] = [
    (["resnet50", "imagenet", "1", "8", "224"], "ResNet-50, 224 px, batch 8"),
    (["resnet18", "cifar", "1", "32", "32"], "ResNet-18, 32 px, batch 32"),
    (["resnet18", "cifar", "0.25", "128", "32"], "width 0.25, batch 128"),
];

/// Samples a second of each core; no round number, which might beat in time with something else.
const RATE: f64 = 499.0;

/// Builds a program with readable names and frame pointers, records its steps, prints shares as a table in Markdown and draws them
/// for the book.
pub fn profile() -> Result<(), Failure> {
    if !exists("perf") {
        return Err("perf is not there; Debian and Ubuntu have it in the package `linux-perf` or `linux-tools-generic`".into());
    }
    let target = root().join("target/profile");
    // A target folder of its own, or these flags would have everything else built again.
    let flags = "-C symbol-mangling-version=v0 -C force-frame-pointers=yes";
    let mut build = cargo();
    build.args(["build", "--release", "--package", "selfsame-image", "--example", "step_throughput"]);
    run_command(build.env("CARGO_TARGET_DIR", &target).env("RUSTFLAGS", flags))?;

    let program = target.join("release/examples/step_throughput");
    let data = target.join("perf.data");
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut columns = Vec::new();
    for (arguments, name) in CASES {
        let mut record = command("perf");
        // Switches too: they tell what the first thread waits for while others work for it. From a time on when the first step is over.
        record.args([
            "record",
            "-g",
            "-e",
            &format!("cpu-clock/freq={RATE}/"),
            "-e",
            "context-switches/period=1/",
        ]);
        record.args(["--delay", "2000", "--output"]).arg(&data).arg("--").arg(&program).args(arguments);
        let printed = output(&mut record)?;
        let mut script = command("perf");
        script.args(["script", "--no-demangle", "-F", "pid,tid,time,event,ip,sym", "--input"]).arg(&data);
        let Shares { of_time, threads } = shares(&samples::parse(&output(&mut script)?), RATE);
        let printed = printed.trim();
        println!("{name}: {printed} (images a second, MB at most), {threads:.2} of {cores} cores in use");
        columns.push(of_time);
    }

    let names = CASES.map(|(_, name)| name);
    println!("\n| share of the time that threads ran | {} |", names.join(" | "));
    println!("|---|{}", "--:|".repeat(names.len()));
    for (at, row) in CATEGORIES.iter().enumerate() {
        let cells = columns.iter().map(|shares| format!(" {:.1} % |", 100.0 * shares[at]));
        println!("| {row} |{}", cells.collect::<String>());
    }
    keep("step-profile.svg", &picture::draw(&names, &CATEGORIES, &columns, picture::percent))
}
