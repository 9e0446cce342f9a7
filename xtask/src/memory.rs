//! The tests of the kernels under Valgrind, which sees every access to memory: `unsafe` code is only as good as its reasons.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crate::process::{cargo, command, exists, output, run as run_command};
use crate::test::{Outcome, WHOLE};
use crate::{Failure, root};

const PACKAGE: &str = "selfsame-kernels";

/// Runs the tests; fails with the first access that is not allowed. Valgrind knows AVX2 but not AVX-512; the tests
/// compute with vectors of that width all the same, made of arrays.
pub fn check() -> Result<Outcome, Failure> {
    if !exists("valgrind") {
        return Ok(Outcome::Skipped("valgrind is not installed (Debian's package of that name)".into()));
    }
    // The whole workspace, as the step `test` builds it: other features of dependencies would mean to build these again.
    let messages = output(cargo().arg("test").args(WHOLE).args(["--no-run", "--message-format=json"]))?;
    let programs = executables(&messages, PACKAGE);
    if programs.is_empty() {
        return Err(format!("cargo names no tests of {PACKAGE}"));
    }
    // Valgrind runs one thread at a time, so every core gets a process of its own.
    let processes = std::thread::available_parallelism().map_or(1, usize::from);
    for program in programs {
        let list = output(command(&program).args(["--list", "--format", "terse"]))?;
        // Small shares, since a few tests take most of the time.
        let waiting = Mutex::new(shares(&list, 8 * processes).into_iter());
        let next = || waiting.lock().map_or(None, |mut waiting| waiting.next());
        let work = || std::iter::from_fn(next).try_for_each(|tests| run_tests(&program, &tests));
        std::thread::scope(|scope| {
            let started: Vec<_> = (0..processes).map(|_| scope.spawn(work)).collect();
            started.into_iter().try_for_each(|worker| match worker.join() {
                Ok(result) => result,
                Err(_) => Err("a thread that ran valgrind has ended".to_owned()),
            })
        })?;
    }
    Ok(Outcome::Passed)
}

fn run_tests(program: &Path, tests: &[&str]) -> Result<(), Failure> {
    let mut valgrind = command("valgrind");
    valgrind.current_dir(root().join("crates").join(PACKAGE));
    run_command(valgrind.args(["--quiet", "--error-exitcode=1"]).arg(program).arg("--exact").args(tests))
}

/// The tests of a list in so many shares; fewer where there are fewer tests. Neighbours, which take about as long, are in different ones.
fn shares(list: &str, count: usize) -> Vec<Vec<&str>> {
    let tests: Vec<&str> = list.lines().filter_map(|line| line.strip_suffix(": test")).collect();
    let share = |first| tests.iter().skip(first).step_by(count).copied().collect();
    (0..count.min(tests.len())).map(share).collect()
}

/// The programs with tests of a package, out of cargo's messages in JSON, one a line.
fn executables(messages: &str, package: &str) -> Vec<PathBuf> {
    let is_test = |line: &&str| line.contains(&format!("/{package}#")) && line.contains("\"test\":true");
    let value = |line: &str| Some(line.split_once("\"executable\":\"")?.1.split_once('"')?.0.to_owned());
    messages.lines().filter(is_test).filter_map(value).map(PathBuf::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_test_is_run_once() {
        let list = "a::one: test\na::two: test\nspeed: benchmark\nb::three: test\n";
        assert_eq!(shares(list, 2), [vec!["a::one", "b::three"], vec!["a::two"]]);
        assert_eq!(shares(list, 4), [["a::one"], ["a::two"], ["b::three"]]);
        assert!(shares("", 2).is_empty());
    }

    #[test]
    fn only_programs_of_the_package_are_run() {
        let message = |package: &str, is_test: bool, executable: &str| {
            format!(
                "{{\"package_id\":\"path+file:///x/{package}#0.1.0\",\"profile\":{{\"test\":{is_test}}},\"executable\":{executable}}}\n"
            )
        };
        let messages = [
            message("selfsame-kernels", true, "\"/t/kernels-1\""),
            message("selfsame-kernels", true, "null"),
            message("selfsame-kernels", false, "\"/t/examples/limits\""),
            message("selfsame-core", true, "\"/t/core-1\""),
        ];
        assert_eq!(executables(&messages.concat(), "selfsame-kernels"), [PathBuf::from("/t/kernels-1")]);
    }
}
