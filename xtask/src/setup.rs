//! `cargo xtask setup`: installs what building and testing needs, and says what it does.

use crate::Failure;
use crate::process::{command, exists, run as run_command};

/// A Debian package, and a program by which its presence shows.
struct SystemPackage {
    program: &'static str,
    package: &'static str,
    purpose: &'static str,
}

/// What cargo cannot fetch by itself. Features that link system libraries add theirs here.
const SYSTEM: &[SystemPackage] = &[SystemPackage {
    program: "cc",
    package: "gcc libc6-dev",
    purpose: "the C compiler that links programs",
}];

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
    let missing: Vec<_> = SYSTEM.iter().filter(|entry| !exists(entry.program)).collect();
    for entry in SYSTEM {
        let word =
            if missing.iter().any(|other| other.program == entry.program) { "missing" } else { "there" };
        println!("{}: {word} ({})", entry.program, entry.purpose);
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
