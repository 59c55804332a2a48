//! What it costs to send messages into a sink that takes everything; and one message to many.

use bytes::Bytes;

use super::{QUICK_SIZES, SIZES, contest, rows, size_text};
use crate::contestant::{Role, Row, Run, Tuning};
use crate::memory::Memory;
use crate::peers::{asked, sanswire};
use crate::rounds::{Effort, Turn, time};
use crate::table::{Beside, Table};
use crate::wire::{self, Content};

pub(super) fn measure(effort: &Effort) -> Vec<Table> {
    let mut tables = Vec::new();
    for role in [Role::Server, Role::Client] {
        let mut times = Table::new(format!("{role:?}"), "ns per message");
        times.is_plotted = true;
        let title = format!("{role:?}: calls that write");
        let mut writes = Table::new(title, "writes per message");
        for &size in effort.sizes(&SIZES, &QUICK_SIZES) {
            let (mut turns, counts) = checked(role, size, effort);
            contest(&mut times, &size_text(size), &mut turns, effort.rounds);
            writes.add(&size_text(size), &rows(&turns), &counts, Beside::Nothing);
        }
        tables.extend([times.print(), writes.print()]);
    }
    tables
}

/// Returns the turns, and how many messages are sent before a flush.
pub(super) fn turns(role: Role, size: usize, effort: &Effort) -> (Vec<Turn>, usize) {
    (checked(role, size, effort).0, batch(size))
}

/// Returns the turns of all senders, each of which has shown what it writes, and how many calls
/// write for each message.
fn checked(role: Role, size: usize, effort: &Effort) -> (Vec<Turn>, Vec<Vec<f64>>) {
    let payload = Bytes::from(Content::Binary.payload(size, 1));
    let batch = batch(size);
    let mut turns: Vec<Turn> = Vec::new();
    let mut counts = Vec::new();
    for contestant in asked(effort) {
        let Some((open, class)) = contestant.open.zip(contestant.sends) else { continue };
        let memory = Memory::sink();
        let tap = memory.tap();
        let mut run = open(memory, role, Tuning::Speed);
        tap.keep(true);
        run.send(&payload, batch);
        tap.keep(false);
        let messages = wire::read(&tap.take_kept(), role == Role::Client);
        let is_same = |(opcode, sent): &(u8, Vec<u8>)| *opcode == 2 && *sent == payload;
        let is_all = messages.len() == batch && messages.iter().all(is_same);
        assert!(is_all, "{} sends something else", contestant.name);
        let before = tap.writes();
        run.send(&payload, batch);
        counts.push(vec![(tap.writes() - before) as f64 / batch as f64]);
        let payload = payload.clone();
        let turn = move || {
            let nanos = time(|| (0..REPEAT).for_each(|_| run.send(&payload, batch)));
            nanos / (REPEAT * batch) as f64
        };
        turns.push((Row { name: contestant.name, class }, Box::new(turn)));
    }
    (turns, counts)
}

/// Sends one message to many connections.
pub(super) fn broadcast(effort: &Effort) -> Vec<Table> {
    let mut table = Table::new("10,000 receivers", "ns per receiver");
    let count = if effort.is_quick { 1_000 } else { 10_000 };
    // With more, the buffers of those that copy would not fit a small machine.
    let sizes = [125, 1 << 10, 4 << 10];
    for &size in effort.sizes(&sizes, &sizes) {
        let payload = Bytes::from(Content::Binary.payload(size, 1));
        let mut turns: Vec<Turn> = Vec::new();
        let mut add = |row: Row, open: &dyn Fn() -> Box<dyn Run>| {
            let payload = payload.clone();
            // Side by side in memory.
            let mut group: Vec<_> = (0..count).map(|_| open()).collect();
            let send = move || {
                time(|| group.iter_mut().for_each(|run| run.send(&payload, 1))) / f64::from(count)
            };
            turns.push((row, Box::new(send)));
        };
        for contestant in asked(effort) {
            let Some((open, class)) = contestant.open.zip(contestant.sends) else { continue };
            let open = || open(Memory::sink(), Role::Server, Tuning::Memory);
            add(Row { name: contestant.name, class }, &open);
        }
        if effort.includes("sanswire") {
            let row = Row { name: "sanswire, prepared", class: "bytes" };
            add(row, &*sanswire::prepared(&payload));
        }
        contest(&mut table, &size_text(size), &mut turns, effort.rounds);
    }
    vec![table.print()]
}

/// Returns how many messages are sent before they are flushed: about 32 KiB.
fn batch(size: usize) -> usize {
    ((32 << 10) / (size + 14)).max(1)
}

/// How many batches are sent in a turn.
const REPEAT: usize = 8;
