//! `cargo xtask setup`: installs what building and testing needs, and says what it does.

use std::path::{Path, PathBuf};

use crate::process::{command, exists, run as run_command, succeeds};
use crate::{Failure, python};

/// A Debian package, and what shows its presence.
struct SystemPackage {
    name: &'static str,
    sign: Sign,
    package: &'static str,
    purpose: &'static str,
}

/// What shows that a package is there.
enum Sign {
    /// Its program can be started.
    Program(&'static str),
    /// pkg-config knows all these libraries, in at least these versions.
    Libraries(&'static [&'static str]),
    /// A shared library with a name that begins so, which is loaded while building.
    Loadable(&'static str),
}

/// What cargo cannot fetch by itself. Features that link system libraries add theirs here.
const SYSTEM: &[SystemPackage] = &[
    SystemPackage {
        name: "cc",
        sign: Sign::Program("cc"),
        package: "gcc libc6-dev",
        purpose: "the C compiler that links programs",
    },
    SystemPackage {
        name: "pkg-config",
        sign: Sign::Program("pkg-config"),
        package: "pkg-config",
        purpose: "finds libraries of the system",
    },
    SystemPackage {
        name: "ffmpeg libraries",
        // The versions of FFmpeg 5.1.
        sign: Sign::Libraries(&[
            "libavcodec >= 59.37",
            "libavformat >= 59.27",
            "libavutil >= 57.28",
            "libswscale >= 6.7",
        ]),
        package: "libavcodec-dev libavformat-dev libavutil-dev libswscale-dev",
        purpose: "decodes videos, for the feature `video`",
    },
    SystemPackage {
        name: "libclang",
        sign: Sign::Loadable("libclang"),
        package: "libclang-dev",
        purpose: "reads FFmpeg's headers while the feature `video` is built",
    },
];

impl Sign {
    fn shows(&self) -> bool {
        match self {
            Self::Program(program) => exists(program),
            Self::Libraries(libraries) => succeeds(command("pkg-config").arg("--exists").args(*libraries)),
            Self::Loadable(name) => {
                std::env::var_os("LIBCLANG_PATH").is_some()
                    || library_folders().iter().any(|folder| holds(folder, name))
            }
        }
    }
}

/// Where Debian keeps shared libraries, those of each version of LLVM included.
fn library_folders() -> Vec<PathBuf> {
    let below =
        |folder: &str| std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let versions = below("/usr/lib")
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("llvm")));
    let of_machines = below("/usr/lib").filter(|path| path.to_string_lossy().ends_with("-linux-gnu"));
    let fixed = ["/usr/lib", "/usr/lib64", "/usr/local/lib"].map(PathBuf::from);
    versions.map(|path| path.join("lib")).chain(of_machines).chain(fixed).collect()
}

/// Whether a folder has a shared library whose name begins so: `libclang.so`, `libclang-14.so.1`.
fn holds(folder: &Path, name: &str) -> bool {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).any(|file| {
        file.strip_prefix(name).is_some_and(|rest| {
            rest.starts_with(['.', '-']) && rest.contains(".so") && !rest.starts_with("-cpp")
        })
    })
}

/// Parts of the Rust toolchain that a minimal installation lacks.
const COMPONENTS: &[(&str, &str)] = &[("cargo-fmt", "rustfmt"), ("cargo-clippy", "clippy")];

/// Cargo programs that only `--tools` installs, because compiling them takes minutes.
const TOOLS: &[(&str, &str)] =
    &[("cargo-deny", "licences, sources and duplicates of dependencies"), ("mdbook", "the book in docs/")];

/// The task: what is needed, and with `--tools` the optional programs too.
pub fn run(arguments: &[String]) -> Result<(), Failure> {
    let tools = match arguments {
        [] => false,
        [flag] if flag == "--tools" => true,
        other => return Err(format!("setup takes only --tools, not `{}`", other.join(" "))),
    };
    needed()?;
    python::install()?;
    for (program, purpose) in TOOLS {
        if exists(program) {
            println!("{program}: there ({purpose})");
        } else if tools {
            println!("{program}: compiling ({purpose}), some minutes");
            run_command(command("cargo").args(["install", "--locked", program]))?;
        } else {
            println!("{program}: not there ({purpose}); optional, `cargo xtask setup --tools` installs it");
        }
    }
    Ok(())
}

/// Installs what is missing of what every build and test needs; quick when nothing is.
pub fn needed() -> Result<(), Failure> {
    let missing: Vec<_> = SYSTEM.iter().filter(|entry| !entry.sign.shows()).collect();
    for entry in SYSTEM {
        let word = if missing.iter().any(|other| other.name == entry.name) { "missing" } else { "there" };
        println!("{}: {word} ({})", entry.name, entry.purpose);
    }
    if !missing.is_empty() {
        let packages: Vec<_> = missing.iter().flat_map(|entry| entry.package.split(' ')).collect();
        if !exists("apt-get") {
            return Err(format!(
                "install these Debian packages, or what your system calls them: {}",
                packages.join(" ")
            ));
        }
        println!("installing {}", packages.join(" "));
        run_command(&mut apt_get(&["update"]))?;
        run_command(apt_get(&["install", "--yes", "--no-install-recommends"]).args(packages))?;
    }
    for (program, component) in COMPONENTS {
        if exists(program) {
            println!("{component}: there");
        } else if exists("rustup") {
            println!("{component}: installing");
            run_command(command("rustup").args(["component", "add", component]))?;
        } else {
            return Err(format!("the Rust toolchain lacks {component}; install it as your system does"));
        }
    }
    Ok(())
}

/// Installs what DeepMind Control draws with where there is no screen, if this is a system that has packages of these names.
pub fn renderer() -> Result<(), Failure> {
    const PACKAGES: [&str; 2] = ["libegl1", "libgl1-mesa-dri"];
    let installed = |package: &&str| {
        let status = command("dpkg").args(["--status", package]).output();
        status.is_ok_and(|output| output.status.success())
    };
    let missing: Vec<&str> = PACKAGES.into_iter().filter(|package| !installed(package)).collect();
    if missing.is_empty() || !exists("apt-get") {
        let word = if missing.is_empty() { "there" } else { "not looked for" };
        println!("EGL: {word} (rendering without a screen)");
        return Ok(());
    }
    println!("EGL: installing {} (rendering without a screen)", missing.join(" "));
    run_command(&mut apt_get(&["update"]))?;
    run_command(apt_get(&["install", "--yes", "--no-install-recommends"]).args(missing))
}

/// `apt-get`, through `sudo` where there is one and this is not the superuser's shell.
fn apt_get(arguments: &[&str]) -> std::process::Command {
    let superuser = std::env::var("USER").is_ok_and(|user| user == "root") || !exists("sudo");
    let mut command = if superuser {
        command("apt-get")
    } else {
        let mut sudo = command("sudo");
        sudo.arg("apt-get");
        sudo
    };
    command.args(arguments);
    command
}
