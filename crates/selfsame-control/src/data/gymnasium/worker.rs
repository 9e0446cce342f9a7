//! The process of an environment: started, asked, watched, ended.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{ChildStderr, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::group::ProcessGroup;
use crate::data::EnvironmentOptions;

const SCRIPT: &str = include_str!("worker.py");

/// What is kept of the last that a process has written to standard error.
const LAST_WORDS: usize = 8 << 10;

/// How much longer than its own limit a process may take before it is killed: it ends itself and says where it was.
const GRACE: Duration = Duration::from_secs(5);

/// How long a process may take to end when it has nothing left to do.
const FAREWELL: Duration = Duration::from_secs(2);

/// Why there is no answer.
#[derive(Debug)]
pub(super) struct Failure {
    /// `python`, `package`, `unknown`, `space`, `raised`, `hung` or `died`.
    pub kind: String,
    pub what: String,
    pub python: PathBuf,
}

#[derive(Deserialize)]
struct Told {
    failure: Reason,
}

#[derive(Deserialize)]
struct Reason {
    kind: String,
    what: String,
}

/// A process that runs one environment, which may start others.
#[derive(Debug)]
pub(super) struct Worker {
    python: PathBuf,
    group: Arc<Mutex<ProcessGroup>>,
    commands: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    last_words: Arc<Mutex<VecDeque<u8>>>,
    listener: thread::JoinHandle<()>,
    /// When the process is killed unless it answers before.
    deadline: Arc<Mutex<Option<Instant>>>,
    timeout: Duration,
    asked: Instant,
}

impl Worker {
    /// Starts the process with its request. What it says first is to be [`read`](Self::read).
    pub fn start(options: &EnvironmentOptions, request: &str) -> Result<Self, Failure> {
        let python =
            options.python.clone().or_else(|| std::env::var_os("SELFSAME_PYTHON").map(PathBuf::from));
        let python = python.unwrap_or_else(|| PathBuf::from("python3"));
        let mut command = Command::new(&python);
        command.args(["-u", "-c", SCRIPT, request]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let failure = |what: String| Failure { kind: "python".into(), what, python: python.clone() };
        let mut group = ProcessGroup::spawn(&mut command).map_err(|error| failure(error.to_string()))?;
        let Some((commands, answers, errors)) = group.pipes() else {
            return Err(failure("it has no standard input and output".into()));
        };
        let last_words = Arc::default();
        let group = Arc::new(Mutex::new(group));
        let timeout = 10 * Duration::from_secs_f64(options.timeout);
        Ok(Self {
            listener: listen(errors, &last_words),
            deadline: watch(&group),
            python,
            group,
            commands: Some(commands),
            answers: BufReader::new(answers),
            last_words,
            timeout,
            asked: Instant::now(),
        })
    }

    /// How many seconds an answer may take from now on.
    pub fn set_timeout(&mut self, seconds: f64) {
        self.timeout = Duration::from_secs_f64(seconds);
    }

    /// Gives a command and waits until it is done.
    pub fn ask(&mut self, command: &str) -> Result<(), Failure> {
        self.command(command);
        self.done()
    }

    /// Gives a command.
    pub fn command(&mut self, command: &str) {
        self.asked = Instant::now();
        let commands = self.commands.as_mut();
        // What could not be written shows when nothing is answered.
        let _ = commands.map(|commands| commands.write_all(format!("{command}\n").as_bytes()));
    }

    /// Waits until the command is done.
    pub fn done(&mut self) -> Result<(), Failure> {
        self.answer::<serde::de::IgnoredAny>().map(|_| ())
    }

    /// Waits for what the process says without being asked.
    pub fn read<T: DeserializeOwned>(&mut self) -> Result<T, Failure> {
        self.asked = Instant::now();
        self.answer()
    }

    fn answer<T: DeserializeOwned>(&mut self) -> Result<T, Failure> {
        // From now on: what was asked may have been answered long ago, while nobody listened.
        *lock(&self.deadline) = Some(Instant::now() + self.timeout + GRACE);
        let mut line = String::new();
        let read = self.answers.read_line(&mut line);
        *lock(&self.deadline) = None;
        if read.is_err() || !line.ends_with('\n') {
            return Err(self.last_failure());
        }
        if line.starts_with("{\"failure\"") {
            let told: Result<Told, _> = serde_json::from_str(&line);
            if let Ok(Told { failure }) = told {
                return Err(self.failure(&failure.kind, &failure.what));
            }
        }
        serde_json::from_str(&line)
            .map_err(|error| self.failure("raised", &format!("its answer is none: {error}: {line}")))
    }

    /// A failure of this process.
    pub fn failure(&self, kind: &str, what: &str) -> Failure {
        Failure { kind: kind.to_owned(), what: what.to_owned(), python: self.python.clone() }
    }

    /// Why the process has ended without an answer.
    fn last_failure(&mut self) -> Failure {
        let read = Instant::now();
        let status = self.end();
        // It may have ended long before somebody read its answer.
        let ended = lock(&self.group).end_seen().map_or(read, |seen| seen.min(read));
        let waited = ended.saturating_duration_since(self.asked);
        let heard = Instant::now();
        while !self.listener.is_finished() && heard.elapsed() < FAREWELL {
            thread::sleep(Duration::from_millis(5));
        }
        let words: Vec<u8> = lock(&self.last_words).iter().copied().collect();
        let words = String::from_utf8_lossy(&words);
        let words = words.trim();
        if waited >= self.timeout {
            return self.failure("hung", &format!("nothing came for {:.1} s\n{words}", waited.as_secs_f64()));
        }
        self.failure("died", &format!("{status}\n{words}"))
    }

    /// Lets the process end, or ends it, and says how it went.
    fn end(&mut self) -> String {
        self.commands = None;
        let asked = Instant::now();
        loop {
            let mut group = lock(&self.group);
            match group.try_wait() {
                Ok(Some(status)) => return status.to_string(),
                Ok(None) if asked.elapsed() < FAREWELL => {}
                // Killed, it ends at once: the wait is short.
                _ => return group.end().map_or_else(|error| error.to_string(), |status| status.to_string()),
            }
            drop(group);
            thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.end();
    }
}

/// Keeps the last that a process writes to standard error.
fn listen(mut errors: ChildStderr, last_words: &Arc<Mutex<VecDeque<u8>>>) -> thread::JoinHandle<()> {
    let last_words = Arc::clone(last_words);
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = errors.read(&mut buffer) {
            tracing::debug!("environment: {}", String::from_utf8_lossy(&buffer[..count]).trim_end());
            let mut words = lock(&last_words);
            words.extend(&buffer[..count]);
            let excess = words.len().saturating_sub(LAST_WORDS);
            words.drain(..excess);
        }
    })
}

/// Kills the process when it neither answers nor ends itself in time, and what it has left behind when it has ended, which is noticed while nobody reads its
/// answers, too: whoever reads them then reads their end.
fn watch(group: &Arc<Mutex<ProcessGroup>>) -> Arc<Mutex<Option<Instant>>> {
    let deadline = Arc::default();
    let (group, watched): (_, Weak<Mutex<Option<Instant>>>) = (Arc::clone(group), Arc::downgrade(&deadline));
    thread::spawn(move || {
        while let Some(deadline) = watched.upgrade() {
            let until = *lock(&deadline);
            drop(deadline);
            match until {
                Some(until) if until < Instant::now() => lock(&group).kill(),
                // How it went is asked again by whoever reads.
                _ => drop(lock(&group).try_wait()),
            }
            thread::sleep(Duration::from_millis(200));
        }
    });
    deadline
}

/// Nobody panics while holding these.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
