//! Processes of their own for servers and load, each on a core of its own; knows /proc.

use core::time::Duration;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::{env, fs};

use sanswire::handshake::encode_accept;

use crate::contestant::{Row, Start, Tuning};
use crate::load::{Load, Outcome};
use crate::peers::all;
use crate::rounds::Effort;

/// A server that can be started.
pub(crate) struct Program {
    pub(crate) row: Row,
    pub(crate) is_raw: bool,
    /// Whether it is a server of this package.
    pub(crate) is_ours: bool,
    command: Vec<String>,
}

/// A process that ends with its standard input.
pub(crate) struct Process {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Program {
    /// Returns the servers that are asked for; at the end those that are no crates.
    pub(crate) fn asked(verb: &str, effort: &Effort) -> Vec<Self> {
        let servers = all().filter_map(|contestant| {
            let class = match contestant.server? {
                Start::Blocking(_) => "blocking",
                Start::Tokio(_) => "async",
            };
            let row = Row { name: contestant.name, class };
            let command = vec![this(), verb.into(), contestant.name.into()];
            Some(Self { row, is_raw: contestant.is_raw, is_ours: true, command })
        });
        let asked = |program: &Self| effort.includes(program.row.name);
        servers.chain(outside()).filter(asked).collect()
    }

    /// Starts the server on its core, under another program if there is one; returns its port.
    pub(crate) fn start(&self, under: &[&str]) -> (Process, u16) {
        let under = under.iter().map(|&argument| argument.to_owned());
        let mut process = Process::start("0", under.chain(self.command.iter().cloned()));
        let port = process.line().parse();
        (process, port.unwrap_or_else(|_| panic!("{} gave no port", self.row.name)))
    }

    /// Returns the same load for this server.
    pub(crate) fn load(&self, process: &Process, port: u16, load: &Load) -> Load {
        Load { port, pid: process.child.id(), is_raw: self.is_raw, ..load.clone() }
    }

    /// Starts the server, and the load on its core; says so when the server fails its check.
    pub(crate) fn run(&self, under: &[&str], load: &Load) -> Option<Outcome> {
        let (process, port) = self.start(under);
        let load = self.load(&process, port, load);
        let outcome = serde_json::from_str(&load.process("load").line()).ok();
        let outcome = outcome.filter(|outcome: &Outcome| outcome.messages > 0.0);
        if outcome.is_none() {
            println!("!! {} did not pass its check, or broke off", self.row.name);
        }
        outcome
    }
}

fn this() -> String {
    env::current_exe().unwrap().display().to_string()
}

/// Returns the servers that are no crates, if they are installed.
fn outside() -> Vec<Program> {
    let place = env::var_os("PEERS_OUTSIDE").map(PathBuf::from).unwrap_or_default();
    let path = |path: &str| place.join(path).display().to_string();
    let bun = path("node_modules/.bin/bun");
    let programs = [("ws", "node".into(), "ws.mjs"), ("bun (uWebSockets)", bun, "bun.mjs")];
    let program = |(name, program, script): (&'static str, String, &str)| {
        let package = name.split(' ').next().unwrap_or(name);
        let is_there = place.join("node_modules").join(package).exists();
        let command = vec![program, path(script)];
        let row = Row { name, class: "async" };
        is_there.then_some(Program { row, is_raw: false, is_ours: false, command })
    };
    programs.into_iter().filter_map(program).collect()
}

impl Process {
    fn start(core: &str, command: impl Iterator<Item = String>) -> Self {
        let mut child = Command::new("taskset")
            .args(["-c", core])
            .args(command)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("taskset (of util-linux) is needed");
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, input, output }
    }

    /// Asks with an empty line.
    pub(crate) fn ask(&mut self) -> String {
        writeln!(self.input.as_mut().unwrap()).unwrap();
        self.line()
    }

