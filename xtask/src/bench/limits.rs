//! What this machine can do at most, and how close the kernels come (the roofline of Williams, Waterman and Patterson 2009).

use super::compare::{median, numbers};
use super::graphs::GOWALLA;
use super::machine::Machine;
use super::networks::{CONVOLUTIONS, VIDEO_CONVOLUTIONS};
use super::options::Options;
use super::release;
use crate::Failure;
use crate::process::command;

/// Batch, side, channels: the largest and the smallest maps of ResNet-18 of width 0.25 and 1, then of ResNet-50 at 224 pixels.
const MAPS: [&str; 8] =
    ["128,32,16", "128,4,128", "32,32,64", "32,4,512", "8,112,64", "8,56,256", "8,14,1024", "8,7,2048"];

/// Prints tables in Markdown, as the book has them.
pub fn limits(options: &Options) -> Result<(), Failure> {
    // The best of all turns: a limit is no average.
    let best = |turns: &mut [f64]| turns.iter().copied().fold(0.0, f64::max);
    let machine = measure(options, "machine_limits", &[], 4, best)?;
    let [multiply_adds, read, copy, triad] = machine[..] else { return Err("not four limits".into()) };
    println!("\nlimits of {}; best, else median, of {} turns\n", Machine::this().title(), options.rounds);
    println!("multiply-adds without memory: {multiply_adds:.0} · 10⁹ operations a second");
    println!("memory: read {read:.1}, copy {copy:.1}, triad {triad:.1} · 10⁹ bytes a second\n");
    println!(
        "Operations are counted as for direct sums: Winograd's filtering needs fewer and may pass the limit.\n"
    );

    let kinds: [(&str, &[&str]); 2] = [
        ("batch, side, channels, outputs, kernel, stride", &CONVOLUTIONS),
        (
            "batch, frames, side, channels, outputs, kernel's frames and side, strides of both",
            &VIDEO_CONVOLUTIONS,
        ),
    ];
    for (title, shapes) in kinds {
        println!("| {title} | forward | share | both ways | share |\n|---|--:|--:|--:|--:|");
        let rates = measure(options, "convolution_throughput", shapes, 2, median)?;
        for (shape, rates) in shapes.iter().zip(rates.chunks_exact(2)) {
            println!("{}", table_row(shape, rates, multiply_adds));
        }
        println!();
    }

    println!(
        "| batch, side, channels | ReLU, forward | share | both ways | share | shortcut and ReLU, forward | share | both ways | share |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|--:|--:|");
    let memory = read.max(copy).max(triad);
    let rates = measure(options, "batch_norm_throughput", &MAPS, 4, median)?;
    for (shape, rates) in MAPS.iter().zip(rates.chunks_exact(4)) {
        println!("{}", table_row(shape, rates, memory));
    }
    graphs(options, multiply_adds, memory)
}

/// The operations of graph methods, at a batch of 2048.
fn graphs(options: &Options, multiply_adds: f64, memory: f64) -> Result<(), Failure> {
    let source = options.interactions.as_ref().map(|folder| folder.join("train.txt"));
    let source = source.map_or_else(|| GOWALLA.into(), |file| file.to_string_lossy().into_owned());
    let mut turns = vec![Vec::new(); 9];
    for _ in 0..options.rounds {
        let found = numbers(command(release().join("examples/graph_throughput")).arg(&source))?;
        if found.len() != turns.len() {
            return Err(format!("graph_throughput: {} numbers instead of {}", found.len(), turns.len()));
        }
        turns.iter_mut().zip(found).for_each(|(turns, number)| turns.push(number));
    }
    let rates: Vec<f64> = turns.iter_mut().map(|turns| median(turns)).collect();
    println!(
        "\n| graph of {source}, batch 2048; propagation and Adam 10⁹ bytes, InfoNCE 10⁹ operations a second | forward | share | both ways | share |"
    );
    println!("|---|--:|--:|--:|--:|");
    let rows = [
        ("propagation over 3 layers to all nodes", memory),
        ("propagation to the nodes of a batch", memory),
        ("InfoNCE over all users", multiply_adds),
        ("InfoNCE over all items", multiply_adds),
    ];
    for ((name, limit), rates) in rows.iter().zip(rates.chunks(2)) {
        println!("{}", table_row(name, rates, *limit));
    }
    println!("{}", table_row("Adam", &rates[8..], memory));
    Ok(())
}

/// What an example prints, so many numbers for each of its arguments (or for none), `of` all turns.
fn measure(
    options: &Options,
    example: &str,
    arguments: &[&str],
    each: usize,
    of: fn(&mut [f64]) -> f64,
) -> Result<Vec<f64>, Failure> {
    let count = each * arguments.len().max(1);
    let mut turns = vec![Vec::new(); count];
    for _ in 0..options.rounds {
        let mut program = command(release().join("examples").join(example));
        let found = numbers(program.args(arguments))?;
        if found.len() != count {
            return Err(format!("{example}: {} numbers instead of {count}", found.len()));
        }
        turns.iter_mut().zip(found).for_each(|(turns, number)| turns.push(number));
    }
    Ok(turns.iter_mut().map(|turns| of(turns)).collect())
}

/// A shape, and every rate with its share of the limit.
fn table_row(shape: &str, rates: &[f64], limit: f64) -> String {
    let cells = rates.iter().map(|rate| format!(" {rate:.1} | {:.0} % |", 100.0 * rate / limit));
    format!("| {} |{}", shape.replace(',', ", "), cells.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::table_row;

    #[test]
    fn every_rate_has_its_share() {
        let row = table_row("8,56,64", &[150.0, 30.5], 200.0);
        assert_eq!(row, "| 8, 56, 64 | 150.0 | 75 % | 30.5 | 15 % |");
    }
}
