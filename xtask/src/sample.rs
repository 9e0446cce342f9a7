//! `cargo xtask sample`: rebuilds `data/sample` from Debian's package `openclipart-png`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::process::{cargo, command, run as run_command};
use crate::{Failure, root};

/// Where the package puts its pictures.
const PICTURES: &str = "usr/share/openclipart/png";

/// The task: takes a package file, an unpacked package, or nothing, which downloads the package.
pub fn run(arguments: &[String]) -> Result<(), Failure> {
    let work = root().join("target/openclipart");
    let package = match arguments {
        [] => download(&work)?,
        [path] => PathBuf::from(path).canonicalize().map_err(|cause| format!("{path}: {cause}"))?,
        other => return Err(format!("sample takes one package, not `{}`", other.join(" "))),
    };
    let unpacked = if package.is_dir() {
        package
    } else {
        let folder = work.join("unpacked");
        run_command(command("dpkg-deb").arg("--extract").args([&package, &folder]))?;
        folder
    };
    let pictures = unpacked.join(PICTURES);
    if !pictures.is_dir() {
        return Err(format!("{} is not there: is this openclipart-png?", pictures.display()));
    }

    // The old pictures go only when all new ones are there.
    let (new, sample) = (work.join("sample"), root().join("data/sample"));
    if new.exists() {
        fs::remove_dir_all(&new).map_err(|cause| format!("{}: {cause}", new.display()))?;
    }
    let arguments = ["run", "--package", "selfsame-image", "--example", "build_sample", "--"];
    run_command(cargo().args(arguments).args([&pictures, &new]))?;
    remove_classes(&sample)?;
    for path in entries(&new)? {
        let to = sample.join(path.file_name().unwrap_or_default());
        fs::rename(&path, &to).map_err(|cause| format!("{}: {cause}", to.display()))?;
    }
    Ok(())
}

/// Fetches the package with `apt-get` unless an earlier call did.
fn download(folder: &Path) -> Result<PathBuf, Failure> {
    fs::create_dir_all(folder).map_err(|cause| format!("{}: {cause}", folder.display()))?;
    if let Some(package) =
        entries(folder)?.into_iter().find(|path| path.extension().is_some_and(|kind| kind == "deb"))
    {
        return Ok(package);
    }
    run_command(command("apt-get").args(["download", "openclipart-png"]).current_dir(folder))?;
    let package =
        entries(folder)?.into_iter().find(|path| path.extension().is_some_and(|kind| kind == "deb"));
    package.ok_or_else(|| format!("apt-get left no package in {}", folder.display()))
}

/// Removes the class folders, so that no picture of an earlier build stays behind.
fn remove_classes(sample: &Path) -> Result<(), Failure> {
    for path in entries(sample)?.iter().filter(|path| path.is_dir()) {
        fs::remove_dir_all(path).map_err(|cause| format!("{}: {cause}", path.display()))?;
    }
    Ok(())
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = fs::read_dir(folder).map_err(|cause| format!("{}: {cause}", folder.display()))?;
    entries.map(|entry| entry.map(|entry| entry.path()).map_err(|cause| cause.to_string())).collect()
}
