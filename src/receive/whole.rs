//! Messages that lie in the input as they came, whole or begun (§5.4); leaves to the
//! [`Assembler`](super::Assembler) whatever is unusual, and knows nothing of what came before.
//!
//! Nearly everything that arrives is a frame that is a whole message, and to know that saves most
//! of the decisions. What has only begun is looked at, left as it is, and looked at again when more
//! has arrived.

use core::ops::Range;

use crate::buffer::ReceiveBuf;
use crate::frame::{FIN, MASKED, Opcode, mask};
use crate::role::Role;
use crate::utf8::{InvalidUtf8, Utf8Validator};

/// A message that was taken out of the input.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) content: Content,
    /// Positions in the input of the payload, unmasked and in one piece.
    pub(crate) payload: Range<usize>,
}

/// What is known of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// Text that is ASCII, as far as it was looked at.
    Ascii,
    Binary,
    /// Text that is not validated yet.
    Text,
}

impl Content {
    /// What is known of a payload at which nobody has looked.
    const fn unseen(self) -> Self {
        match self {
            Self::Ascii | Self::Text => Self::Text,
            Self::Binary => Self::Binary,
        }
    }
}

/// What begins the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Begins {
    /// A message that is not whole and waits to be, with nothing wrong so far.
    Part,
    /// Something that is not for us to judge.
    Unusual,
    Whole,
}

/// One frame.
#[derive(Clone, Copy, Debug)]
struct Frame {
    /// FIN, reserved bits and opcode.
    first: u8,
    key: [u8; 4],
    /// Where the payload begins.
    start: usize,
    /// Where it ends, though it may not have arrived.
    end: usize,
}

enum Parsed {
    /// The header has not arrived as a whole.
    Part,
    Unusual,
    Whole(Frame),
}

/// Takes a message of less than `below` bytes that is one frame and lies whole in the input, or
/// leaves everything as it is.
#[inline(always)]
pub(crate) fn take_frame(input: &mut ReceiveBuf, sender: Role, below: u32) -> Option<Whole> {
    // Two ways that do not meet again are shorter than one.
    match *input.unread_mut()?.first()? {
        BINARY_MESSAGE => take_frame_of(Content::Binary, input, sender, below),
        TEXT_MESSAGE => take_frame_of(Content::Ascii, input, sender, below),
        _ => None,
    }
}

#[inline(always)]
fn take_frame_of(
    content: Content,
    input: &mut ReceiveBuf,
    sender: Role,
    below: u32,
) -> Option<Whole> {
    let begin = input.start();
    let bytes = input.unread_mut()?;
    let (at, len) = parse_len(bytes, sender)?;
    if len >= below {
        return None;
    }
    let len = len as usize;
    let (at, content) = match sender {
        Role::Client => {
            let (key, rest) = bytes.get_mut(at..)?.split_first_chunk_mut()?;
            (at + 4, unmask(rest.get_mut(..len)?, *key, content))
        }
        Role::Server => {
            bytes.get(at..at + len)?;
            (at, content.unseen())
        }
    };
    input.consume_changed(at + len);
    Some(Whole { content, payload: begin + at..begin + at + len })
}

/// Looks for a message of less than `below` bytes in at most so many fragments, which [`take`] may
/// take.
pub(crate) fn look(input: &ReceiveBuf, sender: Role, below: u32, fragments: u32) -> Begins {
    let bytes = input.as_slice();
    let (mut at, mut len) = (0, 0);
    for fragment in 0..fragments {
        let rest = bytes.get(at..).unwrap_or_default();
        let is_due = |first: u8| match first & !FIN {
            CONTINUATION => fragment > 0,
            TEXT | BINARY => fragment == 0,
            _ => false,
        };
        let parsed = match *rest {
            [first, ..] if !is_due(first) => Parsed::Unusual,
            _ => parse(rest, sender),
        };
        let frame = match parsed {
            Parsed::Whole(frame) => frame,
            Parsed::Part => return part(bytes, at, sender, fragment),
            Parsed::Unusual => return Begins::Unusual,
        };
        at += frame.end;
        len += frame.end - frame.start;
        if len >= below as usize {
            return Begins::Unusual;
        }
        if at > bytes.len() {
            return part(bytes, at, sender, fragment);
        }
        if frame.first & FIN != 0 {
            return Begins::Whole;
        }
    }
    Begins::Unusual
}

/// Returns whether a message that goes on behind `end`, and behind so many fragments, may be left as
/// it is until it is whole: it is looked at anew each time that somebody asks.
fn part(bytes: &[u8], end: usize, sender: Role, fragments: u32) -> Begins {
    let is_small = end < LEFT_BELOW && fragments < LEFT_FRAGMENTS;
    let is_text = bytes.first().is_some_and(|first| first & !FIN == TEXT);
    if !is_small || (is_text && !is_text_so_far(bytes, sender)) {
        return Begins::Unusual;
    }
    Begins::Part
}

