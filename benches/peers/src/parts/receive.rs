//! What it costs to receive messages that are in memory already.

use super::{QUICK_SIZES, SIZES, rows, size_text};
use crate::contestant::{Role, Row, Tuning};
use crate::memory::Memory;
use crate::peers::asked;
use crate::rounds::{Effort, Turn, take_turns, time};
use crate::table::{Beside, Table};
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
    for content in [Content::Binary, Content::Ascii] {
        tables.push(table(Role::Client, content, 1, READS[0], effort));
    }
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
    let who = if role == Role::Client { "As a client: " } else { "" };
    let how = if fragments == 1 { "whole" } else { "in 4 fragments" };
    let reads = if read_size == 1460 { "1,460 B" } else { "64 KiB" };
    let title = format!("{who}{what}, {how}, reads of {reads}");
    let mut table = Table::new(title, "ns per message");
    let sender = if role == Role::Client { Role::Server } else { Role::Client };
    for &size in effort.sizes(&SIZES, &QUICK_SIZES) {
        let mut costs: Vec<Vec<f64>> = Vec::new();
        let mut contestants = Vec::new();
        let layouts = if effort.is_quick { 1 } else { LAYOUTS };
        for layout in 0..layouts {
            let stream = Stream::new(sender, content, size, fragments).moved_by(layout * SHIFT);
            let mut turns = checked(&stream, read_size, role, effort);
            contestants = rows(&turns);
            costs.resize(turns.len(), Vec::new());
            let more = take_turns(&mut turns, effort.rounds.div_ceil(layouts));
            costs.iter_mut().zip(more).for_each(|(costs, more)| costs.extend(more));
        }
        table.add(&size_text(size), &contestants, &costs, Beside::Limit);
    }
    table.print()
}

/// Returns turns with whole binary messages, and how many these are.
pub(super) fn turns(size: usize, read_size: usize, effort: &Effort) -> (Vec<Turn>, usize) {
    let stream = Stream::new(Role::Client, Content::Binary, size, 1);
    (checked(&stream, read_size, Role::Server, effort), stream.messages.len())
}

/// Returns the turns of all receivers, each of which has shown that it receives every byte, twice
/// over.
fn checked(stream: &Stream, read_size: usize, role: Role, effort: &Effort) -> Vec<Turn> {
    let mut turns: Vec<Turn> = Vec::new();
    for contestant in asked(effort) {
        let Some((open, class)) = contestant.open.zip(contestant.receives) else { continue };
        let mut run = open(Memory::new(&stream.bytes, read_size), role, Tuning::Speed);
        let count = stream.messages.len();
        for _ in 0..2 {
            let mut seen = Vec::new();
            let end = run.receive(count, Some(&mut seen));
            let is_same = end.is_ok() && seen == stream.messages;
            assert!(is_same, "{} receives something else", contestant.name);
        }
        let turn = move || time(|| run.receive(count, None).unwrap()) / count as f64;
        turns.push((Row { name: contestant.name, class }, Box::new(turn)));
    }
    turns
}

/// In how many places the stream lies, and how far from each other.
const LAYOUTS: usize = 3;
const SHIFT: usize = 1360;

/// How much a read delivers.
const READS: [usize; 2] = [64 << 10, 1460];
