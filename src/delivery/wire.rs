//! What the ends of a session say to each other, as bytes; knows neither the order nor the sense.

use alloc::vec::Vec;
use core::fmt;
use core::num::NonZeroU128;

use bytes::{Buf, Bytes};

use super::error::DeliveryError;
use crate::message::{Message, MessageKind};
use crate::utf8::Utf8Bytes;

/// Identifies one end of a session: 16 bytes, never used before, and not all zero.
///
/// Take them from the operating system's randomness. A peer that knows the ids of both ends can
/// take over the session; a peer that knows only one of them cannot.
///
/// ```
/// use sanswire::delivery::SessionId;
///
/// let id = SessionId::new([7; 16]).unwrap();
/// assert_eq!(id.to_bytes(), [7; 16]);
/// assert_eq!(SessionId::new([0; 16]), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId {
    number: NonZeroU128,
}

impl SessionId {
    /// Creates an id. Returns `None` for 16 zeros, which mean "no id" in a Hello.
    #[must_use]
    pub const fn new(bytes: [u8; 16]) -> Option<Self> {
        match NonZeroU128::new(u128::from_be_bytes(bytes)) {
            Some(number) => Some(Self { number }),
            None => None,
        }
    }

    /// Returns the bytes.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 16] {
        self.number.get().to_be_bytes()
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Half of it: enough to tell sessions apart in a log, too little to take one over.
        write!(f, "SessionId({:016x}…)", self.number.get() >> 64)
    }
}

/// The first message of each end on each connection. An end that did not know its peer sends a
/// second one, which names the peer.
///
/// [`Sessions`](super::Sessions) uses the client's first Hello to find the
/// [`Session`](super::Session) between [`from`](Self::from) and [`to`](Self::to), or to create one;
/// then pass it to the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hello {
    /// The id of the end that sends this Hello.
    pub from: SessionId,
    /// The id of the end that it addresses: the one that it met last, or that has sent it a Hello.
    pub to: Option<SessionId>,
    /// The number of the next message that it expects from `to`.
    pub expected: u64,
}

impl Hello {
    /// Parses a Hello.
    ///
    /// # Errors
    ///
    /// [`DeliveryError::HelloMissing`] if it is another message; other variants if it is a Hello
    /// with a fault.
    pub fn parse(message: &Message) -> Result<Self, DeliveryError> {
        match Frame::parse(message.clone())? {
            Frame::Hello(hello) => Ok(hello),
            Frame::Acknowledgement { .. } | Frame::Data { .. } => Err(DeliveryError::HelloMissing),
        }
    }

    pub(super) fn encode(&self) -> Message {
        let mut bytes = Vec::with_capacity(HELLO_LEN);
        bytes.push(HELLO);
        bytes.extend(self.from.to_bytes());
        bytes.extend(self.to.map_or([0; 16], SessionId::to_bytes));
        bytes.extend(self.expected.to_be_bytes());
        Message::from(bytes)
    }
}

/// Anything that one end says to the other.
#[derive(Debug)]
pub(super) enum Frame {
    Acknowledgement { expected: u64 },
    Data { expected: u64, sequence: u64, message: Message },
    Hello(Hello),
}

impl Frame {
    pub(super) fn parse(message: Message) -> Result<Self, DeliveryError> {
        let Message::Binary(mut bytes) = message else { return Err(DeliveryError::TextUnexpected) };
        let len = bytes.len();
        let cut_short = DeliveryError::WrongLength { len };
        let [kind] = take(&mut bytes).ok_or(cut_short)?;
        let number = |bytes: &mut Bytes| take(bytes).map(u64::from_be_bytes).ok_or(cut_short);
        let frame = match kind {
            HELLO => {
                let from = SessionId::new(take(&mut bytes).ok_or(cut_short)?)
                    .ok_or(DeliveryError::IdMissing)?;
                let to = SessionId::new(take(&mut bytes).ok_or(cut_short)?);
                Self::Hello(Hello { from, to, expected: number(&mut bytes)? })
            }
            ACKNOWLEDGEMENT => Self::Acknowledgement { expected: number(&mut bytes)? },
            TEXT | BINARY => {
                let expected = number(&mut bytes)?;
                let sequence = number(&mut bytes)?;
                let payload = core::mem::take(&mut bytes);
                let message = if kind == BINARY {
                    Message::Binary(payload)
                } else {
                    let text = Utf8Bytes::try_from(payload);
                    Message::Text(text.map_err(|_| DeliveryError::InvalidUtf8)?)
                };
                Self::Data { expected, sequence, message }
            }
            kind => return Err(DeliveryError::UnknownKind { kind }),
        };
        if bytes.is_empty() { Ok(frame) } else { Err(cut_short) }
    }
}

pub(super) fn encode_acknowledgement(expected: u64) -> Message {
    let mut bytes = Vec::with_capacity(1 + 8);
    bytes.push(ACKNOWLEDGEMENT);
    bytes.extend(expected.to_be_bytes());
    Message::from(bytes)
}

pub(super) fn encode_data(expected: u64, sequence: u64, message: &Message) -> Message {
    let mut bytes = Vec::with_capacity(DATA_HEADER_LEN + message.len());
    bytes.push(match message.kind() {
        MessageKind::Binary => BINARY,
        MessageKind::Text => TEXT,
    });
    bytes.extend(expected.to_be_bytes());
    bytes.extend(sequence.to_be_bytes());
    bytes.extend(message.as_bytes());
    Message::from(bytes)
}

/// Takes the first bytes if there are as many.
fn take<const LEN: usize>(bytes: &mut Bytes) -> Option<[u8; LEN]> {
    let taken = *bytes.first_chunk()?;
    bytes.advance(LEN);
    Some(taken)
}

const HELLO: u8 = 0;
const ACKNOWLEDGEMENT: u8 = 1;
const TEXT: u8 = 2;
const BINARY: u8 = 3;

const HELLO_LEN: usize = 1 + 16 + 16 + 8;
const DATA_HEADER_LEN: usize = 1 + 8 + 8;
