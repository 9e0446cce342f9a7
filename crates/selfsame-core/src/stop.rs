//! Being asked to stop: SIGTERM from a scheduler, Ctrl-C from a user.
//!
//! The handlers only raise a flag; the training loop looks at it between steps, saves a checkpoint and ends with the
//! exit code of [`Stop`].

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};

use crate::{Error, Result};

/// Who asked to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// SIGTERM: a scheduler or the system.
    Terminate,
    /// SIGINT: Ctrl-C.
    Interrupt,
}

impl Stop {
    /// The program's exit code once the checkpoint is saved: 75 (try again later) or 130.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Terminate => 75,
            Self::Interrupt => 130,
        }
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Terminate => "SIGTERM",
            Self::Interrupt => "Ctrl-C",
        })
    }
}

/// The flags that signals raise. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct StopSignal {
    terminate: Arc<AtomicBool>,
    interrupt: Arc<AtomicBool>,
}

impl StopSignal {
    /// A signal that only [`StopSignal::request`] raises, for libraries and tests.
    pub fn manual() -> Self {
        Self::default()
    }

    /// Catches SIGTERM and SIGINT from now on. A second Ctrl-C ends the process at once with exit code 130.
    ///
    /// # Errors
    ///
    /// `Error::Internal` when the system refuses the handlers.
    pub fn install() -> Result<Self> {
        let signal = Self::default();
        signal.register().map_err(|error| Error::Internal(format!("cannot catch signals: {error}")))?;
        Ok(signal)
    }

    fn register(&self) -> std::io::Result<()> {
        // In this order: the second Ctrl-C finds the flag that the first one raised.
        let code = i32::from(Stop::Interrupt.exit_code());
        signal_hook::flag::register_conditional_shutdown(SIGINT, code, Arc::clone(&self.interrupt))?;
        signal_hook::flag::register(SIGINT, Arc::clone(&self.interrupt))?;
        signal_hook::flag::register(SIGTERM, Arc::clone(&self.terminate))?;
        Ok(())
    }

    /// Asks to stop, as the signal would.
    pub fn request(&self, stop: Stop) {
        match stop {
            Stop::Terminate => self.terminate.store(true, Ordering::SeqCst),
            Stop::Interrupt => self.interrupt.store(true, Ordering::SeqCst),
        }
    }

    /// Whether to stop. After both signals SIGTERM counts: whoever sent it expects its code.
    pub fn requested(&self) -> Option<Stop> {
        if self.terminate.load(Ordering::SeqCst) {
            Some(Stop::Terminate)
        } else if self.interrupt.load(Ordering::SeqCst) {
            Some(Stop::Interrupt)
        } else {
            None
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_seen_by_clones() {
        let signal = StopSignal::manual();
        let clone = signal.clone();
        assert_eq!(clone.requested(), None);
        signal.request(Stop::Interrupt);
        assert_eq!(clone.requested(), Some(Stop::Interrupt));
        signal.request(Stop::Terminate);
        assert_eq!(clone.requested().map(Stop::exit_code), Some(75));
    }

    const ALONE: &str = "SELFSAME_TEST_ALONE";

    /// Runs the test named `part` of this module alone in a process of its own: signals belong to whole processes.
    #[cfg(unix)]
    fn exit_code_of(part: &str) -> Option<i32> {
        let name = format!("{}::{part}", module_path!().split_once("::").unwrap().1);
        let program = std::env::current_exe().unwrap();
        let mut command = std::process::Command::new(program);
        let output = command.args(["--exact", &name, "--ignored"]).env(ALONE, "1").output().unwrap();
        output.status.code()
    }

    #[cfg(unix)]
    #[test]
    fn signals_raise_the_flags_and_a_second_ctrl_c_ends_at_once() {
        assert_eq!(exit_code_of("part_signals_raise_the_flags"), Some(0));
        assert_eq!(exit_code_of("part_second_ctrl_c"), Some(130));
    }

    #[test]
    #[ignore = "run by another test in a process of its own"]
    fn part_signals_raise_the_flags() {
        if std::env::var_os(ALONE).is_none() {
            return;
        }
        let signal = StopSignal::install().unwrap();
        signal_hook::low_level::raise(SIGINT).unwrap();
        assert_eq!(signal.requested(), Some(Stop::Interrupt));
        signal_hook::low_level::raise(SIGTERM).unwrap();
        signal_hook::low_level::raise(SIGTERM).unwrap();
        assert_eq!(signal.requested(), Some(Stop::Terminate));
    }

    #[test]
    #[ignore = "run by another test in a process of its own"]
    fn part_second_ctrl_c() {
        if std::env::var_os(ALONE).is_none() {
            return;
        }
        let _signal = StopSignal::install().unwrap();
        signal_hook::low_level::raise(SIGINT).unwrap();
        signal_hook::low_level::raise(SIGINT).unwrap();
    }
}
