//! Checks that relative links in the project's Markdown lead somewhere, and that the book lists all its chapters.

use std::fs;
use std::path::{Path, PathBuf};

use crate::{Failure, root};

/// Fails with every link whose file or heading is not there, and every chapter that the summary leaves out.
pub fn check() -> Result<(), Failure> {
    let root = root();
    let mut pages: Vec<PathBuf> = markdown_in(&root)?;
    for sample in ["data/sample", "data/motions"] {
        pages.extend(markdown_in(&root.join(sample))?);
    }
    let chapters = markdown_in(&root.join("docs/src"))?;
    pages.extend(chapters.iter().cloned());

    let mut broken = Vec::new();
    let mut count = 0;
    for page in &pages {
        let text = read(page)?;
        let folder = page.parent().unwrap_or(&root);
        for target in links(&text) {
            count += 1;
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let path = if file.is_empty() { page.clone() } else { folder.join(file) };
            let found =
                path.exists() && (heading.is_empty() || headings(&read(&path)?).any(|name| name == heading));
            if !found {
                broken.push(format!("  {}: {target}", page.strip_prefix(&root).unwrap_or(page).display()));
            }
        }
    }
    let summary = read(&root.join("docs/src/SUMMARY.md"))?;
    for chapter in &chapters {
        let name = chapter.file_name().unwrap_or_default().to_string_lossy();
        if name != "SUMMARY.md" && !links(&summary).contains(&name.as_ref()) {
            broken.push(format!("  docs/src/SUMMARY.md does not list {name}"));
        }
    }
    println!("{count} relative links in {} pages", pages.len());
    if broken.is_empty() { Ok(()) } else { Err(format!("links that lead nowhere:\n{}", broken.join("\n"))) }
}

fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|cause| format!("{}: {cause}", path.display()))
}

fn markdown_in(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = fs::read_dir(folder).map_err(|cause| format!("{}: {cause}", folder.display()))?;
    let paths = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    let mut pages: Vec<_> = paths.filter(|path| path.extension().is_some_and(|kind| kind == "md")).collect();
    pages.sort();
    Ok(pages)
}

/// The targets of `[text](target)` and `![text](target)` that are neither web addresses nor inside code.
fn links(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut fenced = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced || line.starts_with("    ") {
            continue;
        }
        // Every second piece between backticks is code.
        for prose in line.split('`').step_by(2) {
            found.extend(
                prose.split("](").skip(1).filter_map(|rest| rest.split_once(')').map(|(target, _)| target)),
            );
        }
    }
    found.retain(|target| !target.contains("://") && !target.starts_with("mailto:"));
    found
}

/// The anchors of a page's headings, made as mdBook makes them.
fn headings(text: &str) -> impl Iterator<Item = String> {
    text.lines().filter(|line| line.starts_with('#')).map(|line| {
        let words = line.trim_start_matches('#').trim().to_lowercase();
        let kept = words.chars().filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter));
        kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_outside_of_code() {
        let text = "[a](a.md) and ![b](b.png)\n`[no](no.md)`\n```\n[no](no.md)\n```\n[`c`](c.md#top) [web](https://x.y)\n";
        assert_eq!(links(text), ["a.md", "b.png", "c.md#top"]);
    }

    #[test]
    fn headings_become_anchors() {
        let text = "# One, two\nbody\n## `knn` and linear\n";
        assert_eq!(headings(text).collect::<Vec<_>>(), ["one-two", "knn-and-linear"]);
    }
}
