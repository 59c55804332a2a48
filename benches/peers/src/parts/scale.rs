//! How the cost of a message grows with the number of connections.

use core::pin::Pin;
use core::task::{Context, Waker};
use std::sync::Arc;

use crate::memory::{Memory, Tap};
use crate::parts::size_text;
use crate::peer::{Role, Row};
use crate::peers::asked;
use crate::rounds::{Effort, Timed, take_timed_turns, time};
use crate::table::{Better, Table};
use crate::wire::{self, Content, Stream};

pub(super) const ABOUT: &str = "So many server connections in memory are served one after the \
other, over and over: a read delivers one message, or 16, which are echoed; what is to be written goes \
to a sink; then there is nothing more to read, and what of memory is not needed any more is given \
back, where a crate does that. In parentheses is the ratio to the cost with 1 connection in the same \
round: with more, what a connection consists of is no longer in the nearest cache when its turn \
comes. The limit is an event loop written by hand, whose connections are a socket and what is left of \
a message, and share their buffers. Settings are those for many connections.";

pub(super) fn measure(effort: &Effort) -> Vec<Table> {
    // The timers of those who have any belong to a runtime.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let _context = runtime.enter();
    let mut tables = Vec::new();
    for &size in effort.sizes(&SIZES) {
        tables.extend(BATCHES.map(|batch| table(size, batch, effort)));
    }
    tables
}

fn table(size: usize, batch: usize, effort: &Effort) -> Table {
    let messages = if batch == 1 { "1 message".into() } else { format!("{batch} messages") };
    let title = format!("{messages} of {} in a turn", size_text(size));
    let unit = "ns per message, and the ratio to 1 connection";
    let mut table = Table::new(&title, unit, Better::Lower);
    table.is_plotted = true;
    let counts = if effort.is_quick { &COUNTS[..4] } else { &COUNTS };
    let mut groups: Vec<Vec<Group>> =
        counts.iter().map(|&count| checked(count, size, batch, effort)).collect();
    let rows: Vec<Row> = groups[0].iter().map(|group| group.row).collect();
    let mut turns: Vec<Timed<'_>> = Vec::new();
    for group in groups.iter_mut().flatten() {
        let count = group.connections.len();
        let rounds = if effort.is_quick { 1 } else { SERVED / count };
        turns.push(Box::new(move || {
            // Others have had the caches.
            group.serve();
            time(|| (0..rounds).for_each(|_| group.serve())) / (rounds * count * batch) as f64
        }));
    }
    let times = take_timed_turns(&mut turns, effort.rounds);
    let mut columns = times.chunks(rows.len()).zip(counts);
    let one = &times[..rows.len()];
    for (times, count) in &mut columns {
        table.add_beside(&count.to_string(), &rows, times, one);
    }
    table.print();
    table
}

/// All connections of one contestant.
struct Group {
    row: Row,
    tap: Arc<Tap>,
    connections: Vec<Pin<Box<dyn Future<Output = ()>>>>,
}

impl Group {
    fn serve(&mut self) {
        self.tap.begin_turn();
        self.connections.iter_mut().for_each(serve);
    }
}

fn serve(connection: &mut Pin<Box<dyn Future<Output = ()>>>) {
    let polled = connection.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(polled.is_pending(), "a connection is over");
}

/// Returns the connections of all contestants, each of which has echoed what it received.
fn checked(count: usize, size: usize, batch: usize, effort: &Effort) -> Vec<Group> {
    let stream = Stream::of(batch * TURNS, Role::Client, Content::Binary, size, 1);
    let transport = Memory::paced(&stream.bytes, stream.bytes.len() / TURNS);
    let tap = transport.tap();
    let mut groups: Vec<Group> = Vec::new();
    for peer in asked(effort) {
        let tasks = || peer.tasks(&|| transport.clone()).into_iter();
        for (index, row) in tasks().map(|task| task.row).enumerate() {
            // One behind the other, so that they lie together.
            let connections = (0..count).filter_map(|_| Some(tasks().nth(index)?.run)).collect();
            groups.push(Group { row, tap: Arc::clone(&tap), connections });
        }
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

const SIZES: [usize; 2] = [16, 1 << 10];

/// How many messages a read delivers.
const BATCHES: [usize; 2] = [1, 16];

/// After how many turns a connection receives the same again.
const TURNS: usize = 2;

/// How often connections are served before the clock stops: the largest group twice.
const SERVED: usize = 20_000;
