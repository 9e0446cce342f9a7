//! Whole SimCLR trainings: reading, views, forward, backward and optimiser.

use std::path::Path;

use super::{Case, Options, Ratio, Row, release};
use crate::process::{command, output};
use crate::{Failure, root};

/// `selfsame pretrain` beside lightly.
pub fn training(options: &Options) -> Result<Vec<Ratio>, Failure> {
    let (folder, out) = (options.data.to_string_lossy(), root().join("target/bench-run"));
    let ours = || {
        let mut program = command(release().join("selfsame"));
        program.args(["pretrain", "simclr", "--quiet", "--overwrite", "--data", &folder, "--out"]).arg(&out);
        program.args(["--epochs", "4", "--image-size", "32", "--backbone", "resnet18"]);
        program.args(["--width", &options.width, "--batch-size", &options.batch_size]);
        // One record an epoch.
        program.args(["--set", "run.measure_every=0", "--set", "run.log_every=1000000"]);
        output(&mut program)?;
        let speed = speed(&read(&out.join("metrics.jsonl"))?).ok_or("metrics.jsonl has no speed")?;
        Ok(vec![speed])
    };
    let arguments = [folder.as_ref(), &options.batch_size, &options.width];
    let name = format!("ResNet-18 width {}, 32 pixels, batch {}", options.width, options.batch_size);
    let rows = [Row::rate(name)];
    let case = Case { title: "SimCLR", unit: "pictures a second, two views each", rows: &rows };
    let ratios = options.compare_with("lightly_training.py", &arguments, case, &ours)?;
    let record = read(&out.join("run.json"))?;
    if let Some(seconds) = number(&record, "first_step_seconds") {
        println!("  first step {seconds} s after the start");
    }
    if let Some(memory) = number(&record, "peak_memory_mb") {
        println!("  at most {memory} MB of memory");
    }
    Ok(ratios)
}

fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|cause| format!("{}: {cause}", path.display()))
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
}
