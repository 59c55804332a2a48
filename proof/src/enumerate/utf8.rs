//! The incremental validator of text (§8.1) beside table 3-7 of the Unicode standard, and the table
//! beside the standard library, by which the validator judges characters in pieces.

use std::thread;

use sanswire::Utf8Validator;

use crate::Extent;
use crate::tally::Tally;

pub(crate) fn ask(tally: &mut Tally, extent: Extent) {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let tallies: Vec<_> = thread::scope(|scope| {
        let start = |index| scope.spawn(move || ask_share(index, threads, extent));
        let started: Vec<_> = (0..threads).map(start).collect();
        started.into_iter().map(|thread| thread.join().expect("a question panicked")).collect()
    });
    tallies.iter().for_each(|share| tally.add(share));
}

/// Asks about the sequences whose first two bytes are this share's.
fn ask_share(index: usize, shares: usize, extent: Extent) -> Tally {
    let mut tally = Tally::new("utf8");
    for start in (0..=u16::MAX).skip(index).step_by(shares) {
        let [first, second] = start.to_be_bytes();
        if extent == Extent::Short && !(LONG.contains(&first) && EDGES.contains(&second)) {
            continue;
        }
        for third in 0..=u8::MAX {
            for fourth in 0..=u8::MAX {
                let bytes = [first, second, third, fourth];
                let expected = verdict(&bytes);
                tally.check(&by_library(&bytes), &expected, || {
                    format!("{bytes:02x?}, by the standard library")
                });
                for cuts in 0..8 {
                    tally.check(&validated(bytes, cuts), &expected, || {
                        format!("{bytes:02x?}, cut at {cuts:03b}")
                    });
                }
                for before in BEFORE {
                    tally.check(&validated_behind(before, bytes), &expected, || {
                        format!("{bytes:02x?}, behind {before} of ASCII")
                    });
                }
            }
        }
    }
    tally
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Invalid,
    /// A text may begin like this.
    Begun,
    Text,
}

/// A bit for each byte but the first: whether a piece begins there.
fn validated(bytes: [u8; 4], cuts: u8) -> Verdict {
    let mut validator = Utf8Validator::new();
    let mut start = 0;
    for end in 1..=4 {
        if end < 4 && cuts & (1 << (end - 1)) == 0 {
            continue;
        }
        if validator.push(&bytes[start..end]).is_err() {
            return Verdict::Invalid;
        }
        start = end;
    }
    if validator.is_complete() { Verdict::Text } else { Verdict::Begun }
}

/// Text of more than 64 bytes is validated by other code.
fn validated_behind(before: usize, bytes: [u8; 4]) -> Verdict {
    let mut text = [b'a'; 68];
    let text = &mut text[..before + 4];
    text[before..].copy_from_slice(&bytes);
    let mut validator = Utf8Validator::new();
    match validator.push(text) {
        Ok(()) if validator.is_complete() => Verdict::Text,
        Ok(()) => Verdict::Begun,
        Err(_) => Verdict::Invalid,
    }
}

/// The oracle: table 3-7 of the Unicode standard, "Well-Formed UTF-8 Byte Sequences", line by line.
fn verdict(bytes: &[u8]) -> Verdict {
    match bytes {
        [] => Verdict::Text,
        [0x00..=0x7F, rest @ ..]
        | [0xC2..=0xDF, 0x80..=0xBF, rest @ ..]
        | [0xE0, 0xA0..=0xBF, 0x80..=0xBF, rest @ ..]
        | [0xE1..=0xEC, 0x80..=0xBF, 0x80..=0xBF, rest @ ..]
        | [0xED, 0x80..=0x9F, 0x80..=0xBF, rest @ ..]
        | [0xEE..=0xEF, 0x80..=0xBF, 0x80..=0xBF, rest @ ..]
        | [0xF0, 0x90..=0xBF, 0x80..=0xBF, 0x80..=0xBF, rest @ ..]
        | [0xF1..=0xF3, 0x80..=0xBF, 0x80..=0xBF, 0x80..=0xBF, rest @ ..]
        | [0xF4, 0x80..=0x8F, 0x80..=0xBF, 0x80..=0xBF, rest @ ..] => verdict(rest),
        // Those lines, cut short.
        [0xC2..=0xF4]
        | [0xE0, 0xA0..=0xBF]
        | [0xE1..=0xEC, 0x80..=0xBF]
        | [0xED, 0x80..=0x9F]
        | [0xEE..=0xEF, 0x80..=0xBF]
        | [0xF0, 0x90..=0xBF]
        | [0xF1..=0xF3, 0x80..=0xBF]
        | [0xF4, 0x80..=0x8F]
        | [0xF0, 0x90..=0xBF, 0x80..=0xBF]
        | [0xF1..=0xF3, 0x80..=0xBF, 0x80..=0xBF]
        | [0xF4, 0x80..=0x8F, 0x80..=0xBF] => Verdict::Begun,
        _ => Verdict::Invalid,
    }
}

fn by_library(bytes: &[u8]) -> Verdict {
    match core::str::from_utf8(bytes) {
        Ok(_) => Verdict::Text,
        Err(error) if error.error_len().is_none() => Verdict::Begun,
        Err(_) => Verdict::Invalid,
    }
}

/// How many bytes of ASCII may stand before: the sequence begins in the first block of 64 bytes and
/// goes on in the next, or stands there alone.
const BEFORE: [usize; 4] = [61, 62, 63, 64];

/// First bytes of characters of four bytes, and their neighbours.
const LONG: core::ops::RangeInclusive<u8> = 0xEF..=0xF5;

/// Where the ranges of second bytes begin and end, and their neighbours.
const EDGES: [u8; 10] = [0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xFF];
