//! What permessage-deflate costs a server that echoes JSON.

use bytes::Bytes;

use super::{Turn, asked, serve, take_turns, time};
use crate::contestant::{Row, Takeover};
use crate::effort::Effort;
use crate::memory::Memory;
use crate::peers::zlib::{compress, decompress};
use crate::table::{Beside, Costs, Table};

pub(super) fn measure(effort: &Effort) -> Vec<Table> {
    let mut table = Table::new("JSON of 1 KiB", "ns per message");
    let mut sizes = Table::new("JSON of 1 KiB: size", "bytes sent per message");
    for (takeover, column) in
        [(Takeover::Reset, "no context takeover"), (Takeover::Keep, "context takeover")]
    {
        let (mut turns, lengths): (Vec<_>, Costs) = checked(takeover, effort).unzip();
        table.add(column, &take_turns(&mut turns, effort.rounds()), Beside::Limit);
        sizes.add(column, &lengths, Beside::Nothing);
    }
    vec![table.print(), sizes.print()]
}

/// Returns the turns of all servers, each of which has sent back every text, and how much they
/// sent.
fn checked(takeover: Takeover, effort: &Effort) -> impl Iterator<Item = (Turn, (Row, Vec<f64>))> {
    let texts: Vec<_> = (0..COUNT).map(|index| json(SIZE, index)).collect();
    let frames: Bytes = compress(&texts, takeover).into();
    asked(effort, |contestant| contestant.deflate).map(move |(name, open)| {
        let row = Row::new(name, "level 6");
        let memory = Memory::paced(&frames, frames.len());
        let (tap, turns) = (memory.tap(), memory.tap());
        let mut task = open(memory, takeover);
        let mut echo = move || {
            turns.begin_turn();
            serve(&mut task);
        };
        let sent = tap.record(&mut echo);
        assert!(decompress(&sent, takeover) == texts, "{name} echoes something else");
        let len = sent.len() as f64 / COUNT as f64;
        (Turn::new(row.clone(), move || time(COUNT, &mut echo)), (row, vec![len]))
    })
}

/// Text of exactly `size` bytes such as applications exchange: the same names again and again,
/// numbers that differ.
fn json(size: usize, index: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(index as u64);
    let mut text = String::from("[");
    while text.len() < size {
        text += &format!(
            r#"{{"id":{},"status":"{}","price":{}.{:02},"at":"2026-11-{:02}T{:02}:{:02}:00Z"}},"#,
            random.u32(..1_000_000),
            random.choice(WORDS).unwrap_or_default(),
            random.u32(..1_000),
            random.u32(..100),
            random.u32(1..=30),
            random.u32(..24),
            random.u32(..60),
        );
    }
    text.truncate(size);
    text.into_bytes()
}

const WORDS: [&str; 8] =
    ["alpha", "pending", "shipped", "returned", "standard", "express", "refused", "open"];

/// The size of a text, and how many are echoed in a turn.
const SIZE: usize = 1 << 10;
const COUNT: usize = 64;
