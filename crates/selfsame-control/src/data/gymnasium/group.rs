//! A process together with those that it starts: they end together.

use std::io;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus};
use std::time::Instant;

#[cfg(unix)]
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

/// A process and, where the system has such groups, all that it starts.
#[derive(Debug)]
pub(super) struct ProcessGroup {
    leader: Child,
    /// How the process went, and when that was seen; its number may be another's then.
    ended: Option<(ExitStatus, Instant)>,
}

impl ProcessGroup {
    /// Starts the process as the leader of a group of its own: what a terminal sends to the program's group, Ctrl-C above all, is the program's to
    /// answer.
    pub fn spawn(command: &mut Command) -> io::Result<Self> {
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(command, 0);
        Ok(Self { leader: command.spawn()?, ended: None })
    }

    /// Its standard input, output and error, once, where they are pipes.
    pub fn pipes(&mut self) -> Option<(ChildStdin, ChildStdout, ChildStderr)> {
        Some((self.leader.stdin.take()?, self.leader.stdout.take()?, self.leader.stderr.take()?))
    }

    /// How the process went, if it has ended; what it has left behind is killed then.
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        match self.ended.is_some() || self.has_ended()? {
            true => self.end().map(Some),
            false => Ok(None),
        }
    }

    /// Kills all of them, and says how the process went.
    pub fn end(&mut self) -> io::Result<ExitStatus> {
        if let Some((status, _)) = self.ended {
            return Ok(status);
        }
        self.kill();
        let status = self.leader.wait()?;
        self.ended = Some((status, Instant::now()));
        Ok(status)
    }

    /// When it was seen that the process has ended.
    pub fn end_seen(&self) -> Option<Instant> {
        self.ended.map(|(_, seen)| seen)
    }

    /// Kills all of them.
    pub fn kill(&mut self) {
        if self.ended.is_some() {
            return;
        }
        // Nobody may be left to kill.
        #[cfg(unix)]
        let _ = kill_process_group(Pid::from_child(&self.leader), Signal::KILL);
        #[cfg(not(unix))]
        let _ = self.leader.kill();
    }

    /// Whether the process has ended. As long as nobody waits for it, its number is no other's, and neither is its group's.
    #[cfg(unix)]
    fn has_ended(&mut self) -> io::Result<bool> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        Ok(waitid(WaitId::Pid(Pid::from_child(&self.leader)), options)?.is_some())
    }

    #[cfg(not(unix))]
    fn has_ended(&mut self) -> io::Result<bool> {
        Ok(self.leader.try_wait()?.is_some())
    }
}

#[cfg(all(test, unix))]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::Read;
    use std::process::Stdio;
    use std::time::Duration;

    use super::*;

    /// A shell that starts another process, which holds standard output open and would outlive it, and then does this.
    fn shell(then: &str) -> ProcessGroup {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("sleep 1000 & {then}")]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        ProcessGroup::spawn(&mut command).unwrap()
    }

    /// Standard output ends when nobody is left who could write to it.
    fn until_all_have_ended(mut output: ChildStdout) {
        assert_eq!(output.read_to_end(&mut Vec::new()).unwrap(), 0);
    }

    #[test]
    fn what_a_process_leaves_behind_ends_with_it() {
        let mut group = shell("exit 3");
        let (_commands, output, _errors) = group.pipes().unwrap();
        let start = Instant::now();
        let status = loop {
            if let Some(status) = group.try_wait().unwrap() {
                break status;
            }
            assert!(start.elapsed() < Duration::from_secs(60));
            std::thread::sleep(Duration::from_millis(5));
        };
        assert_eq!(status.code(), Some(3));
        until_all_have_ended(output);
        assert_eq!(group.try_wait().unwrap(), Some(status));
        assert_eq!(group.end().unwrap(), status);
    }

    #[test]
    fn who_does_not_end_is_killed_with_all_that_it_started() {
        let mut group = shell("wait");
        let (_commands, output, _errors) = group.pipes().unwrap();
        assert_eq!(group.try_wait().unwrap(), None);
        assert_eq!(group.end().unwrap().code(), None);
        until_all_have_ended(output);
    }
}
