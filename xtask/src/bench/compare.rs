//! Measuring two programs in turn.

use std::process::Command;

use crate::Failure;
use crate::process::output;

/// What is measured: one or more rates.
pub struct Case<'a> {
    pub title: &'a str,
    pub unit: &'a str,
    /// A name for each number that the programs print.
    pub rows: &'a [String],
}

impl Case<'_> {
    /// Prints the medians of all turns and, where there is a peer, the median and range of the turns' ratios.
    pub fn compare(
        &self,
        rounds: usize,
        ours: &dyn Fn() -> Result<Vec<f64>, Failure>,
        script: &str,
        peer: &dyn Fn() -> Result<Option<Vec<f64>>, Failure>,
    ) -> Result<(), Failure> {
        let (mut own, mut others, mut ratios) = (self.columns(), self.columns(), self.columns());
        for _ in 0..rounds {
            let measured = self.checked(ours()?)?;
            let other = peer()?.map(|numbers| self.checked(numbers)).transpose()?;
            for (row, &value) in measured.iter().enumerate() {
                own[row].push(value);
                if let Some(other) = &other {
                    others[row].push(other[row]);
                    ratios[row].push(value / other[row]);
                }
            }
        }
        println!("\n{}: {}, median of {rounds} turns", self.title, self.unit);
        let width = self.rows.iter().map(String::len).max().unwrap_or(0);
        for (row, name) in self.rows.iter().enumerate() {
            print!("  {name:width$}  selfsame {:8.1}", median(&mut own[row]));
            if !ratios[row].is_empty() {
                let (ratio, least, most) =
                    (median(&mut ratios[row]), ratios[row][0], ratios[row][rounds - 1]);
                print!(
                    "  {script} {:8.1}  ratio {ratio:.2} ({least:.2} to {most:.2})",
                    median(&mut others[row])
                );
            }
            println!();
        }
        Ok(())
    }

    fn columns(&self) -> Vec<Vec<f64>> {
        vec![Vec::new(); self.rows.len()]
    }

    fn checked(&self, numbers: Vec<f64>) -> Result<Vec<f64>, Failure> {
        if numbers.len() == self.rows.len() {
            return Ok(numbers);
        }
        Err(format!("{}: {} numbers instead of {}", self.title, numbers.len(), self.rows.len()))
    }
}

/// The middle one, after sorting.
fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// All numbers that a program prints.
pub fn numbers(program: &mut Command) -> Result<Vec<f64>, Failure> {
    let text = output(program)?;
    let numbers: Result<Vec<f64>, _> = text.split_whitespace().map(str::parse).collect();
    numbers.map_err(|_| format!("these are not numbers: {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_of_the_sorted() {
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), 2.0);
        assert!(median(&mut []).is_nan());
    }

    #[test]
    fn a_program_must_print_a_number_for_every_row() {
        let rows = ["forward".to_owned(), "backward".to_owned()];
        let case = Case { title: "convolutions", unit: "GFLOP/s", rows: &rows };
        assert!(case.compare(1, &|| Ok(vec![1.0, 2.0]), "", &|| Ok(None)).is_ok());
        assert!(case.compare(1, &|| Ok(vec![1.0]), "", &|| Ok(None)).is_err());
        assert!(case.compare(1, &|| Ok(vec![1.0, 2.0]), "", &|| Ok(Some(vec![]))).is_err());
    }
}
