//! What a receiver accepts, and what it finds; receives nothing.

use core::ops::Range;

use bytes::Bytes;

#[expect(unused_imports, reason = "for the docs")]
use super::Receiver;
use crate::message::MessageKind;

/// What a receiver accepts of one message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Below 2^63.
    pub(crate) max_message_size: u64,
    pub(crate) max_frame_size: u64,
    pub(crate) max_fragments: u32,
    /// Whether parts of a message are reported as they arrive.
    pub(crate) chunks: bool,
}

/// What [`Receiver::poll`] found. Positions are those of [`Receiver::lend_range`].
#[derive(Debug)]
pub(crate) enum Received {
    Chunk {
        kind: MessageKind,
        is_first: bool,
        is_last: bool,
        source: Source,
    },
    Close(Range<usize>),
    Message(MessageKind, Source),
    /// The budget is used up, and there is more to do.
    Paused,
    Ping(Range<usize>),
    Pong(Range<usize>),
}

/// A message of which the end has not come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arriving {
    /// How many bytes of its payload have come, as they were sent.
    pub(crate) arrived: u64,
    /// How many bytes are held of it, as they will be delivered, and of what follows.
    pub(crate) held: u64,
}

/// Where the payload of a message is.
#[derive(Debug)]
pub(crate) enum Source {
    Assembled(Bytes),
    Input(Range<usize>),
}

impl Source {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Assembled(bytes) => bytes.len(),
            Self::Input(range) => range.len(),
        }
    }
}
