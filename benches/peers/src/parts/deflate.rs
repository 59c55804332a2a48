//! What permessage-deflate costs a server that echoes JSON.

use bytes::Bytes;

use super::{contest, rows};
use crate::contestant::{Row, Takeover};
use crate::memory::Memory;
use crate::peers::asked;
use crate::peers::zlib::{compress, decompress};
use crate::rounds::{Effort, Turn, time};
use crate::table::{Beside, Table};

pub(super) fn measure(effort: &Effort) -> Vec<Table> {
    let mut table = Table::new("JSON of 1 KiB", "ns per message");
    let mut sizes = Table::new("JSON of 1 KiB: size", "bytes sent per message");
    for (takeover, column) in
        [(Takeover::Reset, "no context takeover"), (Takeover::Keep, "context takeover")]
    {
        let (mut turns, lengths) = checked(takeover, effort);
        contest(&mut table, column, &mut turns, effort.rounds);
        sizes.add(column, &rows(&turns), &lengths, Beside::Nothing);
    }
    vec![table.print(), sizes.print()]
}

/// Returns the turns of all servers, each of which has sent back every text, and how much they
/// sent.
fn checked(takeover: Takeover, effort: &Effort) -> (Vec<Turn>, Vec<Vec<f64>>) {
    let texts: Vec<_> = (0..COUNT).map(|index| json(SIZE, index)).collect();
    let frames: Bytes = compress(&texts, takeover).into();
    let mut turns: Vec<Turn> = Vec::new();
    let mut lengths = Vec::new();
    for contestant in asked(effort) {
        let Some(open) = contestant.deflate else { continue };
        let memory = Memory::new(&frames, 64 << 10);
        let tap = memory.tap();
        let mut run = open(memory, takeover);
        tap.keep(true);
        run.echo(COUNT);
        tap.keep(false);
        let sent = tap.take_kept();
        let is_same = decompress(&sent, takeover) == texts;
        assert!(is_same, "{} echoes something else", contestant.name);
        lengths.push(vec![sent.len() as f64 / COUNT as f64]);
        let row = Row { name: contestant.name, class: "level 6" };
        turns.push((row, Box::new(move || time(|| run.echo(COUNT)) / COUNT as f64)));
    }
    (turns, lengths)
}

/// Text of exactly `size` bytes such as applications exchange: the same names again and again,
/// numbers that differ.
fn json(size: usize, index: usize) -> Vec<u8> {
    let mut state = index as u64 + 1;
    let mut random = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    };
    let mut text = String::from("[");
    while text.len() < size {
        text += &format!(
            r#"{{"id":{},"status":"{}","price":{}.{:02},"at":"2026-11-{:02}T{:02}:{:02}:00Z"}},"#,
            random() % 1_000_000,
            WORDS[random() % 8],
            random() % 1_000,
            random() % 100,
            1 + random() % 30,
            random() % 24,
            random() % 60,
        );
    }
    text.truncate(size);
    text.into_bytes()
}

const WORDS: [&str; 8] =
    ["alpha", "pending", "shipped", "returned", "standard", "express", "refused", "open"];

/// The size of a text.
const SIZE: usize = 1 << 10;

/// How many texts are echoed in a turn.
const COUNT: usize = 64;
