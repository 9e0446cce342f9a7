//! What a sweep trains: every method with every combination of varied settings and every seed.

use std::path::{Path, PathBuf};

use selfsame_core::pretrain::{Modality, Prepared};
use selfsame_core::settings::Resolved;
use selfsame_core::{Error, Result};

use crate::cli::args::Sweep;
use crate::cli::commands::pretrain::settings;

/// Seeds, unless told.
const SEEDS: &str = "0..3";

/// One run of a sweep.
pub struct Planned {
    /// Its folder.
    pub folder: PathBuf,
    /// Its settings, as typed: what is `auto` still is.
    pub settings: Resolved,
    /// What it learns from.
    pub modality: &'static Modality,
}

impl Planned {
    /// Makes it ready to begin.
    ///
    /// # Errors
    /// Settings that cannot be used, and data that is not there.
    pub fn prepare(&self) -> Result<Prepared> {
        (self.modality.prepare)(self.settings.clone())
    }
}

/// All runs, in the order in which they are trained: the seeds of one experiment follow each other.
///
/// # Errors
/// Methods, settings and values that do not exist, and seeds that are none.
pub fn plan(args: &Sweep) -> Result<Vec<Planned>> {
    let seeds = match (&args.seeds, &args.training.flags.seed) {
        (Some(seeds), _) | (None, Some(seeds)) => seeds.as_str(),
        (None, None) => SEEDS,
    };
    let seeds = parse_seeds(seeds)?;
    let varied = combinations(&args.vary)?;
    let mut runs: Vec<Planned> = Vec::new();
    for method in &args.methods {
        for combination in &varied {
            for seed in &seeds {
                let (modality, mut layers) = settings(method, &args.training)?;
                let mut name = format!("{method}-seed-{seed}");
                for (key, value) in combination {
                    layers = layers.typed(key, value, "--vary")?;
                    let short = key.rsplit('.').next().unwrap_or(key);
                    name += &format!("-{short}-{}", file_name(value));
                }
                layers = layers.typed("run.seed", &seed.to_string(), "--seeds")?;
                let folder = args.out.join(&name);
                if runs.iter().any(|run| run.folder == folder) {
                    return Err(Error::config(
                        format!("two runs of this sweep would have the folder {}", folder.display()),
                        "name every method, seed and value once",
                    ));
                }
                runs.push(Planned { folder, settings: layers.resolve(), modality });
            }
        }
    }
    Ok(runs)
}

/// `0..3`, `0..=2`, `0,1,2` or `7`.
fn parse_seeds(text: &str) -> Result<Vec<u64>> {
    let number = |text: &str| text.trim().parse::<u64>().ok();
    let range = |text: &str| match text.split_once("..") {
        Some((from, to)) => Some(match to.strip_prefix('=') {
            Some(last) => (number(from)?..=number(last)?).collect(),
            None => (number(from)?..number(to)?).collect::<Vec<_>>(),
        }),
        None => Some(vec![number(text)?]),
    };
    let seeds: Option<Vec<Vec<u64>>> = text.split(',').map(range).collect();
    let seeds = seeds.map(|seeds| seeds.concat()).filter(|seeds| !seeds.is_empty());
    seeds.ok_or_else(|| {
        Error::config(format!("--seeds {text}: these are no seeds"), "write 0..3 for 0, 1 and 2, or 0,5,7")
    })
}

/// Settings with a value each.
type Combination = Vec<(String, String)>;

/// Every choice of one value for each setting; one empty choice where nothing varies.
fn combinations(vary: &[String]) -> Result<Vec<Combination>> {
    let mut all: Vec<Combination> = vec![Vec::new()];
    for text in vary {
        let Some((key, values)) = text.split_once('=').filter(|(_, values)| !values.trim().is_empty()) else {
            return Err(Error::config(
                format!("--vary {text}: a key and its values are needed"),
                "write --vary KEY=VALUE,VALUE, for example --vary optimizer.lr=0.1,0.3",
            ));
        };
        let values = split_values(values);
        let with = |value: &String, chosen: &Combination| {
            [chosen.as_slice(), &[(key.trim().to_owned(), value.clone())]].concat()
        };
        all = all
            .iter()
            .flat_map(|chosen| values.iter().map(|value| with(value, chosen)).collect::<Vec<_>>())
            .collect();
    }
    Ok(all)
}

/// The values between commas, but for those within brackets or quotes.
fn split_values(text: &str) -> Vec<String> {
    let mut values = vec![String::new()];
    let (mut depth, mut quote) = (0_i32, None);
    for character in text.chars() {
        match (character, quote) {
            (',', None) if depth == 0 => {
                values.push(String::new());
                continue;
            }
            ('[' | '{', None) => depth += 1,
            (']' | '}', None) => depth -= 1,
            ('"' | '\'', None) => quote = Some(character),
            (closing, Some(opening)) if closing == opening => quote = None,
            _ => {}
        }
        if let Some(value) = values.last_mut() {
            value.push(character);
        }
    }
    values.iter().map(|value| value.trim().to_owned()).collect()
}

/// The value as a part of a folder's name.
fn file_name(value: &str) -> String {
    let kept = |character: char| {
        if character.is_alphanumeric() || "._+-".contains(character) { character } else { '_' }
    };
    let name = Path::new(value)
        .file_name()
        .map_or_else(|| value.to_owned(), |name| name.to_string_lossy().into_owned());
    name.chars().map(kept).collect::<String>().trim_matches('_').to_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_ranges_or_lists() {
        for (text, seeds) in [
            ("0..3", &[0, 1, 2][..]),
            ("2..=4", &[2, 3, 4]),
            ("7", &[7]),
            ("0, 5,7", &[0, 5, 7]),
            ("0..2,9", &[0, 1, 9]),
        ] {
            assert_eq!(parse_seeds(text).unwrap(), seeds, "{text}");
        }
        for text in ["", "3..3", "a", "0..", "-1", "0..1.5"] {
            let error = parse_seeds(text).unwrap_err();
            assert!(error.exit_code() == 2 && error.to_string().contains("0..3 for 0, 1 and 2"), "{error}");
        }
    }

    #[test]
    fn settings_vary_in_all_combinations() {
        let combine =
            |vary: &[&str]| combinations(&vary.iter().map(|&text| text.to_owned()).collect::<Vec<_>>());
        assert_eq!(combine(&[]).unwrap(), [vec![]]);
        let found = combine(&["optimizer.lr=0.1, 0.3", "view.without=[\"crop\", \"flip\"],[]"]).unwrap();
        let pairs: Vec<String> = found
            .iter()
            .map(|chosen| chosen.iter().map(|(_, v)| v.as_str()).collect::<Vec<_>>().join(" "))
            .collect();
        assert_eq!(pairs, ["0.1 [\"crop\", \"flip\"]", "0.1 []", "0.3 [\"crop\", \"flip\"]", "0.3 []"]);
        for text in ["optimizer.lr", "optimizer.lr="] {
            assert_eq!(combine(&[text]).unwrap_err().exit_code(), 2);
        }
        assert_eq!(
            (file_name("0.1"), file_name("[\"crop\", \"flip\"]")),
            ("0.1".into(), "crop____flip".into())
        );
        assert_eq!(file_name("weights/a.pth"), "a.pth");
    }
}
