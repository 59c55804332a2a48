//! How the cost of a message grows with the number of connections.

use core::task::{Context, Waker};
use std::sync::Arc;

use super::{rows, size_text};
use crate::contestant::{Role, Row, Task};
use crate::memory::{Memory, Tap};
use crate::peers::asked;
use crate::rounds::{Effort, Turn, take_turns, time};
use crate::table::{Beside, Table};
use crate::wire::{self, Content, Stream};

pub(super) fn measure(effort: &Effort) -> Vec<Table> {
    // The timers of those that have any belong to a runtime.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let _context = runtime.enter();
    let mut tables = Vec::new();
    for &size in effort.sizes(&[16, 1 << 10], &[16, 1 << 10]) {
        tables.extend([1, 16].map(|batch| table(size, batch, effort)));
    }
    tables
}

fn table(size: usize, batch: usize, effort: &Effort) -> Table {
    let plural = if batch == 1 { "" } else { "s" };
    let title = format!("{batch} message{plural} of {} in a turn", size_text(size));
    let mut table = Table::new(title, "ns per message, and the ratio to 1 connection");
    table.is_plotted = true;
    let counts = if effort.is_quick { &COUNTS[..4] } else { &COUNTS };
    let mut turns: Vec<Turn> = Vec::new();
    for &count in counts {
        for mut group in checked(count, size, batch, effort) {
            let row = group.row;
            let rounds = if effort.is_quick { 1 } else { SERVED / count };
            let turn = move || {
                // The other contestants have had the caches.
                group.serve();
                time(|| (0..rounds).for_each(|_| group.serve())) / (rounds * count * batch) as f64
            };
            turns.push((row, Box::new(turn)));
        }
    }
    let costs = take_turns(&mut turns, effort.rounds);
    let len = turns.len() / counts.len();
    for (costs_of, count) in costs.chunks(len).zip(counts) {
        let one = Beside::These(&costs[..len]);
        table.add(&count.to_string(), &rows(&turns[..len]), costs_of, one);
    }
    table.print()
}

/// All connections of one contestant.
struct Group {
    row: Row,
    tap: Arc<Tap>,
    connections: Vec<Task>,
}

impl Group {
    fn serve(&mut self) {
        self.tap.begin_turn();
        self.connections.iter_mut().for_each(serve);
    }
}

fn serve(connection: &mut Task) {
    let polled = connection.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(polled.is_pending(), "a connection is over");
}

/// Returns the connections of all contestants, each of which has echoed what it received.
fn checked(count: usize, size: usize, batch: usize, effort: &Effort) -> Vec<Group> {
    let stream = Stream::of(batch * TURNS, Role::Client, Content::Binary, size, 1);
    let transport = Memory::paced(&stream.bytes, stream.bytes.len() / TURNS);
    let tap = transport.tap();
    let mut groups: Vec<Group> = Vec::new();
    for contestant in asked(effort) {
        let Some(task) = contestant.task else { continue };
        // One behind the other, so that they lie together.
        let connections = (0..count).map(|_| task(transport.clone())).collect();
        let row = Row { name: contestant.name, class: "echo" };
        groups.push(Group { row, tap: Arc::clone(&tap), connections });
    }
    tap.keep(true);
    for group in &mut groups {
        for sent in stream.messages.chunks(batch) {
            tap.begin_turn();
            for connection in &mut group.connections {
                serve(connection);
                let echoed = wire::read(&tap.take_kept(), false);
                let is_same = echoed
                    .iter()
                    .map(|(opcode, payload)| (*opcode, payload))
                    .eq(sent.iter().map(|(_, payload)| (2, payload)));
                assert!(is_same, "{} echoes something else", group.row.name);
            }
        }
    }
    tap.keep(false);
    groups
}

const COUNTS: [usize; 5] = [1, 10, 100, 1_000, 10_000];

/// After how many turns a connection receives the same again.
const TURNS: usize = 2;

/// How often connections are served before the clock stops: the largest group twice.
const SERVED: usize = 20_000;
