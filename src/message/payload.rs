//! Payloads that are lent to the caller, to be looked at in place or taken; knows no frames.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::ops::{Deref, Range};

use bytes::Bytes;

use super::{Message, MessageKind};
use crate::buffer::ReceiveBuf;
use crate::utf8::{Utf8Bytes, eq_str, validated_str};

/// The payload of a received message or control frame.
///
/// It dereferences to `[u8]`. It borrows the receive buffer of the connection, or owns its bytes if
/// the message had to be assembled. To keep the payload, use [`into_bytes`](Self::into_bytes).
pub struct Payload<'a> {
    inner: Inner<'a>,
}

enum Inner<'a> {
    /// Positions in the input of consumed bytes.
    Lent(&'a mut ReceiveBuf, Range<usize>),
    Owned(Bytes),
}

impl<'a> Payload<'a> {
    #[inline]
    pub(crate) const fn lent(input: &'a mut ReceiveBuf, range: Range<usize>) -> Self {
        Self { inner: Inner::Lent(input, range) }
    }

    #[inline]
    pub(crate) const fn owned(bytes: Bytes) -> Self {
        Self { inner: Inner::Owned(bytes) }
    }

    /// Converts the payload into owned, shareable bytes.
    ///
    /// A small payload is copied, because a slice would keep the whole receive buffer alive. A
    /// payload that was assembled, or that fills a large part of the buffer, is not copied.
    #[must_use]
    #[inline]
    pub fn into_bytes(self) -> Bytes {
        match self.inner {
            Inner::Lent(input, range) => input.take(range),
            Inner::Owned(bytes) => bytes,
        }
    }
}

impl<'a> Payload<'a> {
    /// Returns what is lent for as long as it is, or else what is owned.
    pub(super) fn into_lent(self) -> Result<&'a [u8], Bytes> {
        match self.inner {
            Inner::Lent(input, range) => Ok(input.range(range)),
            Inner::Owned(bytes) => Err(bytes),
        }
    }
}

impl Payload<'_> {
    /// Converts the payload into one that borrows nothing. See [`into_bytes`](Self::into_bytes) for
    /// when this copies.
    #[must_use]
    pub fn into_owned(self) -> Payload<'static> {
        Payload::owned(self.into_bytes())
    }
}

impl Deref for Payload<'_> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match &self.inner {
            Inner::Lent(input, range) => input.range(range.clone()),
            Inner::Owned(bytes) => bytes,
        }
    }
}

impl AsRef<[u8]> for Payload<'_> {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl From<Payload<'_>> for Bytes {
    fn from(payload: Payload<'_>) -> Self {
        payload.into_bytes()
    }
}

impl From<Bytes> for Payload<'static> {
    fn from(bytes: Bytes) -> Self {
        Self::owned(bytes)
    }
}

impl From<Vec<u8>> for Payload<'static> {
    fn from(bytes: Vec<u8>) -> Self {
        Self::owned(bytes.into())
    }
}

impl From<&[u8]> for Payload<'static> {
    fn from(bytes: &[u8]) -> Self {
        Self::owned(Bytes::copy_from_slice(bytes))
    }
}

/// Does not copy if the payload is owned and not shared.
impl From<Payload<'_>> for Vec<u8> {
    fn from(payload: Payload<'_>) -> Self {
        match payload.into_lent() {
            Ok(lent) => lent.to_vec(),
            Err(owned) => owned.into(),
        }
    }
}

impl<T: AsRef<[u8]> + ?Sized> PartialEq<T> for Payload<'_> {
    fn eq(&self, other: &T) -> bool {
        **self == *other.as_ref()
    }
}

impl Eq for Payload<'_> {}

impl fmt::Debug for Payload<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

/// The text of a received text message, which is valid UTF-8.
///
/// It dereferences to `str` and compares with strings. Like [`Payload`], it borrows the receive
/// buffer or owns its bytes. To keep the text, use [`into_utf8_bytes`](Self::into_utf8_bytes) or
/// `String::from`.
pub struct Text<'a> {
    /// Valid UTF-8.
    payload: Payload<'a>,
}

impl<'a> Text<'a> {
    /// Wraps a payload that was seen to be valid from beginning to end.
    #[inline]
    pub(crate) const fn from_validated(payload: Payload<'a>) -> Self {
        Self { payload }
    }

