//! A process of the program itself, what it says, and what it costs; knows no protocol.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use crate::Fault;

/// A process that is ended when this is dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    lines: Receiver<String>,
}

impl Process {
    pub(crate) fn start(arguments: &[&str]) -> Result<Self, Fault> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().ok_or_else(|| Fault::new("no output"))?;
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Ok(Self { child, lines })
    }

    /// Returns the next line that `wanted` accepts.
    pub(crate) fn line(&self, wanted: impl Fn(&str) -> bool) -> Result<String, Fault> {
        let until = Instant::now() + PATIENCE;
        let mut others = Vec::new();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left);
            let line = line.map_err(|_| {
                Fault::new(format!("the process does not say what it should, but {others:?}"))
            })?;
            if wanted(&line) {
                return Ok(line);
            }
            others.push(line);
        }
    }

    pub(crate) fn memory(&self) -> Result<Memory, Fault> {
        memory(&self.child.id().to_string())
    }

    /// Has the peak begin anew.
    pub(crate) fn forget_peak(&self) -> Result<(), Fault> {
        Ok(std::fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5")?)
    }

    /// Returns how many descriptors are open.
    pub(crate) fn descriptors(&self) -> Result<usize, Fault> {
        Ok(std::fs::read_dir(format!("/proc/{}/fd", self.child.id()))?.count())
    }

    /// Returns how long all threads have run on a CPU.
    pub(crate) fn cpu(&self) -> Result<Duration, Fault> {
        let mut sum = 0;
        for task in std::fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let text = std::fs::read_to_string(task?.path().join("schedstat"))?;
            sum += text.split(' ').next().unwrap_or_default().parse::<u64>()?;
        }
        Ok(Duration::from_nanos(sum))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The resident memory of a process, in KiB.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    pub(crate) now: usize,
    pub(crate) peak: usize,
}

/// Reads what the process with this id, or `self`, has in memory.
pub(crate) fn memory(process: &str) -> Result<Memory, Fault> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let figure = |name: &str| -> Result<usize, Fault> {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let line =
            line.ok_or_else(|| Fault::new(format!("/proc/{process}/status has no {name}")))?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    };
    Ok(Memory { now: figure("VmRSS:")?, peak: figure("VmHWM:")? })
}

/// How long anything is waited for. Nothing that is right takes as long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
