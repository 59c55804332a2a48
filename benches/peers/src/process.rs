//! Processes of their own for servers and load, each on a core of its own; knows /proc.

use core::time::Duration;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::{env, fs};

use crate::load::{Load, Outcome};
use crate::peer::{Row, Start, Tuning};

/// A server that can be started.
#[derive(Clone, Debug)]
pub struct Program {
    pub row: Row,
    pub is_raw: bool,
    command: Vec<String>,
}

/// A process that ends with its standard input.
#[derive(Debug)]
pub struct Process {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Program {
    /// Returns the servers of this package: for speed, or those that count their heap.
    #[must_use]
    pub fn ours(tuning: Tuning) -> Vec<Self> {
        let bin = match tuning {
            Tuning::Memory => "idle",
            Tuning::Speed => "peers",
        };
        let bin = env::current_exe().unwrap().with_file_name(bin);
        crate::serve::servers()
            .iter()
            .map(|server| Self {
                row: server.row,
                is_raw: matches!(server.start, Start::RawBlocking(_) | Start::RawTokio(_)),
                command: vec![bin.display().to_string(), "serve".into(), server.row.name.into()],
            })
            .collect()
    }

    /// Returns the servers that are no crates, if they are installed.
    #[must_use]
    pub fn outside() -> Vec<Self> {
        let Some(place) = env::var_os("PEERS_OUTSIDE").map(PathBuf::from) else {
            println!("!! no npm: `ws` and `bun` are left out");
            return Vec::new();
        };
        let bun = place.join("node_modules/.bin/bun").display().to_string();
        [("ws", "node".into(), "ws.mjs"), ("bun (uWebSockets)", bun, "bun.mjs")]
            .into_iter()
            .filter_map(|(name, program, script)| {
                let package = name.split(' ').next()?;
                if !place.join("node_modules").join(package).exists() {
                    println!("!! npm did not install {name}: it is left out");
                    return None;
                }
                let script = place.join(script).display().to_string();
                let row = Row { name, class: "async" };
                Some(Self { row, is_raw: false, command: vec![program, script] })
            })
            .collect()
    }

    /// Has the server run by another program.
    #[must_use]
    pub fn under(mut self, program: &[&str]) -> Self {
        self.command.splice(..0, program.iter().map(|&argument| argument.to_owned()));
        self
    }

    /// Starts the server on its core; returns its port, too.
    #[must_use]
    pub fn start(&self) -> (Process, u16) {
        let mut process = Process::start(SERVER_CORE, &self.command);
        let port =
            process.line().parse().unwrap_or_else(|_| panic!("{} gave no port", self.row.name));
        (process, port)
    }
}

impl Process {
    fn start(core: usize, command: &[String]) -> Self {
        let mut child = Command::new("taskset")
            .args(["-c", &core.to_string()])
            .args(command)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("taskset (of util-linux) is needed");
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, input, output }
    }

    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks with an empty line.
    pub fn ask(&mut self) -> String {
        writeln!(self.input.as_mut().unwrap()).unwrap();
        self.line()
    }

    /// Waits for a line.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.input = None;
        for _ in 0..100 {
            if matches!(self.child.try_wait(), Ok(Some(_)) | Err(_)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Load {
    /// Runs the load in a process on its core.
    #[must_use]
    pub fn start(&self) -> Option<Outcome> {
        let mut process = self.process("load");
        let line = process.line();
        let mut fields = line.split(' ');
        Some(Outcome {
            messages: fields.next()?.parse().ok()?,
            seconds: fields.next()?.parse().ok()?,
            cpu_ticks: fields.next()?.parse().ok()?,
        })
    }

    /// Opens connections that stay idle for as long as the process lives.
    #[must_use]
    pub fn start_idle(&self) -> Process {
        let mut process = self.process("hold");
        assert_eq!(process.line(), "idle");
        process
    }

    fn process(&self, verb: &str) -> Process {
        let bin = env::current_exe().unwrap().display().to_string();
        let Self { port, pid, connections, size, window, time, is_raw } = self;
        let mut command = vec![bin, verb.into()];
        command.extend([
            port.to_string(),
            pid.to_string(),
            connections.to_string(),
            size.to_string(),
            window.to_string(),
            time.as_millis().to_string(),
            is_raw.to_string(),
        ]);
        Process::start(LOAD_CORE, &command)
    }

    /// Takes arguments apart as [`process`](Self::process) put them together.
    #[must_use]
    pub fn parse(arguments: &[String]) -> Option<Self> {
        let [port, pid, connections, size, window, time, is_raw] = arguments else { return None };
        Some(Self {
            port: port.parse().ok()?,
            pid: pid.parse().ok()?,
            connections: connections.parse().ok()?,
            size: size.parse().ok()?,
            window: window.parse().ok()?,
            time: Duration::from_millis(time.parse().ok()?),
            is_raw: is_raw.parse().ok()?,
        })
    }
}

/// Returns the time a process has used, in ticks.
#[must_use]
pub fn cpu_ticks(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("the server is gone");
    // The name of the command may have blanks in it; the state follows its parenthesis.
    let fields: Vec<_> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    // utime and stime are the fields 14 and 15, the state is the third.
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

/// Returns the memory of a process that is in core, in bytes.
#[must_use]
pub fn resident(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the server is gone");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a resident size");
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
}

/// Returns seconds per tick.
#[must_use]
pub fn tick() -> f64 {
    let output = Command::new("getconf").arg("CLK_TCK").output().map(|output| output.stdout);
    let text = String::from_utf8(output.unwrap_or_default()).unwrap_or_default();
    1.0 / text.trim().parse().unwrap_or(100.0)
}

const SERVER_CORE: usize = 0;
const LOAD_CORE: usize = 1;
