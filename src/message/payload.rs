//! Payloads that are lent to the caller, to be looked at in place or taken; knows no frames.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::ops::{Deref, Range};

use bytes::Bytes;

use super::{Message, MessageKind};
use crate::buffer::ReceiveBuf;
use crate::utf8::{Utf8Bytes, eq_str, validated_str};

/// A payload lent by the receive buffer, or owned where it had to be assembled.
///
/// Dereferences to the bytes. [`into_bytes`](Self::into_bytes) takes it.
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

    /// Takes the payload.
    ///
    /// Without a copy when it was assembled, or is so large that it makes up a good part of the
    /// receive buffer. A small one is copied, because a slice would pin the whole buffer.
    #[must_use]
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
    /// Takes the payload and keeps its type; see [`into_bytes`](Self::into_bytes) for when it is
    /// copied.
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

/// Without a copy if the payload is owned and nobody else holds it.
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

/// The payload of a text message: as [`Payload`], and known to be UTF-8.
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

    /// Takes the text; see [`Payload::into_bytes`] for when it is copied.
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
    /// Takes the text and keeps its type; see [`Payload::into_bytes`] for when it is copied.
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

/// Without a copy if the text is owned and nobody else holds it.
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

/// A part of a message, delivered before the message is whole.
#[derive(Debug)]
#[non_exhaustive]
pub struct Chunk<'a> {
    /// The type of the message.
    pub kind: MessageKind,
    /// Whether the message begins with this chunk.
    pub is_first: bool,
    /// Whether the message ends with this chunk. The last chunk may be empty.
    pub is_last: bool,
    /// The bytes. Those of a text message are valid UTF-8 put together; a chunk may begin or end
    /// inside a character.
    pub payload: Payload<'a>,
}

impl Chunk<'_> {
    /// Takes the payload along; see [`Payload::into_bytes`] for when it is copied.
    #[must_use]
    pub fn into_owned(self) -> Chunk<'static> {
        let Self { kind, is_first, is_last, payload } = self;
        Chunk { kind, is_first, is_last, payload: payload.into_owned() }
    }
}
