//! What is measured: parts in memory and parts over sockets. In each round every contestant has a
//! turn, so that a noisy machine is noisy for all of them alike.

mod deflate;
mod memory;
mod receive;
mod scale;
mod send;
mod sockets;

use std::time::Instant;

use futures_util::FutureExt;

use crate::contestant::{Contestant, Row, Task};
use crate::effort::Effort;
use crate::peers;
use crate::table::{Costs, Table};

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

/// What a contestant does in its turn; returns what it cost.
struct Turn {
    row: Row,
    act: Box<dyn FnMut() -> f64>,
}

impl Turn {
    fn new(row: Row, act: impl FnMut() -> f64 + 'static) -> Self {
        Self { row, act: Box::new(act) }
    }
}

/// Runs all turns in each round, each time in another order.
fn take_turns(turns: &mut [Turn], rounds: usize) -> Costs {
    let mut costs: Costs = turns.iter().map(|turn| (turn.row.clone(), Vec::new())).collect();
    let mut order: Vec<usize> = (0..turns.len()).collect();
    let mut random = fastrand::Rng::with_seed(1);
    for round in 0..=rounds {
        random.shuffle(&mut order);
        for &index in &order {
            let cost = (turns[index].act)();
            // Buffers grow in the first turn.
            if round > 0 {
                costs[index].1.push(cost);
            }
        }
    }
    costs
}

/// Returns those that are asked for, and have what `pick` picks; the limits come first.
fn asked<T>(
    effort: &Effort,
    pick: impl Fn(&Contestant) -> Option<T>,
) -> impl Iterator<Item = (&'static str, T)> {
    let asked = peers::all().filter(|contestant| effort.includes(contestant.name));
    asked.filter_map(move |contestant| Some((contestant.name, pick(contestant)?)))
}

/// Returns how long it takes for each message, in nanoseconds.
fn time(messages: usize, act: impl FnOnce()) -> f64 {
    let begin = Instant::now();
    act();
    begin.elapsed().as_nanos() as f64 / messages as f64
}

/// Lets a server in memory answer what is there.
fn serve(task: &mut Task) {
    assert!(task.as_mut().now_or_never().is_none(), "a connection is over");
}

/// The payload sizes of the parts without sockets, and what of them is enough for a look.
const SIZES: [usize; 8] = [0, 16, 125, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 1 << 20];
const QUICK_SIZES: [usize; 4] = [16, 125, 1 << 10, 64 << 10];

fn size_text(size: usize) -> String {
    match size {
        0x10_0000.. => format!("{} MiB", size >> 20),
        0x400.. => format!("{} KiB", size >> 10),
        _ => format!("{size} B"),
    }
}

fn count_text(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