    /// Returns the text.
    #[inline]
    #[must_use]
    pub fn as_str(&self) -> &str {
        validated_str(&self.payload)
    }

    /// Converts the text into an owned, shareable text. See [`Payload::into_bytes`] for when this
    /// copies.
    #[must_use]
    pub fn into_utf8_bytes(self) -> Utf8Bytes {
        Utf8Bytes::from_validated(self.payload.into_bytes())
    }
}

impl<'a> Text<'a> {
    /// Returns what is lent for as long as it is, or else what is owned.
    pub(super) fn into_lent(self) -> Result<&'a str, Utf8Bytes> {
        self.payload.into_lent().map(validated_str).map_err(Utf8Bytes::from_validated)
    }
}

impl Text<'_> {
    /// Converts the text into one that borrows nothing. See [`Payload::into_bytes`] for when this
    /// copies.
    #[must_use]
    pub fn into_owned(self) -> Text<'static> {
        Text { payload: self.payload.into_owned() }
    }
}

impl Deref for Text<'_> {
    type Target = str;

    #[inline]
    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Text<'_> {
    fn as_ref(&self) -> &str {
        self
    }
}

impl From<Text<'_>> for Utf8Bytes {
    fn from(text: Text<'_>) -> Self {
        text.into_utf8_bytes()
    }
}

impl From<Utf8Bytes> for Text<'static> {
    fn from(text: Utf8Bytes) -> Self {
        Self::from_validated(Payload::owned(text.into_bytes()))
    }
}

impl From<String> for Text<'static> {
    fn from(text: String) -> Self {
        Utf8Bytes::from(text).into()
    }
}

impl From<&str> for Text<'static> {
    fn from(text: &str) -> Self {
        Utf8Bytes::from(text).into()
    }
}

/// Does not copy if the text is owned and not shared.
impl From<Text<'_>> for String {
    fn from(text: Text<'_>) -> Self {
        match text.into_lent() {
            Ok(lent) => lent.into(),
            Err(owned) => owned.into(),
        }
    }
}

impl PartialEq for Text<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Text<'_> {}

eq_str!(Text<'_>, str, &str, String);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.as_str(), f)
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl From<Payload<'_>> for Message {
    fn from(payload: Payload<'_>) -> Self {
        Self::Binary(payload.into_bytes())
    }
}

impl From<Text<'_>> for Message {
    fn from(text: Text<'_>) -> Self {
        Self::Text(text.into_utf8_bytes())
    }
}

/// A part of a message, delivered as it arrives.
///
/// Set [`Reassembly::Chunks`](crate::Reassembly::Chunks) to receive chunks instead of whole messages.
/// The guide page [Streaming](crate::guide::streaming) has a complete example.
///
/// ```
/// use sanswire::{Config, Connection, Event, Reassembly};
///
/// let config = Config::default().reassembly(Reassembly::Chunks);
/// let mut connection = Connection::server(&config);
/// // The header of a message of 5 bytes, and the first 3 bytes.
/// connection.input().extend_from_slice(b"\x82\x85\0\0\0\0abc");
/// let mut file = Vec::new();
/// while let Some((event, _)) = connection.poll_event()? {
///     if let Event::Chunk(chunk) = event {
///         file.extend_from_slice(&chunk.payload);
///     }
/// }
/// assert_eq!(file, b"abc");
/// # Ok::<(), sanswire::ConnectionError>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Chunk<'a> {
    /// The type of the message.
    pub kind: MessageKind,
    /// Whether this is the first chunk of the message.
    pub is_first: bool,
    /// Whether this is the last chunk of the message. The last chunk may be empty.
    pub is_last: bool,
    /// The bytes. The chunks of a text message are valid UTF-8 together, but a chunk may begin or end
    /// inside a character.
    pub payload: Payload<'a>,
}

impl Chunk<'_> {
    /// Converts the chunk into one that borrows nothing. See [`Payload::into_bytes`] for when this
    /// copies.
    #[must_use]
    pub fn into_owned(self) -> Chunk<'static> {
        let Self { kind, is_first, is_last, payload } = self;
        Chunk { kind, is_first, is_last, payload: payload.into_owned() }
    }
}
