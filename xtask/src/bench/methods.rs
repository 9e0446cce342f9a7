//! What the steps of methods cost, one beside the other.

use super::compare::numbers;
use super::{Options, release};
use crate::Failure;
use crate::process::{command, output};

/// Methods whose steps are measured in turns; the ratios are to the first one.
const TURNS: [&str; 2] = ["moco-v2,mochi,densecl", "simclr,byol,scrl,simsiam,mixsiam,w-mse"];

/// Seconds of each measurement.
const SECONDS: &str = "40";

/// Steps of methods at the size of the experiments, and the share of W-MSE's that its loss takes.
pub fn methods(options: &Options) -> Result<(), Failure> {
    let batch = "128";
    println!(
        "\nsteps of methods (ResNet-18 width {}, batch {batch}, 32 pixels), and their ratio to the first's",
        options.width
    );
    let mut w_mse = f64::NAN;
    for turn in TURNS {
        let mut example = command(release().join("examples/method_throughput"));
        let text = output(example.args([turn, &options.width, batch, "32", SECONDS]))?;
        print!("{text}");
        w_mse = milliseconds(&text, "w-mse").unwrap_or(w_mse);
    }
    let mut loss = command(release().join("examples/whitening_time"));
    let loss = numbers(loss.args(["2", batch, "32", batch]))?;
    let loss = loss.first().ok_or("whitening_time printed nothing")?;
    println!("w-mse's loss with its gradient {loss:.2} ms, {:.1} % of the step", 100.0 * loss / w_mse);
    Ok(())
}

/// The milliseconds in a method's line.
fn milliseconds(text: &str, method: &str) -> Option<f64> {
    let mut words = text
        .lines()
        .map(str::split_whitespace)
        .find_map(|mut words| (words.next()? == method).then_some(words))?;
    words.next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::milliseconds;

    #[test]
    fn a_methods_time_is_found_in_its_line() {
        let text = "simclr        300.10 ms   1.000\nw-mse         250.50 ms   0.835\n";
        assert_eq!(milliseconds(text, "w-mse"), Some(250.5));
        assert_eq!(milliseconds(text, "byol"), None);
    }
}
