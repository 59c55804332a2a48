//! What it costs to send messages into a sink that takes everything; and one message to many.

use bytes::Bytes;

use super::{QUICK_SIZES, SIZES, Turn, asked, size_text, take_turns, time};
use crate::contestant::{Role, Row, Run, Tuning};
use crate::effort::Effort;
use crate::memory::Memory;
use crate::peers::sanswire;
use crate::table::{Beside, Costs, Table};
use crate::wire::{self, Content};

pub(super) fn measure(effort: &Effort) -> Vec<Table> {
    let mut tables = Vec::new();
    for role in [Role::Server, Role::Client] {
        let mut times = Table::new(format!("{role:?}"), "ns per message");
        times.is_plotted = true;
        let title = format!("{role:?}: calls that write");
        let mut writes = Table::new(title, "writes per message");
        for &size in effort.sizes(&SIZES, &QUICK_SIZES) {
            let (mut turns, counts): (Vec<_>, Costs) = checked(role, size, effort).unzip();
            let costs = take_turns(&mut turns, effort.rounds());
            times.add(&size_text(size), &costs, Beside::Limit);
            writes.add(&size_text(size), &counts, Beside::Nothing);
        }
        tables.extend([times.print(), writes.print()]);
    }
    tables
}

/// Returns the turns of all senders, each of which has shown what it writes, and how many calls
/// write for each message.
fn checked(
    role: Role,
    size: usize,
    effort: &Effort,
) -> impl Iterator<Item = (Turn, (Row, Vec<f64>))> {
    let payload = Bytes::from(Content::Binary.payload(size, 1));
    // About 32 KiB are sent before they are flushed.
    let batch = ((32 << 10) / (size + 14)).max(1);
    let senders = asked(effort, |contestant| contestant.open.zip(contestant.sends));
    senders.map(move |(name, (open, class))| {
        let (row, memory) = (Row::new(name, class), Memory::sink());
        let tap = memory.tap();
        let mut run = open(memory, role, Tuning::Speed);
        let sent = tap.record(|| run.send(&payload, batch));
        let is_all = wire::read(&sent, role) == vec![(2, payload.to_vec()); batch];
        assert!(is_all, "{name} sends something else");
        let before = tap.writes();
        run.send(&payload, batch);
        let writes = (tap.writes() - before) as f64 / batch as f64;
        let payload = payload.clone();
        let send =
            move || time(REPEAT * batch, || (0..REPEAT).for_each(|_| run.send(&payload, batch)));
        (Turn::new(row.clone(), send), (row, vec![writes]))
    })
}

/// Sends one message to many connections.
pub(super) fn broadcast(effort: &Effort) -> Vec<Table> {
    let mut table = Table::new("10,000 receivers", "ns per receiver");
    let count = effort.pick(10_000, 1_000);
    // With more, the buffers of those that copy would not fit a small machine.
    let sizes = [125, 1 << 10, 4 << 10];
    for &size in effort.sizes(&sizes, &sizes) {
        let payload = Bytes::from(Content::Binary.payload(size, 1));
        let turn = |name, class, open: &dyn Fn() -> Box<dyn Run>| {
            let payload = payload.clone();
            // Side by side in memory.
            let mut group: Vec<_> = (0..count).map(|_| open()).collect();
            let send =
                move || time(count, || group.iter_mut().for_each(|run| run.send(&payload, 1)));
            Turn::new(Row::new(name, class), send)
        };
        let senders = asked(effort, |contestant| contestant.open.zip(contestant.sends));
        let turns = senders.map(|(name, (open, class))| {
            turn(name, class, &|| open(Memory::sink(), Role::Server, Tuning::Memory))
        });
        let mut turns: Vec<_> = turns.collect();
        if effort.includes("sanswire") {
            turns.push(turn("sanswire, prepared", "bytes", &*sanswire::prepared(&payload)));
        }
        table.add(&size_text(size), &take_turns(&mut turns, effort.rounds()), Beside::Limit);
    }
    vec![table.print()]
}

/// How many batches are sent in a turn.
const REPEAT: usize = 8;
