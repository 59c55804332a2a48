//! A process of Redis.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::page::PATIENCE;
use crate::server::Server;

/// A running Redis with a directory of its own, both of which end with the test.
pub(crate) struct Redis {
    child: Child,
    pub(crate) port: u16,
    directory: PathBuf,
    options: Vec<String>,
}

impl Redis {
    /// It keeps nothing but in memory.
    pub(crate) fn start() -> Self {
        Self::with(&["--save", "", "--appendonly", "no"])
    }

    pub(crate) fn with(options: &[&str]) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("redis-{}-{number}", std::process::id());
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&directory).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let options: Vec<_> = options.iter().map(|&option| option.to_owned()).collect();
        let child = spawn(port, &directory, &options);
        Self { child, port, directory, options }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Starts a server of the chat that uses it.
    pub(crate) fn server(&self) -> Server {
        Server::with(&["--redis", &self.url(), "--rate", "1000"])
    }

    /// Has it do something, and waits until it has.
    pub(crate) fn command(&self, command: &str) {
        let answer = ask(self.port, command).unwrap();
        assert!(!answer.starts_with('-'), "{answer}");
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn start_again(&mut self) {
        self.child = spawn(self.port, &self.directory, &self.options);
    }

    /// Has it answer nobody, as if the network were away.
    pub(crate) fn pause(&self) {
        self.signal("-STOP");
    }

    pub(crate) fn go_on(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn spawn(port: u16, directory: &Path, options: &[String]) -> Child {
    let mut command = Command::new("redis-server");
    command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--dir"]).arg(directory);
    command.args(options).stdout(Stdio::null());
    let child = command.spawn().expect("redis-server is installed");
    let began = Instant::now();
    // It answers with an error while it loads what it has kept.
    while !ask(port, "PING").is_ok_and(|answer| answer == "+PONG" || answer.contains("NOAUTH")) {
        assert!(began.elapsed() < PATIENCE, "redis-server answers");
        std::thread::sleep(Duration::from_millis(10));
    }
    child
}

/// Returns the first line of the answer.
fn ask(port: u16, command: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.write_all(format!("{command}\r\n").as_bytes())?;
    let mut answer = Vec::new();
    let mut byte = [0];
    while !answer.ends_with(b"\r\n") && stream.read(&mut byte)? == 1 {
        answer.extend(byte);
    }
    Ok(String::from_utf8_lossy(&answer).trim().to_owned())
}
