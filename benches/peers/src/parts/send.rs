//! What it costs to send messages into a sink that takes everything.

use std::sync::Arc;

use bytes::Bytes;

use crate::memory::{Memory, Tap};
use crate::parts::{size_text, sizes};
use crate::peer::{Role, Row, Sender, Tuning};
use crate::peers::asked;
use crate::rounds::{Effort, take_turns};
use crate::table::{Better, Table};
use crate::wire::{self, Content};

pub(super) const ABOUT: &str = "An endpoint sends binary messages in batches of 32 KiB, or one \
message, into a sink that takes all it is given; then it flushes. *slice*: the payload is given as \
`&[u8]`; *bytes*: as `Bytes`, of which a reference may be queued. A client masks; the limit takes \
its masks from a counter. Who writes while it sends need not copy a large slice, who queues must; \
`Bytes` can be queued without. The sink costs nothing, a system call does: the second table counts the \
calls.";

pub(super) fn measure(effort: &Effort) -> Vec<Table> {
    let mut tables = Vec::new();
    for role in [Role::Server, Role::Client] {
        let mut times = Table::new(&format!("{role:?}"), "ns per message", Better::Lower);
        times.is_plotted = true;
        let title = format!("{role:?}: calls that write");
        let mut writes = Table::new(&title, "writes per message", Better::Lower);
        for &size in sizes(effort) {
            add(&mut times, &mut writes, role, size, effort);
        }
        times.print();
        writes.print();
        tables.extend([times, writes]);
    }
    tables
}

fn add(times: &mut Table, writes: &mut Table, role: Role, size: usize, effort: &Effort) {
    let payload = Bytes::from(Content::Binary.payload(size, 1));
    let batch = (BATCH / (size + 14)).max(1);
    let mut senders = checked(role, &payload, batch, effort);
    let rows: Vec<Row> = senders.iter().map(|(sender, _)| sender.row).collect();
    let mut counts = Vec::new();
    for (sender, tap) in &mut senders {
        let before = tap.writes();
        sender.run.send(&payload, batch);
        counts.push((tap.writes() - before) as f64 / batch as f64);
    }
    let mut turns: Vec<Box<dyn FnMut() + '_>> = Vec::new();
    for (sender, _) in &mut senders {
        turns.push(Box::new(|| (0..REPEAT).for_each(|_| sender.run.send(&payload, batch))));
    }
    let mut nanos = take_turns(&mut turns, effort.rounds);
    nanos.iter_mut().flatten().for_each(|time| *time /= (REPEAT * batch) as f64);
    times.add(&size_text(size), &rows, &nanos);
    writes.add_values(&size_text(size), &rows, &counts);
}

/// Returns all senders, each of which has shown what it writes.
fn checked(role: Role, payload: &Bytes, batch: usize, effort: &Effort) -> Vec<(Sender, Arc<Tap>)> {
    let mut senders = Vec::new();
    for peer in asked(effort) {
        let taps = core::cell::RefCell::new(Vec::new());
        let transport = || {
            let transport = Memory::sink();
            taps.borrow_mut().push(transport.tap());
            transport
        };
        let new = peer.senders(&transport, role, Tuning::Speed);
        senders.extend(new.into_iter().zip(taps.into_inner()));
    }
    for (sender, tap) in &mut senders {
        tap.keep(true);
        sender.run.send(payload, batch);
        tap.keep(false);
        let messages = wire::read(&tap.take_kept(), role == Role::Client);
        let is_same = |(opcode, sent): &(u8, Vec<u8>)| *opcode == 2 && sent == payload;
        assert!(
            messages.len() == batch && messages.iter().all(is_same),
            "{} sends something else",
            sender.row.name
        );
    }
    senders
}

/// About how many bytes are sent before they are flushed.
const BATCH: usize = 32 << 10;

/// How many batches are sent in a turn.
const REPEAT: usize = 8;
