//! What permessage-deflate costs a server that echoes JSON.

use bytes::Bytes;

use crate::memory::Memory;
use crate::parts::size_text;
use crate::peer::{Deflater, Row, Takeover};
use crate::peers::asked;
use crate::peers::limit::{compress, decompress};
use crate::rounds::{Effort, take_turns};
use crate::table::{Better, Table};

pub(super) const ABOUT: &str = "A server in memory receives compressed JSON of 1 KiB, and sends it \
back compressed: with context takeover, and without. The limit is zlib-rs with nothing around it \
but headers and the mask. Everybody compresses at level 6, and by zlib-rs. What was sent is inflated \
and compared.";

pub(super) fn measure(effort: &Effort) -> Vec<Table> {
    let mut table = Table::new("JSON of 1 KiB", "ns per message", Better::Lower);
    let mut sizes = Table::new("JSON of 1 KiB: size", "bytes sent per message", Better::Lower);
    for takeover in [Takeover::Reset, Takeover::Keep] {
        let texts: Vec<_> = (0..COUNT).map(|index| json(SIZE, index)).collect();
        let frames: Bytes = compress(&texts, takeover).into();
        let (mut deflaters, lengths) = checked(&frames, &texts, takeover, effort);
        let rows: Vec<Row> = deflaters.iter().map(|deflater| deflater.row).collect();
        let mut turns: Vec<Box<dyn FnMut() + '_>> = Vec::new();
        for deflater in &mut deflaters {
            turns.push(Box::new(|| deflater.run.echo(COUNT)));
        }
        let mut times = take_turns(&mut turns, effort.rounds);
        times.iter_mut().flatten().for_each(|time| *time /= COUNT as f64);
        let column = match takeover {
            Takeover::Keep => "context takeover",
            Takeover::Reset => "no context takeover",
        };
        table.add(column, &rows, &times);
        sizes.add_values(column, &rows, &lengths);
    }
    table.print();
    sizes.print();
    vec![table, sizes]
}

/// Returns all servers, each of which has sent back every text, and how much they sent.
fn checked(
    frames: &Bytes,
    texts: &[Vec<u8>],
    takeover: Takeover,
    effort: &Effort,
) -> (Vec<Deflater>, Vec<f64>) {
    let mut checked = Vec::new();
    let mut lengths = Vec::new();
    for peer in asked(effort) {
        let taps = core::cell::RefCell::new(Vec::new());
        let transport = || {
            let transport = Memory::new(frames, 64 << 10);
            taps.borrow_mut().push(transport.tap());
            transport
        };
        let deflaters = peer.deflaters(&transport, takeover);
        for (mut deflater, tap) in deflaters.into_iter().zip(taps.into_inner()) {
            tap.keep(true);
            deflater.run.echo(texts.len());
            tap.keep(false);
            let (echoed, len) = decompress(&tap, takeover);
            assert!(echoed == texts, "{} echoes something else", deflater.row.name);
            lengths.push(len as f64 / texts.len() as f64);
            checked.push(deflater);
        }
    }
    (checked, lengths)
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
    assert_eq!(size_text(text.len()), "1 KiB");
    text.into_bytes()
}

const WORDS: [&str; 8] =
    ["alpha", "pending", "shipped", "returned", "standard", "express", "refused", "open"];

/// The size of a text.
const SIZE: usize = 1 << 10;

/// How many texts are echoed in a turn.
const COUNT: usize = 64;
