//! Kinds of data, and the methods that learn from each.

use toml::{Table, Value};

use super::Prepared;
use super::settings::{Preset, parse};
use crate::settings::{Resolved, unknown_name};
use crate::train::Yardstick;
use crate::{Error, Result};

/// A kind of data that is learned from.
pub struct Modality {
    /// What is learned from, in a word: `images`, `interactions`.
    pub data: &'static str,
    /// What instances are called: `images`, `pairs`.
    pub instances: &'static str,
    /// The settings that all its methods have, as TOML.
    pub defaults: &'static str,
    /// The settings that name a file or a folder, by section and key.
    pub paths: &'static [(&'static str, &'static str)],
    /// What is measured while training.
    pub yardstick: Yardstick,
    /// Whether the data of a run holds what an evaluation asks about, so that it needs no other.
    pub holds_out: bool,
    /// Commands that a finished run is for, `RUN` being its folder.
    pub next: &'static [&'static str],
    /// Its methods, in the order in which they are listed.
    pub methods: fn() -> Vec<About>,
    /// Makes a training ready to begin.
    pub prepare: fn(Resolved) -> Result<Prepared>,
}

/// What there is to say of a method, whatever it learns from.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// As typed on the command line.
    pub name: &'static str,
    /// As the paper writes it.
    pub title: &'static str,
    /// Authors, venue, arXiv number.
    pub paper: &'static str,
    /// In one line, when to use it.
    pub summary: &'static str,
    /// Settings that work on small data and in a short time, as TOML; they go over the general defaults.
    pub small: &'static str,
    /// The paper's own settings, as TOML; they go over `small` with `--preset paper`.
    pub paper_settings: &'static str,
}

impl Modality {
    /// What the settings of a method start from.
    ///
    /// # Errors
    /// Never with the tables that are compiled in.
    pub fn defaults(&self, method: &About, preset: Preset) -> Result<Table> {
        let mut table = parse(self.defaults)?;
        merge(&mut table, parse(method.small)?);
        if preset == Preset::Paper {
            merge(&mut table, parse(method.paper_settings)?);
        }
        if let Some(Value::Table(section)) = table.get_mut("method") {
            section.insert("name".into(), Value::String(method.name.into()));
        }
        Ok(table)
    }
}

/// The method of this name, and what it learns from.
///
/// # Errors
/// Unknown names, with the closest known one.
pub fn method_by_name(name: &str, modalities: &[&'static Modality]) -> Result<(&'static Modality, About)> {
    let all = || {
        modalities.iter().flat_map(|&modality| (modality.methods)().into_iter().map(move |it| (modality, it)))
    };
    all().find(|(_, about)| about.name == name).ok_or_else(|| {
        let names: Vec<&str> = all().map(|(_, about)| about.name).collect();
        unknown_name("method", name, &names)
    })
}

fn merge(base: &mut Table, over: Table) {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(Value::Table(base)), Value::Table(over)) => merge(base, over),
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}

/// An error about what a run has kept, of which nothing was typed now: the run is of another version, or damaged.
pub(super) fn kept_wrongly(path: &std::path::Path, error: Error) -> Error {
    match error {
        Error::Config { what, help } => Error::data(path, what, help),
        other => other,
    }
}