/// Takes a message that [`look`] has found to be whole: unmasks its frames and moves their payloads
/// together.
pub(crate) fn take(input: &mut ReceiveBuf, sender: Role) -> Whole {
    let begin = input.start();
    let bytes = input.unread_mut().unwrap_or_default();
    let is_text = bytes.first().is_some_and(|first| first & !FIN == TEXT);
    let mut content = if is_text { Content::Ascii } else { Content::Binary };
    let mut payload = 0..0;
    let mut at = 0;
    while let Some(rest) = bytes.get_mut(at..)
        && let Parsed::Whole(frame) = parse(rest, sender)
        && let Some(part) = rest.get_mut(frame.start..frame.end)
    {
        content = match sender {
            Role::Client => unmask(part, frame.key, content),
            Role::Server => content.unseen(),
        };
        let part = at + frame.start..at + frame.end;
        if at == 0 {
            payload = part;
        } else {
            let end = payload.end + part.len();
            bytes.copy_within(part, payload.end);
            payload.end = end;
        }
        at += frame.end;
        if frame.first & FIN != 0 {
            break;
        }
    }
    input.consume_changed(at);
    Whole { content, payload: begin + payload.start..begin + payload.end }
}

/// Unmasks a part of a payload and returns what is known of it then.
#[inline(always)]
fn unmask(payload: &mut [u8], key: [u8; 4], content: Content) -> Content {
    match content {
        Content::Ascii if mask::apply_to_text(payload, key, 0) => Content::Ascii,
        Content::Ascii => Content::Text,
        Content::Binary | Content::Text => {
            mask::apply(payload, key, 0);
            content
        }
    }
}

/// Returns whether what has arrived of a message may be the beginning of a text.
fn is_text_so_far(bytes: &[u8], sender: Role) -> bool {
    let mut utf8 = Utf8Validator::new();
    let mut rest = bytes;
    while let Parsed::Whole(frame) = parse(rest, sender) {
        let end = frame.end.min(rest.len());
        let payload = rest.get(frame.start..end).unwrap_or_default();
        if !(utf8.is_complete() && mask::hides_ascii(payload, frame.key))
            && push_masked(&mut utf8, payload, frame.key).is_err()
        {
            return false;
        }
        rest = rest.get(end..).unwrap_or_default();
    }
    true
}

/// Checks the next bytes of a text, in a copy.
fn push_masked(utf8: &mut Utf8Validator, payload: &[u8], key: [u8; 4]) -> Result<(), InvalidUtf8> {
    if key == [0; 4] {
        return utf8.push(payload);
    }
    let mut copy = [0; COPIED_AT_ONCE];
    payload.chunks(COPIED_AT_ONCE).try_for_each(|part| {
        let copy = &mut copy[..part.len()];
        copy.copy_from_slice(part);
        mask::apply(copy, key, 0);
        utf8.push(copy)
    })
}

/// Parses the header of a frame of at most 65,535 bytes; leaves its first byte to the caller.
#[inline]
fn parse(bytes: &[u8], sender: Role) -> Parsed {
    let [first, second, ..] = *bytes else { return Parsed::Part };
    let Some((at, len)) = parse_len(bytes, sender) else {
        let is_part = second ^ mask_bit(sender) == 126 && bytes.len() < 4;
        return if is_part { Parsed::Part } else { Parsed::Unusual };
    };
    let (key, start) = match sender {
        Role::Client => match bytes.get(at..).and_then(<[u8]>::first_chunk) {
            Some(key) => (*key, at + 4),
            None => return Parsed::Part,
        },
        Role::Server => ([0; 4], at),
    };
    Parsed::Whole(Frame { first, key, start, end: start + len as usize })
}

/// Parses the length of a payload of at most 65,535 bytes; returns where the header goes on, and
/// the length.
#[inline(always)]
fn parse_len(bytes: &[u8], sender: Role) -> Option<(usize, u32)> {
    let [_, second, rest @ ..] = bytes else { return None };
    // A mask that is wrong makes it more than any length.
    match second ^ mask_bit(sender) {
        short @ 0..=125 => Some((2, u32::from(short))),
        126 => match u16::from_be_bytes(*rest.first_chunk()?) {
            0..=125 => None,
            long => Some((4, u32::from(long))),
        },
        _ => None,
    }
}

#[inline(always)]
const fn mask_bit(sender: Role) -> u8 {
    match sender {
        Role::Client => MASKED,
        Role::Server => 0,
    }
}

/// Messages that end before this position wait as they are until they are whole, ...
const LEFT_BELOW: usize = 4 << 10;

