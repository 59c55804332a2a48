//! What an open connection reports; knows nothing of how it came about.

use core::fmt;

use crate::close::Closed;
use crate::message::{Chunk, Message, Payload, Text};

/// Something that arrived on a connection.
///
/// It borrows what was received. The [`Commands`](crate::Commands) that come along borrow the rest
/// of the connection, so the event can be answered while it is held.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A whole binary message.
    Binary(Payload<'a>),
    /// A part of a message; only with [`Reassembly::Chunks`](crate::Reassembly::Chunks).
    Chunk(Chunk<'a>),
    /// The connection ended by the closing handshake (§7.1.4). This is the last event, and reported
    /// once. A connection that fails reports an error instead.
    Closed(Closed),
    /// There is room again: output that had become too full has been written down to the low mark.
    ///
    /// Reported once each time that the output has reached [`Config::max_buffered`] or a command
    /// was refused or dropped for it, and only while the connection is open. See
    /// [`Config::when_full`].
    ///
    /// [`Config::max_buffered`]: crate::Config::max_buffered
    /// [`Config::when_full`]: crate::Config::when_full
    Writable(Writable),
    /// A Ping, at most 125 bytes. It is answered already unless [`PongMode::Manual`](crate::PongMode) is
    /// set.
    Ping(Payload<'a>),
    /// A Pong, at most 125 bytes, asked for or not.
    Pong(Payload<'a>),
    /// A whole text message.
    Text(Text<'a>),
}

impl Event<'_> {
    /// Takes what the event lends; see [`Payload::into_bytes`] for when it is copied.
    #[must_use]
    pub fn into_owned(self) -> Event<'static> {
        match self {
            Self::Binary(payload) => Event::Binary(payload.into_owned()),
            Self::Chunk(chunk) => Event::Chunk(chunk.into_owned()),
            Self::Closed(closed) => Event::Closed(closed),
            Self::Writable(writable) => Event::Writable(writable),
            Self::Ping(payload) => Event::Ping(payload.into_owned()),
            Self::Pong(payload) => Event::Pong(payload.into_owned()),
            Self::Text(text) => Event::Text(text.into_owned()),
        }
    }

    /// Returns the message if this is one, owned; see [`Payload::into_bytes`] for when it is
    /// copied.
    #[must_use]
    pub fn into_message(self) -> Option<Message> {
        match self {
            Self::Binary(payload) => Some(payload.into()),
            Self::Text(text) => Some(text.into()),
            Self::Chunk(_)
            | Self::Closed(_)
            | Self::Writable(_)
            | Self::Ping(_)
            | Self::Pong(_) => None,
        }
    }
}

/// A message as an event, such as for the test of a handler.
impl From<Message> for Event<'static> {
    fn from(message: Message) -> Self {
        match message {
            Message::Binary(payload) => Self::Binary(payload.into()),
            Message::Text(text) => Self::Text(text.into()),
        }
    }
}

/// What became of the messages that were sent while the output was full.
///
/// Both are 0 unless [`WhenFull::DropNewest`](crate::WhenFull) or `DropOldest` is set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Writable {
    /// How many messages were dropped since the last report. Send the lost state again if it
    /// matters.
    pub dropped_messages: u64,
    /// How many bytes of payload those had.
    pub dropped_bytes: u64,
}

/// Messages that were accepted and are never sent, or not whole: the error that a caller gets who
/// waits for them to leave.
///
/// The peer's Close arrived, or the connection failed, while messages were still to be sent in
/// [fragments](crate::Config::fragment_size); the transport ended before the output was written; or
/// [`WhenFull::DropOldest`](crate::WhenFull) made room for newer ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Discarded {
    /// How many bytes of payload were not sent; 0 if the messages were empty.
    pub bytes: u64,
}

impl fmt::Display for Discarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "messages sent before did not leave whole: {} bytes were discarded", self.bytes)
    }
}

impl core::error::Error for Discarded {}
