//! Servers in processes of their own, on a core of their own; knows /proc.

use std::future::pending;
use std::io::{BufRead, BufReader, Lines, Write};
use std::net::{TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::{env, fs, thread};

use crate::contestant::{Row, Start, Tuning};
use crate::effort::Effort;
use crate::load::{Driver, Load, Outcome};
use crate::peers::all;

/// A server that can be started.
pub(crate) struct Program {
    pub(crate) row: Row,
    pub(crate) is_raw: bool,
    /// Whether it is a server of this package.
    pub(crate) is_ours: bool,
    command: Vec<String>,
}

/// A server in a process that ends with its standard input.
pub(crate) struct Server {
    pub(crate) port: u16,
    pub(crate) is_raw: bool,
    process: Child,
    output: Lines<BufReader<ChildStdout>>,
}

impl Program {
    /// Returns the servers that are asked for; at the end those that are no crates.
    pub(crate) fn asked(verb: &str, effort: &Effort) -> Vec<Self> {
        let this = env::current_exe().unwrap().display().to_string();
        let servers = all().filter_map(|contestant| {
            let class = match contestant.server? {
                Start::Blocking(_) => "blocking",
                Start::Tokio(_) => "async",
            };
            let row = Row::new(contestant.name, class);
            let command = vec![this.clone(), verb.into(), contestant.name.into()];
            Some(Self { row, is_raw: contestant.is_raw, is_ours: true, command })
        });
        let asked = |program: &Self| effort.includes(&program.row.name);
        servers.chain(outside()).filter(asked).collect()
    }

    /// Starts the server on its core. If there is a file for it, strace writes a line for each call
    /// of `brk`; only these calls are stopped.
    pub(crate) fn start(&self, trace: Option<&Path>) -> Server {
        let mut command = Command::new("taskset");
        command.args(["-c", "0"]);
        if let Some(trace) = trace {
            command.args(["strace", "-f", "-qq", "--seccomp-bpf", "-e", "trace=brk", "-o"]);
            command.arg(trace);
        }
        command.args(&self.command).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().expect("taskset (of util-linux) is needed");
        let mut output = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = output.next().and_then(|line| line.ok()?.parse().ok());
        let port = port.unwrap_or_else(|| panic!("{} gave no port", self.row.name));
        Server { port, is_raw: self.is_raw, process, output }
    }

    /// Starts the server and loads it; says so when it fails its check.
    pub(crate) fn run(&self, load: &Load, trace: Option<&Path>) -> Option<Outcome> {
        let server = self.start(trace);
        let run = || Driver::open(load, &server).run(|| server.usage(trace));
        let outcome = catch_unwind(AssertUnwindSafe(run)).ok();
        let outcome = outcome.filter(|outcome| outcome.messages > 0.0);
        if outcome.is_none() {
            println!("!! {} did not pass its check, or broke off", self.row.name);
        }
        outcome
    }
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
        let row = Row::new(name, "async");
        is_there.then_some(Program { row, is_raw: false, is_ours: false, command })
    };
    programs.into_iter().filter_map(program).collect()
}

impl Server {
    /// Returns what it tells when it is asked with an empty line: bytes of heap, if it counts them.
    pub(crate) fn heap(&mut self) -> Option<f64> {
        writeln!(self.process.stdin.as_mut().unwrap()).unwrap();
        self.output.next()?.unwrap().parse().ok()
    }

    /// Returns the memory that is in core, in bytes.
    pub(crate) fn resident(&self) -> f64 {
        self.entry().status().ok().and_then(|status| status.vmrss).expect("a size") as f64 * 1024.0
    }

    /// Returns what was used: seconds on a processor, of all threads that live; page faults that
    /// needed no disk; and calls that were traced.
    fn usage(&self, trace: Option<&Path>) -> [f64; 3] {
        let tasks = self.entry().tasks().expect("the server is gone").flatten();
        let nanos = tasks.filter_map(|task| Some(task.schedstat().ok()?.sum_exec_runtime as f64));
        let faults = self.entry().stat().expect("the server is gone").minflt;
        let calls = trace.map_or(0, |trace| fs::read_to_string(trace).unwrap().lines().count());
        [nanos.sum::<f64>() / 1e9, faults as f64, calls as f64]
    }

    fn entry(&self) -> procfs::process::Process {
        let pid = self.process.id().cast_signed();
        procfs::process::Process::new(pid).expect("the server is gone")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // This closes its standard input.
        let _ = self.process.wait();
    }
}

/// Leaves the core of the servers to them.
pub(crate) fn take_core() {
    let id = std::process::id().to_string();
    let taken = Command::new("taskset").args(["-cp", "1", &id]).stdout(Stdio::null()).status();
    assert!(taken.expect("taskset (of util-linux) is needed").success(), "two cores are needed");
}

/// Returns how much the allocator has given out, with its own overhead.
#[expect(unsafe_code, reason = "the C library has no safe interface")]
fn heap() -> usize {
    // SAFETY: the function only reads the state of the allocator, under the allocator's locks.
    let info = unsafe { libc::mallinfo2() };
    info.uordblks + info.hblkhd
}

/// Runs a server until the standard input ends. Tells its port on the standard output, and how much
/// is on the heap whenever a line comes in. The handshake is the same for all, and over before the
/// clock runs; tasks run in one thread, since the server has one core.
pub(crate) fn serve(name: &str, tuning: Tuning) {
    let mut servers = all().filter(|contestant| contestant.name == name);
    let server = servers.find(|contestant| contestant.server.is_some()).expect("a server");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    println!("{}", listener.local_addr().unwrap().port());
    thread::spawn(|| {
        std::io::stdin().lock().lines().for_each(|_| println!("{}", heap()));
        std::process::exit(0);
    });
    let accept = move |start: &dyn Fn(TcpStream)| {
        for stream in listener.incoming().map(Result::unwrap) {
            stream.set_nodelay(true).unwrap();
            if server.is_raw || tungstenite::accept(&stream).is_ok() {
                start(stream);
            }
        }
    };
    match server.server {
        Some(Start::Blocking(start)) => accept(&|stream| {
            let thread = thread::Builder::new().stack_size(256 << 10);
            thread.spawn(move || start(stream)).unwrap();
        }),
        Some(Start::Tokio(start)) => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.unwrap();
            let handle = runtime.handle().clone();
            thread::spawn(move || {
                accept(&|stream| {
                    stream.set_nonblocking(true).unwrap();
                    // What belongs to the connection is allocated in the thread that is measured.
                    handle.spawn(async move {
                        start(tokio::net::TcpStream::from_std(stream).unwrap(), tuning);
                    });
                });
            });
            runtime.block_on(pending())
        }
        None => {}
    }
}
