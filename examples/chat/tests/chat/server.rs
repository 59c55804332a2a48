//! A process of the chat.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// A running server with a directory of its own, both of which end with the test.
pub(crate) struct Server {
    child: Child,
    /// `127.0.0.1:PORT`
    pub(crate) address: String,
    pub(crate) directory: PathBuf,
    options: Vec<String>,
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    pub(crate) fn with(options: &[&str]) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("chat-{}-{number}", std::process::id());
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let options: Vec<_> = options.iter().map(|&option| option.to_owned()).collect();
        let (child, address) = spawn("127.0.0.1:0", &directory, &options);
        Self { child, address, directory, options }
    }

    /// Ends the process as by a power cut.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again, at the same address.
    pub(crate) fn start_again(&mut self) {
        let (child, address) = spawn(&self.address, &self.directory, &self.options);
        assert_eq!(address, self.address);
        self.child = child;
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.directory.join("journal.jsonl")
    }

    /// Asks the process to end.
    pub(crate) fn terminate(&self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    }

    /// Waits until it has.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// Returns the program with these options.
pub(crate) fn program(options: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chat"));
    command.args(options);
    command
}

fn spawn(address: &str, directory: &Path, options: &[String]) -> (Child, String) {
    let mut command = program(&["--listen", address, "--data"]);
    let mut child = command.arg(directory).args(options).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let (_, address) = line.trim().split_once("://").expect("it says where it listens");
    (child, address.to_owned())
}
