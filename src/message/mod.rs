//! Messages (§5.4, §5.6): owned, lent, prepared, and whatever can be sent as one; knows neither how
//! they arrive nor a connection.

mod outgoing;
mod payload;
mod prepared;

use core::fmt;

use bytes::Bytes;

use crate::frame::Opcode;
use crate::utf8::Utf8Bytes;

pub(crate) use outgoing::Content;
pub use outgoing::Outgoing;
pub use payload::{Chunk, Payload, Text};
pub(crate) use prepared::Framed;
pub use prepared::Prepared;

/// A whole message that owns its payload: what `recv` of the adapters returns.
///
/// Cloning is cheap, because clones share the payload. To send a message, pass it, or text or bytes
/// directly, to `send`.
///
/// ```
/// use sanswire::Message;
///
/// let message = Message::from("hello");
/// assert_eq!(message.as_bytes(), b"hello");
/// assert!(matches!(message, Message::Text(text) if text == "hello"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "§5.6 knows these two types of data")]
// A tag of one byte would have a message moved as one byte and all that follows, which the processor
// cannot read again before it is written: 10 ns for each message that a `Result` carries.
#[repr(usize)]
pub enum Message {
    /// A binary message.
    Binary(Bytes),
    /// A text message.
    Text(Utf8Bytes),
}

/// A message in the `Debug` output of what may be logged: its kind and length.
pub(crate) struct Outline<'a>(pub(crate) &'a Message);

impl fmt::Debug for Outline<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(message) = self;
        write!(f, "{:?} of {} bytes", message.kind(), message.len())
    }
}

/// The type of a message (§5.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "§5.6 knows these two types of data")]
pub enum MessageKind {
    /// Any bytes.
    Binary,
    /// Text in UTF-8.
    Text,
}

impl MessageKind {
    /// Returns the opcode of the first frame of such a message.
    #[inline]
    #[must_use]
    pub const fn opcode(self) -> Opcode {
        match self {
            Self::Binary => Opcode::Binary,
            Self::Text => Opcode::Text,
        }
    }
}

impl Message {
    /// Creates a text message. A `String` is not copied, but it is shrunk if more than half of its
    /// capacity is unused.
    #[must_use]
    pub fn text(text: impl Into<Utf8Bytes>) -> Self {
        Self::Text(text.into())
    }

    /// Creates a binary message. The payload is not copied, unless it is not shared and more than half
    /// of its capacity is unused.
    #[must_use]
    pub fn binary(payload: impl Into<Bytes>) -> Self {
        let payload = payload.into();
        Self::Binary(match payload.try_into_mut() {
            Ok(own) if own.capacity() / 2 > own.len() => Bytes::copy_from_slice(&own),
            Ok(own) => own.freeze(),
            Err(shared) => shared,
        })
    }

    /// Returns the type of the message.
    #[inline]
    #[must_use]
    pub const fn kind(&self) -> MessageKind {
        match self {
            Self::Binary(_) => MessageKind::Binary,
            Self::Text(_) => MessageKind::Text,
        }
    }

    /// Returns the payload.
    #[inline]
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Binary(bytes) => bytes,
            Self::Text(text) => text.as_ref(),
        }
    }

    /// Copies the payload to memory of its own, of just its size.
    ///
    /// For whatever keeps messages for long and counts their bytes: a payload may be a small part of
    /// an allocation that it keeps alive, such as that of a receive buffer, and nothing tells its
    /// size.
    pub(crate) fn detach(mut self) -> Self {
        let payload = self.as_shared_mut();
        *payload = Bytes::copy_from_slice(payload);
        self
    }

    /// Makes a message of a payload, which is valid UTF-8 if it is a text.
    pub(crate) const fn shared(kind: MessageKind, payload: Bytes) -> Self {
        match kind {
            MessageKind::Binary => Self::Binary(payload),
            MessageKind::Text => Self::Text(Utf8Bytes::from_validated(payload)),
        }
    }

    /// Lends the payload as shared bytes.
    #[inline]
    pub(crate) const fn as_shared(&self) -> &Bytes {
        match self {
            Self::Binary(bytes) => bytes,
            Self::Text(text) => text.as_shared(),
        }
    }

    /// Lends the payload as shared bytes, to be taken as they are or left.
    pub(crate) const fn as_shared_mut(&mut self) -> &mut Bytes {
        match self {
            Self::Binary(bytes) => bytes,
            Self::Text(text) => text.as_shared_mut(),
        }
    }

    /// Converts the message into its payload, without a copy.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        match self {
            Self::Binary(bytes) => bytes,
            Self::Text(text) => text.into_bytes(),
        }
    }

    /// Returns the text, or `None` for a binary message.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Binary(_) => None,
            Self::Text(text) => Some(text),
        }
    }

    /// Returns the length of the payload in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.as_bytes().len()
    }

    /// Returns whether the payload is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl From<Bytes> for Message {
    fn from(bytes: Bytes) -> Self {
        Self::Binary(bytes)
    }
}

impl From<alloc::vec::Vec<u8>> for Message {
    fn from(mut bytes: alloc::vec::Vec<u8>) -> Self {
        // What has room to spare would hold it for as long as the message waits.
        if bytes.capacity() / 2 > bytes.len() {
            bytes.shrink_to_fit();
        }
        Self::Binary(bytes.into())
    }
}

impl From<Utf8Bytes> for Message {
    fn from(text: Utf8Bytes) -> Self {
        Self::Text(text)
    }
}

impl From<alloc::string::String> for Message {
    fn from(text: alloc::string::String) -> Self {
        Self::Text(text.into())
    }
}

impl From<&str> for Message {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}
