//! Everything that can be sent as a message; knows no connection.

use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;

use super::{Message, MessageKind, Payload, Prepared, Text};
use crate::utf8::Utf8Bytes;

/// A message to send: the argument of `send`, `feed` and `try_send`.
///
/// These methods take `impl Into<Outgoing>`, so pass any of these types directly. Text becomes a text
/// message (§5.6) and bytes become a binary message.
///
/// | type | when the payload is copied |
/// |---|---|
/// | `&str`, `&String`, `&[u8]`, `&[u8; N]`, `&Vec<u8>` | always, once, into the output |
/// | [`String`], [`Utf8Bytes`], [`Vec<u8>`], `Bytes`, [`Message`] | below 4 KiB; by a client also below 16 KiB or if it is shared, because a client masks it |
/// | `&Message`, `&Bytes`, `&Utf8Bytes` | as a clone, which shares the payload |
/// | [`Text`], [`Payload`] | below 4 KiB as `&str` or `&[u8]`, else as [`Message`] |
/// | `&Text`, `&Payload` | always, once, into the output |
/// | [`&Prepared`](Prepared) | below 4 KiB; by a client always |
///
/// ```
/// use sanswire::{Config, Connection};
///
/// let mut connection = Connection::server(&Config::default());
/// let mut commands = connection.commands();
/// commands.send("text")?;
/// commands.send(vec![1, 2, 3])?;
/// commands.send(&[1, 2, 3])?;
/// # Ok::<(), sanswire::Refused>(())
/// ```
#[derive(Debug)]
pub struct Outgoing<'a> {
    content: Content<'a>,
}

#[derive(Debug)]
pub(crate) enum Content<'a> {
    Borrowed(MessageKind, &'a [u8]),
    Owned(Message),
    Prepared(&'a Prepared),
    /// Cloned only where the payload is not copied. The bytes of a text are valid UTF-8.
    Shared(MessageKind, &'a Bytes),
}

impl<'a> Outgoing<'a> {
    #[inline(always)]
    pub(crate) fn into_content(self) -> Content<'a> {
        self.content
    }

    /// Returns type and payload.
    #[inline(always)]
    pub(crate) fn as_data(&self) -> (MessageKind, &[u8]) {
        match &self.content {
            Content::Borrowed(kind, payload) => (*kind, payload),
            Content::Owned(message) => (message.kind(), message.as_bytes()),
            Content::Prepared(prepared) => (prepared.kind(), prepared.as_bytes()),
            Content::Shared(kind, payload) => (*kind, payload),
        }
    }

    /// Leaves what [`offer`](Self::offer) leaves, of a message that was sent where it lies.
    #[cfg(feature = "handshake")]
    #[inline(always)]
    pub(crate) fn note_sent(&mut self) {
        if let Content::Owned(_) = self.content {
            self.content = Content::Borrowed(MessageKind::Binary, &[]);
        }
    }

    /// Takes the message out, to try to send it. If it is refused, give
    /// [`Refused::message`](crate::Refused::message) to [`put_back`](Self::put_back) and try again.
    ///
    /// Adapters use this to wait for room. Until it is put back, an owned message is replaced by an
    /// empty one.
    ///
    /// ```
    /// use sanswire::{Config, Connection, Outgoing};
    ///
    /// let config = Config::default().max_buffered(1);
    /// let mut connection = Connection::server(&config);
    /// connection.commands().send("fills the output")?;
    /// let mut message = Outgoing::from(vec![1, 2, 3]);
    /// while let Err(refused) = connection.commands().send(message.offer()) {
    ///     message.put_back(refused.message);
    ///     # use bytes::Buf;
    ///     let output = connection.poll_transmit().unwrap();
    ///     output.advance(output.remaining()); // to the transport
    /// }
    /// # Ok::<(), sanswire::Refused>(())
    /// ```
    #[must_use]
    pub fn offer(&mut self) -> Self {
        let left = match self.content {
            Content::Borrowed(kind, payload) => Content::Borrowed(kind, payload),
            Content::Owned(_) => Content::Borrowed(MessageKind::Binary, &[]),
            Content::Prepared(prepared) => Content::Prepared(prepared),
            Content::Shared(kind, payload) => Content::Shared(kind, payload),
        };
        Self { content: core::mem::replace(&mut self.content, left) }
    }

    /// Restores a message that was [offered](Self::offer) and refused. Does nothing for `None`: a
    /// borrowed message is still there.
    pub fn put_back(&mut self, refused: Option<Message>) {
        if let Some(message) = refused {
            self.content = Content::Owned(message);
        }
    }

    /// Returns the message, of `&Message`, `&Bytes` or `&Utf8Bytes` a clone. `None` for other
    /// borrowed messages.
    #[must_use]
    pub fn into_message(self) -> Option<Message> {
        match self.content {
            Content::Owned(message) => Some(message),
            Content::Shared(kind, payload) => Some(Message::shared(kind, payload.clone())),
            Content::Borrowed(..) | Content::Prepared(_) => None,
        }
    }

    #[inline(always)]
    const fn borrowed(kind: MessageKind, payload: &'a [u8]) -> Self {
        Self { content: Content::Borrowed(kind, payload) }
    }

    #[inline(always)]
    const fn shared(kind: MessageKind, payload: &'a Bytes) -> Self {
        Self { content: Content::Shared(kind, payload) }
    }

    #[inline(always)]
    const fn owned(message: Message) -> Self {
        Self { content: Content::Owned(message) }
    }
}

impl<'a> From<&'a str> for Outgoing<'a> {
    #[inline(always)]
    fn from(text: &'a str) -> Self {
        Self::borrowed(MessageKind::Text, text.as_bytes())
    }
}

