//! Results of several runs over the values of a setting.

use selfsame_core::{Error, Result};

use super::Comparison;
use super::curves::{Curve, Curves};
use super::summary::Summary;

impl Curves {
    /// What was evaluated, over the values of a setting: a curve for all runs that differ by it and by seed alone.
    ///
    /// # Errors
    /// When a run has no such setting or it is no number, when no evaluation was made in all runs, or when `measure` is not one that was.
    pub fn over_setting(comparison: &Comparison, setting: &str, measure: Option<&str>) -> Result<Self> {
        let measure = common_measure(comparison, measure)?;
        let mut all: Vec<Alike> = Vec::new();
        for run in &comparison.runs {
            let (value, others) = without(run, setting)?;
            let Some((_, worth)) = run.results().find(|(name, _)| *name == measure) else { continue };
            match all.iter_mut().find(|alike| alike.is_of(run, &others)) {
                Some(alike) => alike.points.push((value, worth)),
                None => all.push(Alike { first: run, others, points: vec![(value, worth)] }),
            }
        }
        let name = |run: &Summary| match all.iter().filter(|alike| alike.first.method == run.method).count() {
            1 => run.method.clone(),
            _ => format!("{}: {}", run.method, run.run.display()),
        };
        let curves = all.iter().map(|alike| Curve::by_value(name(alike.first), &alike.points)).collect();
        Ok(Self { over: setting.into(), measure: Some(measure.into()), curves })
    }
}

/// Runs that differ by a setting and by seed alone.
struct Alike<'a> {
    first: &'a Summary,
    /// All other settings.
    others: toml::Table,
    /// Every run's value of the setting, and what it was worth.
    points: Vec<(f64, f64)>,
}

impl Alike<'_> {
    fn is_of(&self, run: &Summary, others: &toml::Table) -> bool {
        (&self.first.method, &self.first.dataset) == (&run.method, &run.dataset) && self.others == *others
    }
}

/// The name of the measure that is meant: the one that was asked for, or the first that all runs have.
fn common_measure<'a>(comparison: &'a Comparison, asked: Option<&str>) -> Result<&'a str> {
    let of_first: Vec<&str> =
        comparison.runs.first().into_iter().flat_map(Summary::results).map(|(name, _)| name).collect();
    let is_common =
        |name: &str| comparison.runs.iter().all(|run| run.results().any(|(other, _)| other == name));
    let common: Vec<&str> = of_first.into_iter().filter(|name| is_common(name)).collect();
    let found = match asked {
        Some(asked) => common.iter().find(|name| **name == asked),
        None => common.first(),
    };
    found.copied().ok_or_else(|| {
        let help = match &common[..] {
            [] => "evaluate all of them first, with `selfsame eval`".into(),
            common => format!("measured in all of them: {}", common.join(", ")),
        };
        let what = asked.map_or_else(|| "nothing".into(), |asked| format!("`{asked}`"));
        Error::config(format!("{what} was measured in all of these runs"), help)
    })
}

/// The value of a setting, `section.name`, and all other settings without it and the seed.
fn without(run: &Summary, setting: &str) -> Result<(f64, toml::Table)> {
    let missing = |what: &str| {
        Error::config(
            format!("{}: {setting} {what}", run.run.display()),
            "give --against a setting that is a number in all of these runs, as in data.noise",
        )
    };
    let mut settings =
        run.settings.clone().ok_or_else(|| missing("is not known: there is no config.toml"))?;
    let (section, name) = setting.split_once('.').ok_or_else(|| missing("is not SECTION.NAME"))?;
    let value = settings.get_mut(section).and_then(toml::Value::as_table_mut);
    let value =
        value.and_then(|section| section.remove(name)).ok_or_else(|| missing("is not among its settings"))?;
    let number = value.as_float().or_else(|| value.as_integer().map(|whole| whole as f64));
    Ok((number.ok_or_else(|| missing(&format!("is {value}, not a number")))?, settings))
}
