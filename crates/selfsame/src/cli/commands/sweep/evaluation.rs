//! What is measured after each run of a sweep: whatever `selfsame eval` can.

use std::path::Path;

use clap::Parser;
use selfsame_core::run::RunFolder;
use selfsame_core::{Error, Result};
use serde_json::{Map, Value};

use super::plan::Planned;
use crate::cli::args::{Cli, Command, Eval, Sweep};
use crate::cli::commands::eval;
use crate::cli::output::unprinted;

/// Where a run's record has the words of what the sweep has measured, by protocol.
const MEASURED: &str = "sweep";

/// One evaluation: what stands behind `selfsame eval`, but for the run.
pub struct Evaluation {
    protocol: String,
    words: Vec<String>,
    quiet: bool,
}

impl Evaluation {
    /// All evaluations of a sweep.
    ///
    /// # Errors
    /// What `selfsame eval` would not understand, and two of one protocol.
    pub fn all(args: &Sweep, runs: &[Planned]) -> Result<Vec<Self>> {
        let mut all: Vec<Self> = Vec::new();
        for text in &args.eval {
            let evaluation = Self::new(text, args, runs)?;
            if all.iter().any(|other| other.protocol == evaluation.protocol) {
                return Err(Error::config(
                    format!("--eval {text}: this is measured twice"),
                    "a run keeps one result of each protocol: name it once",
                ));
            }
            all.push(evaluation);
        }
        Ok(all)
    }

    fn new(text: &str, args: &Sweep, runs: &[Planned]) -> Result<Self> {
        let mut words = split(text);
        let given = |words: &[String], flags: &[&str]| {
            let is = |word: &String, flag: &&str| word == flag || word.starts_with(&format!("{flag}="));
            words.iter().any(|word| flags.iter().any(|flag| is(word, flag)))
        };
        if given(&words, &["--random", "--untrained"]) {
            return Err(Error::config(
                format!("--eval {text}: results of an untrained network are not kept in a run"),
                "measure it with `selfsame eval`; kNN before the first step is in every run that has labels",
            ));
        }
        if given(&words, &["--video"]) {
            return Err(Error::config(
                format!("--eval {text}: every run would write the same --video"),
                "record episodes of the runs that matter with `selfsame eval episodes` when the sweep is through",
            ));
        }
        let flags = &args.training.flags;
        let defaults = [
            (&["--data", "--train"][..], labelled(runs)),
            (&["--workers"], flags.workers.clone()),
            (&["--device"], flags.device.clone()),
        ];
        for (known, value) in defaults {
            if let Some(value) = value.filter(|_| !given(&words, known)) {
                words.extend([known[0].to_owned(), value]);
            }
        }
        let mut protocol = words.first().cloned().unwrap_or_default();
        // A protocol of its own, whose results are kept beside those of kNN.
        if words.iter().any(|word| word == "--dense" || word.starts_with("--dense=")) {
            protocol += "-dense";
        }
        let evaluation = Self { protocol, words, quiet: args.output.quiet };
        let command = evaluation.command(Path::new("RUN")).map_err(|what| {
            Error::config(
                format!("--eval {text}: {what}"),
                "write what stands behind `selfsame eval`, without the run: --eval knn, or --eval \"linear --data labelled\"",
            )
        })?;
        // What cannot be measured of the runs is told before they are trained.
        if let Some(Planned { modality, .. }) = runs.first()
            && !eval::is_for(&command, modality.data)
        {
            return Err(Error::config(
                format!(
                    "--eval {text}: these runs learn from {}, of which {} is no measure",
                    modality.data, evaluation.protocol
                ),
                "`selfsame eval --help` says what each protocol measures",
            ));
        }
        evaluation.check_data()?;
        Ok(evaluation)
    }

    /// The data must be there now, not when the first training has ended.
    fn check_data(&self) -> Result<()> {
        for flag in ["--data", "--train", "--test"] {
            let after = |word: &String| word.strip_prefix(flag)?.strip_prefix('=').map(str::to_owned);
            let inside = self.words.iter().filter_map(after);
            let behind = self.words.windows(2).filter(|pair| pair[0] == flag).map(|pair| pair[1].clone());
            if let Some(path) = inside.chain(behind).find(|path| !Path::new(path).exists()) {
                return Err(Error::data(
                    path,
                    format!("there is nothing to measure {} on", self.protocol),
                    format!("check the {flag} of --eval, or --eval-data"),
                ));
            }
        }
        Ok(())
    }

    /// What it is called.
    pub fn protocol(&self) -> &str {
        &self.protocol
    }

    /// The command for a run; in words what is wrong with it.
    fn command(&self, run: &Path) -> std::result::Result<Eval, String> {
        let protocol = self.words.iter().take(1).map(Into::into);
        let quiet = self.quiet.then(|| "--quiet".into());
        let words = ["selfsame".into(), "eval".into()].into_iter().chain(protocol);
        let words =
            words.chain([run.as_os_str().to_owned()]).chain(self.words.iter().skip(1).map(Into::into));
        match Cli::try_parse_from(words.chain(quiet)) {
            Ok(Cli { command: Command::Eval(eval) }) => Ok(eval),
            Ok(_) => Err("this is no evaluation".into()),
            Err(error) => {
                let text = error.to_string();
                Err(text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned())
            }
        }
    }

    /// Measures a finished run, unless that is done already.
    ///
    /// # Errors
    /// Those of `selfsame eval`.
    pub fn measure(&self, run: &Path) -> Result<()> {
        let folder = RunFolder::open(run)?;
        let words = Value::from(self.words.join(" "));
        let results = folder.record()?.results;
        let measured = results.get(MEASURED).and_then(|measured| measured.get(&self.protocol));
        if measured == Some(&words) && results.contains_key(&self.protocol) {
            return Ok(());
        }
        let command = self.command(run).map_err(Error::Internal)?;
        unprinted(|| eval::run(&command))?;
        folder.change_record(|record| {
            let measured = record.results.entry(MEASURED).or_insert_with(|| Value::Object(Map::new()));
            if let Some(measured) = measured.as_object_mut() {
                measured.insert(self.protocol.clone(), words);
            }
        })?;
        Ok(())
    }
}

/// Where labelled data are, unless told: those for kNN while training, or else what is learned from. None where a run has them itself.
fn labelled(runs: &[Planned]) -> Option<String> {
    let Planned { settings, modality, .. } = runs.first()?;
    if modality.holds_out {
        return None;
    }
    let paths = ["data.eval", "data.path"].map(|key| settings.text(key));
    paths.into_iter().find(|path| !path.is_empty()).map(str::to_owned)
}

/// The words of a command line; quotes keep spaces.
fn split(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let (mut quote, mut within) = (None, false);
    for character in text.chars() {
        match (character, quote) {
            ('"' | '\'', None) => {
                quote = Some(character);
                if !within {
                    words.push(String::new());
                }
                within = true;
            }
            (closing, Some(opening)) if closing == opening => quote = None,
            (space, None) if space.is_whitespace() => within = false,
            _ => {
                if !within {
                    words.push(String::new());
                }
                within = true;
                if let Some(word) = words.last_mut() {
                    word.push(character);
                }
            }
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_as_a_shell_does() {
        assert_eq!(split("knn -k  5"), ["knn", "-k", "5"]);
        assert_eq!(
            split("linear --data 'my pictures'/\"a b\" \"\""),
            ["linear", "--data", "my pictures/a b", ""]
        );
        assert!(split("  ").is_empty());
    }
}