    /// Waits for a line.
    pub(crate) fn line(&mut self) -> String {
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
    /// Starts a process with the load on its core.
    pub(crate) fn process(&self, verb: &str) -> Process {
        let load = serde_json::json!(self).to_string();
        Process::start("1", [this(), verb.into(), load].into_iter())
    }
}

/// What a process has used: seconds on a processor, of all threads that live; page faults that
/// needed no disk; and calls that were traced.
#[derive(Clone, Copy)]
pub(crate) struct Usage(pub(crate) [f64; 3]);

impl Usage {
    pub(crate) fn of(pid: u32, trace: Option<&Path>) -> Self {
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("the server is gone");
        let nanos = tasks.flatten().filter_map(|task| {
            let stat = fs::read_to_string(task.path().join("schedstat")).ok()?;
            stat.split(' ').next()?.parse::<f64>().ok()
        });
        let cpu = nanos.sum::<f64>() / 1e9;
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("the server is gone");
        // The name of the command may have blanks in it; the state, which is the third field,
        // follows its parenthesis. `minflt` is the tenth.
        let fields = stat.rsplit(')').next().unwrap_or_default();
        let faults = fields.split_whitespace().nth(7).unwrap().parse().unwrap();
        let calls = trace.map_or(0, |trace| fs::read_to_string(trace).unwrap().lines().count());
        Self([cpu, faults, calls as f64])
    }
}

/// Returns the memory of a process that is in core, in bytes.
pub(crate) fn resident(pid: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the server is gone");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a resident size");
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() * 1024.0
}

/// Returns how much the allocator has given out, with its own overhead.
#[expect(unsafe_code, reason = "the C library has no safe interface")]
fn heap() -> usize {
    // SAFETY: the function only reads the state of the allocator, under the allocator's locks.
    let info = unsafe { libc::mallinfo2() };
    info.uordblks + info.hblkhd
}

/// Runs a server until the standard input ends. Tells its port on the standard output, and how much
/// is on the heap whenever a line comes in. The handshake is the same for all; tasks run in one
/// thread, since the server has one core.
pub(crate) fn serve(name: &str, tuning: Tuning) {
    let mut servers = all().filter(|contestant| contestant.name == name);
    let server = servers.find(|contestant| contestant.server.is_some()).expect("a server");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    println!("{}", listener.local_addr().unwrap().port());
    std::thread::spawn(|| {
        std::io::stdin().lock().lines().for_each(|_| println!("{}", heap()));
        std::process::exit(0);
    });
    let opens = |stream: &mut std::net::TcpStream| {
        stream.set_nodelay(true).unwrap();
        server.is_raw || handshake(stream).is_some()
    };
    match server.server {
        Some(Start::Blocking(start)) => {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                if opens(&mut stream) {
                    let thread = std::thread::Builder::new().stack_size(256 << 10);
                    thread.spawn(move || start(stream)).unwrap();
                }
            }
        }
        Some(Start::Tokio(start)) => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                listener.set_nonblocking(true).unwrap();
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    // All waits while a connection opens, which is before the clock runs.
                    let mut stream = stream.into_std().unwrap();
                    stream.set_nonblocking(false).unwrap();
                    if opens(&mut stream) {
                        stream.set_nonblocking(true).unwrap();
                        start(tokio::net::TcpStream::from_std(stream).unwrap(), tuning);
                    }
                }
            });
        }
        None => {}
    }
}

fn handshake(stream: &mut std::net::TcpStream) -> Option<()> {
    let (mut head, mut buf) = (Vec::new(), [0; 512]);
    while !head.ends_with(b"\r\n\r\n") {
        let len = stream.read(&mut buf).ok()?;
        head.extend_from_slice(buf.get(..len).filter(|read| !read.is_empty())?);
    }
    let headers = core::str::from_utf8(&head).ok()?.lines().filter_map(|line| line.split_once(':'));
    let mut keys = headers.filter(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key"));
    let accept = encode_accept(keys.next()?.1.trim());
    let response = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade";
    write!(stream, "{response}\r\nSec-WebSocket-Accept: {accept}\r\n\r\n").ok()
}
