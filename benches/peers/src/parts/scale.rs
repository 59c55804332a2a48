//! How the cost of a message grows with the number of connections.

use std::sync::Arc;

use super::{Turn, asked, count_text, size_text, take_turns, time};
use crate::contestant::{Role, Row, Task};
use crate::effort::Effort;
use crate::memory::{Memory, Tap};
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
    let messages = count_text(batch, "message");
    let title = format!("{messages} of {} in a turn", size_text(size));
    let mut table = Table::new(title, "ns per message, and the ratio to 1 connection");
    table.is_plotted = true;
    let counts = effort.pick(&COUNTS[..], &COUNTS[..4]);
    let mut turns = Vec::new();
    for &count in counts {
        for mut group in checked(count, size, batch, effort) {
            let rounds = effort.pick(SERVED / count, 1);
            turns.push(Turn::new(group.row.clone(), move || {
                // The other contestants have had the caches.
                group.serve();
                time(rounds * count * batch, || (0..rounds).for_each(|_| group.serve()))
            }));
        }
    }
    let costs = take_turns(&mut turns, effort.rounds());
    let costs: Vec<_> = costs.chunks(turns.len() / counts.len()).map(<[_]>::to_vec).collect();
    for (costs_of, count) in costs.iter().zip(counts) {
        table.add(&count.to_string(), costs_of, Beside::These(&costs[0]));
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
        self.connections.iter_mut().for_each(super::serve);
    }
}

/// Returns the connections of all contestants, each of which has echoed what it received.
fn checked(count: usize, size: usize, batch: usize, effort: &Effort) -> Vec<Group> {
    let stream = Stream::of(batch * TURNS, Role::Client, Content::Binary, size, 1);
    let transport = Memory::paced(&stream.bytes, stream.bytes.len() / TURNS);
    let tap = transport.tap();
    let groups = asked(effort, |contestant| contestant.task).map(|(name, task)| {
        // One behind the other, so that they lie together.
        let connections = (0..count).map(|_| task(transport.clone())).collect();
        Group { row: Row::new(name, "echo"), tap: Arc::clone(&tap), connections }
    });
    let mut groups: Vec<_> = groups.collect();
    for Group { row, connections, .. } in &mut groups {
        for sent in stream.messages.chunks(batch) {
            tap.begin_turn();
            for connection in &mut *connections {
                let echoed = tap.record(|| super::serve(connection));
                let echoed = wire::read(&echoed, Role::Server).into_iter();
                let is_same = echoed.eq(sent.iter().map(|(_, payload)| (2, payload.clone())));
                assert!(is_same, "{} echoes something else", row.name);
            }
        }
    }
    groups
}

const COUNTS: [usize; 5] = [1, 10, 100, 1_000, 10_000];

/// After how many turns a connection receives the same again.
const TURNS: usize = 2;

/// How often connections are served before the clock stops: the largest group twice.
const SERVED: usize = 20_000;
