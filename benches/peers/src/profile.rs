//! Where the time goes: samples of what is running, by function; knows `perf`.

use core::time::Duration;
use std::env;
use std::fmt::Write as _;
use std::process::Command;

use crate::load::Load;
use crate::parts::receive::checked;
use crate::parts::{size_text, window};
use crate::peer::{Role, Row, Tuning};
use crate::process::Program;
use crate::rounds::Effort;
use crate::wire::{Content, Stream};

pub(crate) const ABOUT: &str = "In which functions the time goes, by samples of what was running: the \
first six, as far as they have 2 % each. What was inlined counts for the function it is in. Names of C are the memory \
functions of the system's library, names in brackets the kernel's.\n";

/// Looks at this crate, or at who is asked for; returns Markdown.
#[must_use]
pub fn measure(effort: &Effort) -> String {
    let only = if effort.only.is_empty() { vec!["sanswire".into()] } else { effort.only.clone() };
    let asked = Effort { only, ..effort.clone() };
    let is_asked = |row: &Row| asked.includes(row) && !row.name.starts_with("limit");
    let mut text = String::from("| case | who | where |\n|---|---|---|\n");
    let mut add = |case: String, row: &Row, shares: Option<String>| {
        let line = format!("| {case} | {} | {} |", row.name, shares.unwrap_or_default());
        println!("{line}");
        let _ = writeln!(text, "{line}");
    };
    for &size in effort.sizes(&RECEIVED) {
        let stream = Stream::new(Content::Binary, size, 1);
        for (read_size, reads) in [(64 << 10, "64 KiB"), (1460, "1,460 B")] {
            let receivers = checked(&stream, read_size, Role::Server, &asked);
            for Row { name, class } in receivers.iter().map(|receiver| receiver.row) {
                let row = Row { name, class };
                if is_asked(&row) {
                    let case = format!("receive {class}, {}, reads of {reads}", size_text(size));
                    add(case, &row, receive(&row, size, read_size, stream.messages.len()));
                }
            }
        }
    }
    for &size in effort.sizes(&ECHOED) {
        for program in Program::ours(Tuning::Speed) {
            let row = program.row;
            if is_asked(&row) {
                let case = format!("echo, 32 connections, {}", size_text(size));
                add(case, &row, echo(program, size));
            }
        }
    }
    text
}

fn receive(row: &Row, size: usize, read_size: usize, messages: usize) -> Option<String> {
    let file = file();
    // About a second for those who need a nanosecond for a byte.
    let turns = 1 + (1 << 30) / (messages * (size + 64));
    let status = Command::new("perf")
        .args(record(&file))
        .arg(env::current_exe().ok()?)
        .args(["turn", &size.to_string(), &read_size.to_string(), row.name, row.class])
        .arg(turns.to_string())
        .status();
    status.expect("perf is needed").success().then(|| shares(&file))
}

fn echo(program: Program, size: usize) -> Option<String> {
    let file = file();
    let mut command = vec!["perf"];
    command.extend(record(&file));
    let (process, port) = program.under(&command).start();
    let (pid, window) = (process.pid(), window(size));
    let time = Duration::from_secs(1);
    Load { port, pid, connections: 32, size, window, time, is_raw: false }.start()?;
    // What was sampled is written when the server ends.
    drop(process);
    Some(shares(&file))
}

fn file() -> String {
    env::temp_dir().join(format!("peers-profile-{}", std::process::id())).display().to_string()
}

/// The clock is there on every machine, also where the counters of the processor are not.
fn record(file: &str) -> [&str; 8] {
    ["record", "-q", "-e", "cpu-clock", "-F", "5000", "-o", file]
}

/// Reads the functions with the most samples.
fn shares(file: &str) -> String {
    let output = Command::new("perf")
        .args(["report", "--stdio", "--no-children", "--no-inline", "--percent-limit", "2"])
        .args(["-F", "overhead,symbol", "-i", file])
        .output()
        .expect("perf is needed");
    let _ = std::fs::remove_file(file);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    let shares = lines.filter_map(|line| {
        let (share, symbol) = line.split_once('%')?;
        let (space, name) = symbol.trim().split_once(' ')?;
        let share = share.trim().parse::<f64>().ok()?;
        let name = name.trim().replace("sanswire::", "");
        Some(match space {
            "[k]" => format!("[{name}] {share:.0} %"),
            _ => format!("`{name}` {share:.0} %"),
        })
    });
    shares.take(MOST).collect::<Vec<_>>().join(", ")
}

/// How many functions are named.
const MOST: usize = 6;

const RECEIVED: [usize; 3] = [16, 1 << 10, 64 << 10];
const ECHOED: [usize; 3] = [16, 1 << 10, 64 << 10];
