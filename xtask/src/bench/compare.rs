//! Measuring two programs in turn.

use std::process::Command;

use crate::Failure;
use crate::process::output;

/// What is measured: one or more numbers that a program prints.
pub struct Case<'a> {
    pub title: &'a str,
    pub unit: &'a str,
    pub rows: &'a [Row],
}

/// One of the numbers.
pub struct Row {
    pub name: String,
    better: Better,
}

#[derive(Clone, Copy)]
enum Better {
    More,
    Less,
}

impl Row {
    /// A number of which more is better.
    pub fn rate(name: impl Into<String>) -> Self {
        Self { name: name.into(), better: Better::More }
    }

    /// A number of which less is better.
    pub fn cost(name: impl Into<String>) -> Self {
        Self { name: name.into(), better: Better::Less }
    }

    /// Above 1 if `own` is better than `other`.
    fn ratio(&self, own: f64, other: f64) -> f64 {
        match self.better {
            Better::More => own / other,
            Better::Less => other / own,
        }
    }
}

/// How we compare with a peer in one row of a case. Above 1 we are better.
#[derive(Clone, Debug, PartialEq)]
pub struct Ratio {
    pub title: String,
    pub unit: String,
    pub row: String,
    /// Medians of the turns.
    pub own: f64,
    pub peer: f64,
    /// Median and range of the turns' ratios.
    pub median: f64,
    pub least: f64,
    pub most: f64,
    pub turns: usize,
}

impl Case<'_> {
    /// Prints the medians of all turns and, where there is a peer, the median and range of the turns' ratios, which it returns.
    pub fn compare(
        &self,
        rounds: usize,
        ours: &dyn Fn() -> Result<Vec<f64>, Failure>,
        script: &str,
        peer: &dyn Fn() -> Result<Option<Vec<f64>>, Failure>,
    ) -> Result<Vec<Ratio>, Failure> {
        let (mut own, mut others, mut ratios) = (self.columns(), self.columns(), self.columns());
        for _ in 0..rounds {
            let measured = self.checked(ours()?)?;
            let other = peer()?.map(|numbers| self.checked(numbers)).transpose()?;
            for (at, &value) in measured.iter().enumerate() {
                own[at].push(value);
                if let Some(other) = &other {
                    others[at].push(other[at]);
                    ratios[at].push(self.rows[at].ratio(value, other[at]));
                }
            }
        }
        println!("\n{}: {}, median of {rounds} turns", self.title, self.unit);
        let width = self.rows.iter().map(|row| row.name.len()).max().unwrap_or(0);
        let mut compared = Vec::new();
        for (at, row) in self.rows.iter().enumerate() {
            let own = median(&mut own[at]);
            print!("  {:width$}  selfsame {own:8.1}", row.name);
            if !ratios[at].is_empty() {
                let (peer, ratio) = (median(&mut others[at]), median(&mut ratios[at]));
                let (least, most) = (ratios[at][0], ratios[at][rounds - 1]);
                print!("  {script} {peer:8.1}  ratio {ratio:.2} ({least:.2} to {most:.2})");
                compared.push(Ratio {
                    title: self.title.into(),
                    unit: self.unit.into(),
                    row: row.name.clone(),
                    own,
                    peer,
                    median: ratio,
                    least,
                    most,
                    turns: rounds,
                });
            }
            println!();
        }
        Ok(compared)
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
pub fn median(values: &mut [f64]) -> f64 {
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
#[allow(clippy::unwrap_used)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn the_median_is_the_middle_of_the_sorted() {
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), 2.0);
        assert!(median(&mut []).is_nan());
    }

    #[test]
    fn a_program_must_print_a_number_for_every_row() {
        let rows = ["forward", "backward"].map(Row::rate);
        let case = Case { title: "convolutions", unit: "GFLOP/s", rows: &rows };
        assert!(case.compare(1, &|| Ok(vec![1.0, 2.0]), "", &|| Ok(None)).unwrap().is_empty());
        assert!(case.compare(1, &|| Ok(vec![1.0]), "", &|| Ok(None)).is_err());
        assert!(case.compare(1, &|| Ok(vec![1.0, 2.0]), "", &|| Ok(Some(vec![]))).is_err());
    }

    #[test]
    fn every_turn_has_its_ratio_and_above_1_is_better() {
        let rows = [Row::rate("images a second"), Row::cost("memory")];
        let case = Case { title: "step", unit: "both", rows: &rows };
        let turn = Cell::new(0.0);
        let ours = || {
            turn.set(turn.get() + 1.0);
            Ok(vec![60.0 * turn.get(), 200.0])
        };
        let compared = case.compare(3, &ours, "torch", &|| Ok(Some(vec![30.0, 100.0 * turn.get()]))).unwrap();
        let [rate, memory] = compared.as_slice() else { unreachable!("two rows") };
        assert_eq!((rate.own, rate.peer, rate.turns), (120.0, 30.0, 3));
        assert_eq!((rate.median, rate.least, rate.most), (4.0, 2.0, 6.0));
        assert_eq!((memory.median, memory.least, memory.most), (1.0, 0.5, 1.5));
    }
}
