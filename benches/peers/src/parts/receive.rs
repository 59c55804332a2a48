//! What it costs to receive messages that are in memory already.

use super::{QUICK_SIZES, SIZES, Turn, asked, size_text, take_turns, time};
use crate::contestant::{Role, Row, Seen, Tuning};
use crate::effort::Effort;
use crate::memory::Memory;
use crate::table::{Beside, Costs, Table};
use crate::wire::{Content, Stream};

pub(super) fn measure(effort: &Effort) -> Vec<Table> {
    let mut tables = Vec::new();
    for content in [Content::Binary, Content::Ascii, Content::MultiByte] {
        for fragments in [1, 4] {
            for read_size in READS {
                let mut table = table(Role::Server, content, fragments, read_size, effort);
                let is_whole = fragments == 1;
                table.is_plotted = read_size != 1460 && is_whole == (content != Content::Ascii);
                tables.push(table);
            }
        }
    }
    let client = |content| table(Role::Client, content, 1, READS[0], effort);
    tables.extend([Content::Binary, Content::Ascii].map(client));
    tables
}

fn table(
    role: Role,
    content: Content,
    fragments: usize,
    read_size: usize,
    effort: &Effort,
) -> Table {
    let what = match content {
        Content::Ascii => "ASCII text",
        Content::Binary => "Binary",
        Content::MultiByte => "Multi-byte text",
    };
    let who = role.pick("As a client: ", "");
    let how = if fragments == 1 { "whole" } else { "in 4 fragments" };
    let reads = if read_size == 1460 { "1,460 B" } else { "64 KiB" };
    let title = format!("{who}{what}, {how}, reads of {reads}");
    let mut table = Table::new(title, "ns per message");
    let sender = role.pick(Role::Server, Role::Client);
    let layouts = effort.pick(LAYOUTS, 1);
    for &size in effort.sizes(&SIZES, &QUICK_SIZES) {
        let mut costs = Costs::new();
        for layout in 0..layouts {
            let stream = Stream::new(sender, content, size, fragments).moved_by(layout * SHIFT);
            let mut turns = checked(&stream, read_size, role, effort);
            let more = take_turns(&mut turns, effort.rounds().div_ceil(layouts));
            if layout == 0 {
                costs = more;
            } else {
                costs.iter_mut().zip(more).for_each(|(costs, more)| costs.1.extend(more.1));
            }
        }
        table.add(&size_text(size), &costs, Beside::Limit);
    }
    table.print()
}

/// Returns the turns of all receivers, each of which has shown that it receives every byte, twice
/// over.
fn checked(stream: &Stream, read_size: usize, role: Role, effort: &Effort) -> Vec<Turn> {
    let receivers = asked(effort, |contestant| contestant.open.zip(contestant.receives));
    let turns = receivers.map(|(name, (open, class))| {
        let mut run = open(Memory::new(&stream.bytes, read_size), role, Tuning::Speed);
        let count = stream.messages.len();
        for _ in 0..2 {
            let mut seen = Seen(Some(Vec::new()));
            let end = run.receive(count, &mut seen);
            let is_same = end.is_ok() && seen.0.as_ref() == Some(&stream.messages);
            assert!(is_same, "{name} receives something else");
        }
        let receive = move || time(count, || run.receive(count, &mut Seen(None)).unwrap());
        Turn::new(Row::new(name, class), receive)
    });
    turns.collect()
}

/// In how many places the stream lies, and how far from each other.
const LAYOUTS: usize = 3;
const SHIFT: usize = 1360;

/// How much a read delivers.
const READS: [usize; 2] = [64 << 10, 1460];
