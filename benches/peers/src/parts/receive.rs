//! What it costs to receive messages that are in memory already.

use crate::memory::Memory;
use crate::parts::{size_text, sizes};
use crate::peer::{Receiver, Role, Row};
use crate::peers::asked;
use crate::rounds::{Effort, take_turns};
use crate::table::{Better, Table};
use crate::wire::{Content, Stream};

pub(super) const ABOUT: &str = "A server receives masked messages from memory; a read delivers 64 \
KiB or 1,460 bytes at most. A client receives the same unmasked. *Lent*: the application looks at the payload where it lies, or in a \
buffer that is used again. *Owned*: it gets a message that it could keep. Text is validated by \
everybody. The limit is a loop that only parses the header, unmasks in place and calls a closure.";

pub(super) fn measure(effort: &Effort) -> Vec<Table> {
    let mut tables = Vec::new();
    for content in [Content::Binary, Content::Ascii, Content::MultiByte] {
        for fragments in [1, 4] {
            for read_size in READS {
                let title = title(content, fragments, read_size);
                let is_plotted = read_size != 1460
                    && (fragments == 1) == (content == Content::Binary)
                    || content == Content::MultiByte && fragments == 1 && read_size != 1460;
                let stream = |size| Stream::new(content, size, fragments);
                let mut table = table(&title, &stream, read_size, Role::Server, effort);
                table.is_plotted = is_plotted;
                tables.push(table);
            }
        }
    }
    for content in [Content::Binary, Content::Ascii] {
        let title = format!("As a client: {}", title(content, 1, READS[0]));
        let stream = |size| Stream::from_server(content, size);
        tables.push(table(&title, &stream, READS[0], Role::Client, effort));
    }
    tables
}

fn title(content: Content, fragments: usize, read_size: usize) -> String {
    let what = match content {
        Content::Ascii => "ASCII text",
        Content::Binary => "Binary",
        Content::MultiByte => "Multi-byte text",
    };
    let how = if fragments == 1 { "whole" } else { "in 4 fragments" };
    let reads = if read_size == 1460 { "1,460 B" } else { "64 KiB" };
    format!("{what}, {how}, reads of {reads}")
}

fn table(
    title: &str,
    stream: &dyn Fn(usize) -> Stream,
    read_size: usize,
    role: Role,
    effort: &Effort,
) -> Table {
    let mut table = Table::new(title, "ns per message", Better::Lower);
    for &size in sizes(effort) {
        let mut rows: Vec<Row> = Vec::new();
        let mut times: Vec<Vec<f64>> = Vec::new();
        let layouts = LAYOUTS.min(effort.rounds);
        for layout in 0..layouts {
            let stream = stream(size).moved_by(layout * SHIFT);
            let mut receivers = checked(&stream, read_size, role, effort);
            rows = receivers.iter().map(|receiver| receiver.row).collect();
            times.resize(rows.len(), Vec::new());
            let messages = stream.messages.len();
            let mut turns: Vec<Box<dyn FnMut() + '_>> = Vec::new();
            for receiver in &mut receivers {
                turns.push(Box::new(|| receiver.run.turn(messages)));
            }
            let more = take_turns(&mut turns, effort.rounds.div_ceil(layouts));
            for (times, more) in times.iter_mut().zip(more) {
                times.extend(more.into_iter().map(|time| time / messages as f64));
            }
        }
        table.add(&size_text(size), &rows, &times);
    }
    table.print();
    table
}

/// Returns all receivers, each of which has shown that it receives every byte, twice over.
pub(crate) fn checked(
    stream: &Stream,
    read_size: usize,
    role: Role,
    effort: &Effort,
) -> Vec<Receiver> {
    let mut receivers = all(stream, read_size, role, effort);
    for receiver in &mut receivers {
        for _ in 0..2 {
            let collected = receiver.run.collect(stream.messages.len());
            assert!(collected == stream.messages, "{} receives something else", receiver.row.name);
        }
    }
    receivers
}

/// Returns all receivers that take part.
pub(super) fn all(stream: &Stream, read_size: usize, role: Role, effort: &Effort) -> Vec<Receiver> {
    let transport = || Memory::new(&stream.bytes, read_size);
    asked(effort).flat_map(|peer| peer.receivers(&transport, role)).collect()
}

/// In how many places the stream lies, and how far from each other.
const LAYOUTS: usize = 3;
const SHIFT: usize = 1360;

/// How much a read delivers.
const READS: [usize; 2] = [64 << 10, 1460];