/// ... unless they have begun with so many fragments.
const LEFT_FRAGMENTS: u32 = 8;

/// Text that may not be changed is unmasked in a copy of so many bytes, a multiple of the key.
const COPIED_AT_ONCE: usize = 512;

const CONTINUATION: u8 = Opcode::Continuation as u8;
const TEXT: u8 = Opcode::Text as u8;
const BINARY: u8 = Opcode::Binary as u8;
const TEXT_MESSAGE: u8 = FIN | TEXT;
const BINARY_MESSAGE: u8 = FIN | BINARY;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Header, encode};
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn frames(kind: Opcode, fragments: &[Vec<u8>], key: Option<[u8; 4]>) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (index, payload) in fragments.iter().enumerate() {
            let fin = index == fragments.len() - 1;
            let opcode = if index == 0 { kind } else { Opcode::Continuation };
            let header = Header { fin, rsv: 0, opcode, mask: key, payload_len: 0 };
            encode(&mut bytes, header, payload);
        }
        bytes
    }

    fn input(bytes: &[u8]) -> ReceiveBuf {
        let mut input = ReceiveBuf::new();
        input.extend_from_slice(b"before");
        input.consume(6);
        input.extend_from_slice(bytes);
        input
    }

    fn fragments() -> impl Strategy<Value = Vec<Vec<u8>>> {
        let ascii = (0..0x80_u8, 0..300_usize).prop_map(|(byte, len)| alloc::vec![byte; len]);
        let fragment = prop_oneof![ascii, ".{0,9}".prop_map(Vec::from), any::<Vec<u8>>()];
        proptest::collection::vec(fragment, 1..6)
    }

    proptest! {
        #[test]
        fn fragments_are_put_together_where_they_lie(
            fragments in fragments(),
            is_text in any::<bool>(),
            key in any::<Option<[u8; 4]>>(),
        ) {
            let kind = if is_text { Opcode::Text } else { Opcode::Binary };
            let sender = if key.is_some() { Role::Client } else { Role::Server };
            let message = fragments.concat();
            let bytes = frames(kind, &fragments, key);
            let mut input = input(&[&bytes[..], b"behind"].concat());

            prop_assert_eq!(look(&input, sender, 5_000, 6), Begins::Whole);
            // Every limit, and the one who may not send this.
            let below = u32::try_from(message.len()).unwrap();
            let count = u32::try_from(fragments.len()).unwrap();
            prop_assert_eq!(look(&input, sender, below, 6), Begins::Unusual);
            prop_assert_eq!(look(&input, sender, below + 1, count), Begins::Whole);
            prop_assert_eq!(look(&input, sender, below + 1, count - 1), Begins::Unusual);
            prop_assert_ne!(look(&input, sender.peer(), 5_000, 6), Begins::Whole);

            let whole = if count == 1 {
                take_frame(&mut input, sender, below + 1).unwrap()
            } else {
                prop_assert!(take_frame(&mut input, sender, below + 1).is_none());
                take(&mut input, sender)
            };
            prop_assert_eq!(input.range(whole.payload), &message[..]);
            prop_assert_eq!(input.as_slice(), b"behind");
            let content = match key {
                _ if !is_text => Content::Binary,
                Some(_) if message.is_ascii() => Content::Ascii,
                _ => Content::Text,
            };
            prop_assert_eq!(whole.content, content);
        }

        #[test]
        fn what_has_begun_waits_while_it_may_become_a_message(
            fragments in fragments(),
            is_text in any::<bool>(),
            key in any::<Option<[u8; 4]>>(),
            cut in any::<proptest::sample::Index>(),
        ) {
            let kind = if is_text { Opcode::Text } else { Opcode::Binary };
            let sender = if key.is_some() { Role::Client } else { Role::Server };
            let bytes = frames(kind, &fragments, key);
            let cut = cut.index(bytes.len());
            let before = input(&bytes[..cut]);
            // The payload that has come, by the obvious way.
            let mut come = Vec::new();
            let mut rest = &bytes[..cut];
            while let Ok(Some((header, len))) = Header::parse(rest) {
                let (_, payload) = rest.split_at(len);
                let len = payload.len().min(usize::try_from(header.payload_len).unwrap());
                let (payload, behind) = payload.split_at(len);
                let mut payload = payload.to_vec();
                mask::apply(&mut payload, key.unwrap_or_default(), 0);
                come.extend(payload);
                rest = behind;
            }
            let is_sound = !is_text || Utf8Validator::new().push(&come).is_ok();
            let begins = if is_sound { Begins::Part } else { Begins::Unusual };
            prop_assert_eq!(look(&before, sender, 5_000, 6), begins);
            prop_assert_eq!(before.as_slice(), &bytes[..cut]);
        }
    }
}
