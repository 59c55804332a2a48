//! What is measured: parts in memory and parts over sockets.

mod deflate;
mod memory;
mod receive;
mod scale;
mod send;
mod sockets;

use crate::contestant::Row;
use crate::rounds::{Effort, Turn, take_turns};
use crate::table::{Beside, Table};

/// The name of a part, and how to measure it.
type Part = (&'static str, fn(&Effort) -> Vec<Table>);

/// All parts, in the order of the report.
pub(crate) const PARTS: [Part; 10] = [
    ("receive", receive::measure),
    ("send", send::measure),
    ("echo", sockets::echo),
    ("pingpong", sockets::pingpong),
    ("arena", sockets::arena),
    ("latency", sockets::latency),
    ("scale", scale::measure),
    ("memory", memory::measure),
    ("deflate", deflate::measure),
    ("broadcast", send::broadcast),
];

/// Takes turns of one contestant, without the clock: to be looked at by a profiler.
pub(crate) fn turn(part: &str, size: &str, name: &str, class: &str) {
    // Others do things when they are made.
    let only = name.split(',').take(1).map(str::to_owned).collect();
    let effort = Effort { only, ..Effort::default() };
    let size = size.parse().expect("a size");
    let (turns, messages) = match part {
        "receive" => receive::turns(size, 64 << 10, &effort),
        "receive-1460" => receive::turns(size, 1460, &effort),
        "send" => send::turns(crate::contestant::Role::Server, size, &effort),
        _ => send::turns(crate::contestant::Role::Client, size, &effort),
    };
    let is_asked = |(row, _): &Turn| (row.name, row.class) == (name, class);
    let (_, mut turn) = turns.into_iter().find(is_asked).expect("a contestant of that name");
    println!("{messages} messages in each of 100 turns");
    (0..100).for_each(|_| RunOnce::run(&mut turn));
}

/// Has a name that a profiler can be told.
struct RunOnce;

impl RunOnce {
    #[inline(never)]
    fn run(turn: &mut Box<dyn FnMut() -> f64>) {
        let _ = turn();
    }
}

/// Takes all turns, and adds what they cost as a column, set beside the limit.
fn contest(table: &mut Table, column: &str, turns: &mut [Turn], rounds: usize) {
    let costs = take_turns(turns, rounds);
    table.add(column, &rows(turns), &costs, Beside::Limit);
}

fn rows(turns: &[Turn]) -> Vec<Row> {
    turns.iter().map(|(row, _)| *row).collect()
}

/// The payload sizes of the parts without sockets, and what of them is enough for a look.
const SIZES: [usize; 8] = [0, 16, 125, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 1 << 20];
const QUICK_SIZES: [usize; 4] = [16, 125, 1 << 10, 64 << 10];

/// Writes a size as people do.
fn size_text(size: usize) -> String {
    match size {
        0x10_0000.. => format!("{} MiB", size >> 20),
        0x400.. => format!("{} KiB", size >> 10),
        _ => format!("{size} B"),
    }
}
