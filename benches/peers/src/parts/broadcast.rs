//! What it costs to send one message to many.

use bytes::Bytes;

use crate::memory::Memory;
use crate::parts::size_text;
use crate::peer::{Role, Row, Sender, Tuning};
use crate::peers::PEERS;
use crate::peers::sanswire::prepared;
use crate::rounds::{Effort, take_turns};
use crate::table::{Better, Table};
use crate::wire::Content;

pub(super) const ABOUT: &str = "One message goes to 10,000 connections in memory, each of which \
writes it into a sink of its own. Of the crates here only sanswire takes a message that was framed \
before (`Prepared`); the others send it to each connection.";

pub(super) fn measure(effort: Effort) -> Vec<Table> {
    let mut table = Table::new("10,000 receivers", "ns per receiver", Better::Lower);
    let receivers = if effort.is_quick { RECEIVERS / 10 } else { RECEIVERS };
    for size in SIZES {
        let payload = Bytes::from(Content::Binary.payload(size, 1));
        let mut groups = groups(receivers);
        groups.push(prepared(&payload, receivers));
        let rows: Vec<Row> = groups.iter().map(|group| group[0].row).collect();
        let mut turns: Vec<Box<dyn FnMut() + '_>> = Vec::new();
        for group in &mut groups {
            turns.push(Box::new(|| {
                for sender in group.iter_mut() {
                    sender.run.send(&payload, 1);
                }
            }));
        }
        let mut times = take_turns(&mut turns, effort.rounds);
        times.iter_mut().flatten().for_each(|time| *time /= receivers as f64);
        table.add(&size_text(size), &rows, &times);
    }
    table.print();
    vec![table]
}

/// Returns groups of servers: in each, all connections of one contestant, side by side in memory
/// also where a peer has several.
fn groups(receivers: usize) -> Vec<Vec<Sender>> {
    let mut groups = Vec::new();
    for peer in PEERS {
        let senders = || peer.senders(&Memory::sink, Role::Server, Tuning::Memory);
        for class in 0..senders().len() {
            groups.push((0..receivers).map(|_| senders().swap_remove(class)).collect());
        }
    }
    groups
}

const RECEIVERS: usize = 10_000;

/// With more, the buffers of those who copy would not fit a small machine.
const SIZES: [usize; 3] = [125, 1 << 10, 4 << 10];
