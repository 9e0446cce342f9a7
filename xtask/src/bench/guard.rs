//! Compares what is measured with what was recorded on this kind of machine, and records it if that is asked for.

use std::path::PathBuf;

use super::compare::Ratio;
use super::machine::Machine;
use super::options::Options;
use super::ratios::{self, Recorded};
use crate::Failure;
use crate::process::output;

/// The recorded ratios, and what is to be done with the new ones.
pub struct Guard {
    machine: Machine,
    /// What is compared with.
    against: PathBuf,
    recorded: Vec<Recorded>,
    tolerance: f64,
    /// Where new ratios go, with their day and the peers' versions.
    record: Option<(PathBuf, String)>,
}

impl Guard {
    pub fn new(options: &Options) -> Result<Self, Failure> {
        let machine = Machine::this();
        let file = ratios::file(&machine);
        let against = options.against.as_ref().unwrap_or(&file).clone();
        let recorded = if against.exists() { ratios::read(&against)? } else { Vec::new() };
        let record = match options.peer("versions.py", &[]) {
            Some(mut versions) if options.record => Some((file, output(&mut versions)?.trim().to_owned())),
            _ => None,
        };
        Ok(Self { machine, against, recorded, tolerance: options.tolerance, record })
    }

    /// The rows that have fallen, in words; records all. Every part at once, because a later one may fail.
    pub fn check(&self, ratios: Vec<Ratio>) -> Result<Vec<String>, Failure> {
        let fallen = ratios::fallen(&self.recorded, &ratios, self.tolerance);
        if let Some((file, measured)) = &self.record {
            let new = ratios.into_iter().map(|ratio| Recorded { ratio, measured: measured.clone() });
            ratios::write(file, &self.machine, new.collect())?;
        }
        Ok(fallen)
    }

    /// Says how it went. Rows that have fallen are a failure, but not if the new ratios were recorded in their place.
    pub fn conclude(&self, fallen: &[String]) -> Result<(), Failure> {
        println!("\n{}", self.machine.title());
        let list = format!("worse than in {}:\n  {}", self.against.display(), fallen.join("\n  "));
        match &self.record {
            Some((file, _)) => {
                if !fallen.is_empty() {
                    println!("{list}");
                }
                println!("recorded in {}", file.display());
                Ok(())
            }
            None if fallen.is_empty() => {
                if !self.recorded.is_empty() {
                    println!("nothing is worse than in {}", self.against.display());
                }
                Ok(())
            }
            None => Err(list),
        }
    }
}
