//! Checks the licence of every linked package against the list in `deny.toml`.
//!
//! cargo-deny does this and more, but takes minutes to compile; this part of it must never be left out.

use std::collections::BTreeSet;
use std::fs;

use crate::process::{cargo, output};
use crate::test::WHOLE;
use crate::{Failure, root};

/// Fails with the packages whose licence expression the list does not satisfy.
pub fn check() -> Result<(), Failure> {
    let path = root().join("deny.toml");
    let text = fs::read_to_string(&path).map_err(|cause| format!("{}: {cause}", path.display()))?;
    let allowed = allowed(&text).ok_or("deny.toml has no `allow = [...]` list under [licenses]")?;

    // Development dependencies are not part of what anyone is given.
    let arguments = ["--edges", "normal,build", "--prefix", "none", "--format", "{l}\t{p}"];
    let tree = output(cargo().arg("tree").args(WHOLE).args(arguments))?;
    let packages: BTreeSet<(&str, &str)> = tree.lines().filter_map(|line| line.split_once('\t')).collect();
    let refused: Vec<String> = packages
        .iter()
        .filter(|(licence, _)| !satisfied(licence, &allowed))
        .map(|(licence, package)| format!("  {}: {licence}", package.trim_end_matches(" (*)")))
        .collect();
    println!("{} packages, {} licences allowed", packages.len(), allowed.len());
    if refused.is_empty() {
        Ok(())
    } else {
        Err(format!("licences that deny.toml does not allow:\n{}", refused.join("\n")))
    }
}

/// The quoted names in `allow = [...]` of the `[licenses]` table.
fn allowed(deny: &str) -> Option<BTreeSet<String>> {
    let (_, licences) = deny.split_once("[licenses]")?;
    let (_, list) = licences.split_once("allow = [")?;
    let (list, _) = list.split_once(']')?;
    let names = list.lines().map(|line| line.split('#').next().unwrap_or_default());
    Some(names.flat_map(|line| line.split('"').skip(1).step_by(2)).map(String::from).collect())
}

/// Whether an SPDX expression can be fulfilled with allowed licences: any side of `OR` (and of the older `/`), all
/// sides of `AND`; parentheses bind first. An exception (`WITH`) is allowed by its full name.
fn satisfied(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    any(&words, allowed)
}

fn any(words: &[&str], allowed: &BTreeSet<String>) -> bool {
    split(words, "OR").into_iter().any(|side| all(side, allowed))
}

fn all(words: &[&str], allowed: &BTreeSet<String>) -> bool {
    split(words, "AND").into_iter().all(|side| match side {
        ["(", inner @ .., ")"] => any(inner, allowed),
        name => allowed.contains(&name.join(" ")),
    })
}

/// Splits at a word that stands outside of parentheses.
fn split<'a, 'w>(words: &'w [&'a str], separator: &str) -> Vec<&'w [&'a str]> {
    let mut depth = 0;
    words
        .split(|word| {
            match *word {
                "(" => depth += 1,
                ")" => depth -= 1,
                _ => {}
            }
            depth == 0 && *word == separator
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_read_as_spdx_says() {
        let allowed = BTreeSet::from(["MIT", "Apache-2.0", "Unicode-3.0"].map(String::from));
        for (expression, expected) in [
            ("MIT", true),
            ("GPL-3.0", false),
            ("GPL-3.0 OR MIT", true),
            ("MIT/Apache-2.0", true),
            ("MIT AND IJG", false),
            ("(MIT OR Apache-2.0) AND Unicode-3.0", true),
            ("(MIT OR Apache-2.0) AND IJG", false),
            ("Apache-2.0 WITH LLVM-exception", false),
            ("Apache-2.0 WITH LLVM-exception OR MIT", true),
            ("", false),
        ] {
            assert_eq!(satisfied(expression, &allowed), expected, "{expression}");
        }
    }

    #[test]
    fn the_list_is_read_without_its_comments() {
        let deny =
            "[licenses]\nallow = [\n  \"MIT\", # not \"GPL-3.0\"\n  \"Zlib\",\n]\n[bans]\nallow = []\n";
        assert_eq!(allowed(deny), Some(BTreeSet::from(["MIT".into(), "Zlib".into()])));
    }
}