impl<'a> From<&'a String> for Outgoing<'a> {
    #[inline(always)]
    fn from(text: &'a String) -> Self {
        text.as_str().into()
    }
}

impl<'a> From<&'a [u8]> for Outgoing<'a> {
    #[inline(always)]
    fn from(payload: &'a [u8]) -> Self {
        Self::borrowed(MessageKind::Binary, payload)
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Outgoing<'a> {
    #[inline(always)]
    fn from(payload: &'a [u8; N]) -> Self {
        payload.as_slice().into()
    }
}

impl<'a> From<&'a Vec<u8>> for Outgoing<'a> {
    #[inline(always)]
    fn from(payload: &'a Vec<u8>) -> Self {
        payload.as_slice().into()
    }
}

impl<'a> From<&'a Payload<'_>> for Outgoing<'a> {
    #[inline(always)]
    fn from(payload: &'a Payload<'_>) -> Self {
        (**payload).into()
    }
}

impl<'a> From<&'a Text<'_>> for Outgoing<'a> {
    #[inline(always)]
    fn from(text: &'a Text<'_>) -> Self {
        text.as_str().into()
    }
}

impl<'a> From<Payload<'a>> for Outgoing<'a> {
    fn from(payload: Payload<'a>) -> Self {
        if payload.len() >= TAKE_FROM {
            return payload.into_bytes().into();
        }
        match payload.into_lent() {
            Ok(lent) => lent.into(),
            Err(owned) => owned.into(),
        }
    }
}

impl<'a> From<Text<'a>> for Outgoing<'a> {
    fn from(text: Text<'a>) -> Self {
        if text.len() >= TAKE_FROM {
            return text.into_utf8_bytes().into();
        }
        match text.into_lent() {
            Ok(lent) => lent.into(),
            Err(owned) => owned.into(),
        }
    }
}

impl<'a> From<&'a Prepared> for Outgoing<'a> {
    fn from(prepared: &'a Prepared) -> Self {
        Self { content: Content::Prepared(prepared) }
    }
}

impl From<Message> for Outgoing<'_> {
    #[inline(always)]
    fn from(message: Message) -> Self {
        Self::owned(message)
    }
}

impl<'a> From<&'a Message> for Outgoing<'a> {
    #[inline(always)]
    fn from(message: &'a Message) -> Self {
        Self::shared(message.kind(), message.as_shared())
    }
}

impl From<Bytes> for Outgoing<'_> {
    #[inline(always)]
    fn from(payload: Bytes) -> Self {
        Self::owned(payload.into())
    }
}

impl<'a> From<&'a Bytes> for Outgoing<'a> {
    #[inline(always)]
    fn from(payload: &'a Bytes) -> Self {
        Self::shared(MessageKind::Binary, payload)
    }
}

impl From<Vec<u8>> for Outgoing<'_> {
    fn from(payload: Vec<u8>) -> Self {
        Self::owned(payload.into())
    }
}

impl From<Utf8Bytes> for Outgoing<'_> {
    #[inline(always)]
    fn from(text: Utf8Bytes) -> Self {
        Self::owned(text.into())
    }
}

impl<'a> From<&'a Utf8Bytes> for Outgoing<'a> {
    #[inline(always)]
    fn from(text: &'a Utf8Bytes) -> Self {
        Self::shared(MessageKind::Text, text.as_shared())
    }
}

impl From<String> for Outgoing<'_> {
    fn from(text: String) -> Self {
        Self::owned(text.into())
    }
}

/// A payload of this size and more is passed on as it is rather than copied.
const TAKE_FROM: usize = 4096;
