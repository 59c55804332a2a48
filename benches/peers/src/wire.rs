//! Prepared byte streams, and an oracle that reads what was sent; slow, plain code that none of the
//! contestants has a part in.

use bytes::{Buf, Bytes, BytesMut};

use crate::contestant::Role;
use crate::ideal::put_header;

/// What is in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Binary,
    Ascii,
    MultiByte,
}

/// What a message says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Binary,
    Text,
}

/// Frames as a client sends them, masked, or as a server, and what is in them.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) bytes: Bytes,
    pub(crate) messages: Vec<(Kind, Vec<u8>)>,
}

impl Kind {
    pub(crate) const fn text_if(is_text: bool) -> Self {
        if is_text { Self::Text } else { Self::Binary }
    }
}

impl Content {
    pub(crate) const fn kind(self) -> Kind {
        match self {
            Self::Binary => Kind::Binary,
            Self::Ascii | Self::MultiByte => Kind::Text,
        }
    }

    /// Makes a payload of exactly `size` bytes.
    pub(crate) fn payload(self, size: usize, seed: usize) -> Vec<u8> {
        match self {
            Self::Binary => (0..size).map(|at| ((at * 7 + seed) % 251) as u8).collect(),
            Self::Ascii => (0..size).map(|at| b'0' + ((at + seed) % 64) as u8).collect(),
            Self::MultiByte => {
                let words = MULTI_BYTE.chars().cycle().skip(seed % 7);
                let mut text: String = words.take(size).collect();
                text.truncate(text.floor_char_boundary(size));
                text.extend(core::iter::repeat_n('x', size - text.len()));
                text.into_bytes()
            }
        }
    }
}

impl Stream {
    /// Makes about half a megabyte of messages, or four, as `sender` sends them.
    pub(crate) fn new(sender: Role, content: Content, size: usize, fragments: usize) -> Self {
        Self::of((TOTAL / (size + 8)).max(4), sender, content, size, fragments)
    }

    /// Makes so many messages.
    pub(crate) fn of(
        count: usize,
        sender: Role,
        content: Content,
        size: usize,
        fragments: usize,
    ) -> Self {
        let mut bytes = Vec::new();
        let mut messages = Vec::new();
        for index in 0..count {
            let payload = content.payload(size, index);
            let mut key = (index as u32 + 1).wrapping_mul(0x9e37_79b9);
            let cuts: Vec<_> = (0..=fragments).map(|cut| size * cut / fragments).collect();
            for (fragment, cut) in cuts.windows(2).enumerate() {
                let opcode = match (fragment, content.kind()) {
                    (0, Kind::Text) => 0x1,
                    (0, Kind::Binary) => 0x2,
                    _ => 0x0,
                };
                let fin = if fragment + 1 == fragments { 0x80 } else { 0 };
                key = key.wrapping_mul(0x0019_660d).wrapping_add(0x3c6e_f35f);
                push(&mut bytes, sender, fin | opcode, &payload[cut[0]..cut[1]], key);
            }
            messages.push((content.kind(), payload));
        }
        Self { bytes: bytes.into(), messages }
    }

    /// Moves the bytes by `offset`. Where in its page the source of a copy lies, seen from its
    /// destination, can matter more than anything that is measured here.
    pub(crate) fn moved_by(self, offset: usize) -> Self {
        // What is allocated behind it must not move along.
        let mut moved = BytesMut::zeroed(PAGE + self.bytes.len());
        let range = offset % PAGE..offset % PAGE + self.bytes.len();
        moved[range.clone()].copy_from_slice(&self.bytes);
        Self { bytes: moved.freeze().slice(range), ..self }
    }
}

/// Appends a frame, masked if a client sends it.
pub(crate) fn push(bytes: &mut Vec<u8>, sender: Role, first: u8, payload: &[u8], key: u32) {
    let key = sender.pick(Some(key.to_le_bytes()), None);
    put_header(bytes, first, payload.len(), key);
    let key = key.unwrap_or_default();
    bytes.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
}

/// Returns the messages in `bytes`; panics unless they are whole frames as `sender` sends them.
pub(crate) fn read(mut bytes: &[u8], sender: Role) -> Vec<(u8, Vec<u8>)> {
    let mut messages: Vec<(u8, Vec<u8>)> = Vec::new();
    let mut open = false;
    while bytes.has_remaining() {
        let (first, second) = (bytes.get_u8(), bytes.get_u8());
        assert_eq!(second & 0x80 != 0, sender == Role::Client, "the mask bit is wrong");
        let len = match second & 0x7f {
            126 => usize::from(bytes.get_u16()),
            127 => bytes.get_u64() as usize,
            len => usize::from(len),
        };
        let key = if sender == Role::Client { bytes.get_u32().to_be_bytes() } else { [0; 4] };
        let payload = bytes.split_off(..len).expect("a whole frame");
        let payload = payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key);
        if open {
            assert_eq!(first & 0x7f, 0, "a fragment has an opcode");
            messages.last_mut().expect("a message").1.extend(payload);
        } else {
            messages.push((first & 0x7f, payload.collect()));
        }
        open = first & 0x80 == 0;
    }
    assert!(!open, "half a message");
    messages
}

/// Two, three and four bytes, as people write.
const MULTI_BYTE: &str = "Zürich 東京都 Ελλάδα 😀 привет ";

/// How far apart bytes lie that a processor may take for the same.
const PAGE: usize = 4096;

/// About how many bytes a stream has: with the buffer they fill, they fit a second-level cache, so
/// that the crates are measured and not the memory.
const TOTAL: usize = 512 << 10;
