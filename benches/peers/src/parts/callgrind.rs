//! Instructions instead of time: what a busy machine cannot blur.

use std::process::Command;

use crate::parts::receive::{all, checked};
use crate::parts::size_text;
use crate::peer::{Role, Row};
use crate::rounds::Effort;
use crate::table::{Better, Table};
use crate::wire::{Content, Stream};

/// Counts the instructions of all receivers of whole binary messages.
#[must_use]
pub fn measure(effort: &Effort) -> Vec<Table> {
    let title = "Binary, whole, reads of 64 KiB: instructions";
    let mut table = Table::new(title, "instructions per message", Better::Lower);
    for &size in effort.sizes(&SIZES) {
        let stream = Stream::new(Content::Binary, size, 1);
        let receivers = checked(&stream, READ, Role::Server, effort);
        let rows: Vec<Row> = receivers.iter().map(|receiver| receiver.row).collect();
        let counts: Vec<_> = rows.iter().map(|row| vec![count(size, row)]).collect();
        table.add(&size_text(size), &rows, &counts);
    }
    table.print();
    vec![table]
}

/// What a process does that is looked at from outside: the same turn so many times.
pub fn turn(size: usize, read_size: usize, name: &str, class: &str, turns: usize) {
    let stream = Stream::new(Content::Binary, size, 1);
    // Others do things when they are made.
    let only = name.split(',').take(1).map(str::to_owned).collect();
    let effort = Effort { only, ..Effort::default() };
    let mut receivers = all(&stream, read_size, Role::Server, &effort);
    let is_asked = |row: Row| (row.name, row.class) == (name, class);
    let receiver = receivers.iter_mut().find(|receiver| is_asked(receiver.row));
    let receiver = receiver.expect("a receiver of that name");
    for _ in 0..turns {
        receiver.run.turn(stream.messages.len());
    }
}

fn count(size: usize, row: &Row) -> f64 {
    let messages = Stream::new(Content::Binary, size, 1).messages.len();
    // What the first turn does once falls out of the difference.
    let (few, many) = (instructions(size, row, 2), instructions(size, row, 4));
    (many - few) / (2 * messages) as f64
}

fn instructions(size: usize, row: &Row, turns: usize) -> f64 {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        // Only the turns: to set up takes more, and not always the same.
        .arg("--toggle-collect=*RunReceive*::turn*")
        .arg(std::env::current_exe().unwrap())
        .args(["turn", &size.to_string(), &READ.to_string()])
        .args([row.name, row.class, &turns.to_string()])
        .output()
        .expect("valgrind is needed");
    let text = String::from_utf8_lossy(&output.stderr);
    let line = text.lines().find_map(|line| line.split_once("Collected :")).expect("a count");
    line.1.trim().parse().expect("a count")
}

const SIZES: [usize; 4] = [16, 125, 1 << 10, 16 << 10];
const READ: usize = 64 << 10;
