//! What can go wrong with a session: what the peer did, what this end was asked; decides nothing.

use core::fmt;

use crate::close::CloseCode;
use crate::connection::Refused;

/// What the peer did wrong.
///
/// The connection is to be closed. The session stays as it was, and may be resumed on another;
/// where that fails, too, the peer is broken or has an old state, and only a new session will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeliveryError {
    /// A text message of the WebSocket: everything is carried in binary messages.
    TextUnexpected,
    /// A message of a kind that is not defined.
    UnknownKind {
        /// Its first byte: 4 to 255.
        kind: u8,
    },
    /// A message whose length does not fit its kind.
    WrongLength {
        /// Its length in bytes.
        len: usize,
    },
    /// The payload of a text is not UTF-8.
    InvalidUtf8,
    /// A second Hello with another id than the first.
    IdChanged,
    /// A Hello whose sender has no id.
    IdMissing,
    /// A Hello with the id of this end: the peer returns what it is sent.
    IdReflected,
    /// The first message is not a Hello, or there was no connection.
    HelloMissing,
    /// A Hello on a session that is open, or a second one that names another end, too.
    HelloRepeated,
    /// A message is missing: the peer skipped a number.
    Gap {
        /// The number that should have come.
        expected: u64,
        /// The number that came.
        sequence: u64,
    },
    /// An acknowledgement of what was not sent, or, in a Hello, one that takes back an earlier one.
    AcknowledgementOutOfRange {
        /// The number of the message that the peer says to expect.
        expected: u64,
        /// The first number that it has not acknowledged.
        first: u64,
        /// The number after the last one that was sent.
        end: u64,
    },
    /// The peer sent a message after the one with the last possible number.
    Exhausted,
}

impl DeliveryError {
    /// Returns the code that the connection is to be closed with: 1007 for what is not text, 1002
    /// for the rest.
    #[must_use]
    pub const fn close_code(self) -> CloseCode {
        match self {
            Self::InvalidUtf8 => CloseCode::INVALID_PAYLOAD,
            Self::TextUnexpected
            | Self::UnknownKind { .. }
            | Self::WrongLength { .. }
            | Self::IdChanged
            | Self::IdMissing
            | Self::IdReflected
            | Self::HelloMissing
            | Self::HelloRepeated
            | Self::Gap { .. }
            | Self::AcknowledgementOutOfRange { .. }
            | Self::Exhausted => CloseCode::PROTOCOL_ERROR,
        }
    }
}

impl fmt::Display for DeliveryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::TextUnexpected => f.write_str("delivery is carried in binary messages only"),
            Self::UnknownKind { kind } => write!(f, "delivery message of unknown kind {kind}"),
            Self::WrongLength { len } => {
                write!(f, "delivery message of {len} bytes does not fit its kind")
            }
            Self::InvalidUtf8 => f.write_str("text is not valid UTF-8"),
            Self::IdChanged => f.write_str("second hello with another id than the first"),
            Self::IdMissing => f.write_str("hello without the id of its sender"),
            Self::IdReflected => f.write_str("hello with the id of its receiver"),
            Self::HelloMissing => f.write_str("message before the hello"),
            Self::HelloRepeated => {
                f.write_str("hello on an open session, or a second one that names another end")
            }
            Self::Gap { expected, sequence } => {
                write!(f, "message {sequence} came where {expected} was expected")
            }
            Self::AcknowledgementOutOfRange { expected, first, end } => {
                write!(f, "peer expects message {expected}, outside of {first} to {end}")
            }
            Self::Exhausted => f.write_str("message after the last number"),
        }
    }
}

impl core::error::Error for DeliveryError {}

/// Why a message was not taken; nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionFull {
    /// As many bytes wait to be acknowledged as may.
    BytesFull {
        /// Bytes that wait.
        queued: usize,
        /// Bytes that may wait at most.
        limit: usize,
    },
    /// As many messages wait to be acknowledged as may.
    MessagesFull {
        /// Messages that may wait at most.
        limit: usize,
    },
    /// The message alone is over the limit on bytes: it will never be taken.
    TooLarge {
        /// Its length in bytes.
        len: usize,
        /// Bytes that may wait at most.
        limit: usize,
    },
    /// All 2^53 - 1 numbers are used up: a new session is needed.
    Exhausted,
}

impl fmt::Display for SessionFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::BytesFull { queued, limit } => {
                write!(
                    f,
                    "{queued} bytes wait to be acknowledged, at the limit of {limit} bytes \
                     (Limits::max_bytes): send again when some are"
                )
            }
            Self::MessagesFull { limit } => {
                write!(
                    f,
                    "{limit} messages wait to be acknowledged, as many as may \
                     (Limits::max_messages): send again when some are"
                )
            }
            Self::TooLarge { len, limit } => {
                write!(
                    f,
                    "message of {len} bytes is over the limit of {limit} bytes (Limits::max_bytes): \
                     split it, or raise the limit"
                )
            }
            Self::Exhausted => {
                f.write_str("no number is left for another message: begin a new session")
            }
        }
    }
}

impl core::error::Error for SessionFull {}

impl<M> From<Refused<Self, M>> for SessionFull {
    fn from(refused: Refused<Self, M>) -> Self {
        refused.error
    }
}

/// A snapshot that no session can have made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidSnapshot;

impl fmt::Display for InvalidSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("snapshot contradicts itself: no session has made it, so begin a new one")
    }
}

impl core::error::Error for InvalidSnapshot {}
