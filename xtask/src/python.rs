//! The Python with Gymnasium, Atari and DeepMind Control that the tests of environments run, in `target/python`.

use std::path::PathBuf;

use crate::process::{cargo, command, exists, run as run_command};
use crate::test::{Outcome, WHOLE};
use crate::{Failure, root, setup};

/// What users install, within the major versions that were tested, and `opencv-python-headless`, with which Gymnasium's own preprocessing of Atari is compared.
const PACKAGES: [&str; 5] =
    ["gymnasium<2", "ale-py<0.13", "dm_control<2", "mujoco<4", "opencv-python-headless<6"];

/// What shows that the packages are there.
const IMPORTS: &str = "import gymnasium, ale_py, dm_control, mujoco, cv2";

/// The interpreter, whether it is there or not.
pub fn interpreter() -> PathBuf {
    let python = root().join("target/python");
    if cfg!(windows) { python.join("Scripts/python.exe") } else { python.join("bin/python") }
}

fn is_there() -> bool {
    let mut check = command(interpreter());
    check.args(["-c", IMPORTS]).env("MUJOCO_GL", "egl");
    check.output().is_ok_and(|output| output.status.success())
}

/// Makes the Python unless it is there, with the interpreter that `python3` is, and installs what it draws with.
pub fn install() -> Result<(), Failure> {
    setup::renderer()?;
    if is_there() {
        println!("Python with Gymnasium: there (tests of environments)");
        return Ok(());
    }
    if !exists("python3") {
        println!("Python with Gymnasium: no python3 here; tests of environments are left out");
        return Ok(());
    }
    println!("Python with Gymnasium: installing in target/python (tests of environments)");
    run_command(command("python3").args(["-m", "venv", "target/python"]))?;
    run_command(command(interpreter()).args(["-m", "pip", "install", "--quiet"]).args(PACKAGES))
}

/// Runs the tests that need it, and makes it first where that can be done.
pub fn test() -> Result<Outcome, Failure> {
    if let Err(failure) = install() {
        return Ok(Outcome::Skipped(format!("no Python with Gymnasium: {failure}")));
    }
    if !is_there() {
        return Ok(Outcome::Skipped("no target/python with Gymnasium (cargo xtask setup)".into()));
    }
    let mut tests = cargo();
    tests.arg("test").args(WHOLE).args(["--test", "gymnasium", "--", "--ignored"]);
    run_command(tests.env("SELFSAME_PYTHON", interpreter()))?;
    Ok(Outcome::Passed)
}
