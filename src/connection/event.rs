//! What an open connection reports; knows nothing of how it came about.

use core::fmt;

use crate::close::Closed;
use crate::message::{Chunk, Message, Payload, Text};

/// Something that happened on a connection: a message, a control frame, room in the output, or the
/// end.
///
/// An event borrows the received bytes from the connection. The [`Commands`](crate::Commands) that
/// come with it can be used meanwhile, to answer at once. [`into_owned`](Self::into_owned) makes an
/// event that can be kept.
///
/// ```
/// use sanswire::{Commands, Event, Refused};
///
/// fn handle(event: Event<'_>, commands: &mut Commands<'_>) -> Result<(), Refused> {
///     match event {
///         Event::Text(text) => commands.send(format!("you said {text}"))?,
///         Event::Binary(payload) => println!("{} bytes", payload.len()),
///         Event::Closed(closed) => println!("{closed}"),
///         _ => {}
///     }
///     Ok(())
/// }
/// # let mut connection = sanswire::Connection::server(&sanswire::Config::default());
/// # handle(Event::Text("hello".into()), &mut connection.commands()).unwrap();
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A whole binary message.
    Binary(Payload<'a>),
    /// A part of a message. Only with [`Reassembly::Chunks`](crate::Reassembly::Chunks).
    Chunk(Chunk<'a>),
    /// The closing handshake is complete and the connection has ended (§7.1.4). This is the last
    /// event, and it is reported once. A connection that fails reports an error instead.
    #[doc(alias("onclose", "disconnected"))]
    Closed(Closed),
    /// The output has room again: it was full and has shrunk to [`Config::low_water`].
    ///
    /// It is reported once after the output has reached [`Config::max_buffered`], or after a command
    /// was refused or a message dropped because of that limit, and only while the connection is open.
    /// See [`Config::when_full`].
    ///
    /// [`Config::low_water`]: crate::Config::low_water
    /// [`Config::max_buffered`]: crate::Config::max_buffered
    /// [`Config::when_full`]: crate::Config::when_full
    #[doc(alias("backpressure", "drain"))]
    Writable(Writable),
    /// A Ping with up to 125 bytes. The connection has already answered it, unless
    /// [`PongMode::Manual`](crate::PongMode::Manual) is set.
    Ping(Payload<'a>),
    /// A Pong with up to 125 bytes, whether or not it answers a Ping.
    Pong(Payload<'a>),
    /// A whole text message.
    Text(Text<'a>),
}

impl Event<'_> {
    /// Converts the event into one that borrows nothing. See [`Payload::into_bytes`] for when this
    /// copies.
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

    /// Converts [`Text`](Self::Text) and [`Binary`](Self::Binary) into an owned message, and returns
    /// `None` for other events. See [`Payload::into_bytes`] for when this copies.
    #[must_use]
    #[inline(always)]
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

/// Makes an event of a message, for example to test a handler.
impl From<Message> for Event<'static> {
    fn from(message: Message) -> Self {
        match message {
            Message::Binary(payload) => Self::Binary(payload.into()),
            Message::Text(text) => Self::Text(text.into()),
        }
    }
}

/// The messages that were dropped while the output was full.
///
/// Both numbers are 0 unless [`WhenFull::DropNewest`](crate::WhenFull::DropNewest) or
/// [`WhenFull::DropOldest`](crate::WhenFull::DropOldest) is set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Writable {
    /// The number of messages dropped since the last report. If they mattered, send the current
    /// state again.
    pub dropped_messages: u64,
    /// The number of bytes of payload in them.
    pub dropped_bytes: u64,
}

/// Messages that were accepted but not sent, or not sent whole.
///
/// `send`, `flush` and `close` of the adapters report it as an error, once. The causes are:
///
/// - The peer's Close arrived, or the connection failed, while a message was being sent in
///   [fragments](crate::Config::fragment_size).
/// - The transport ended before all output was written.
/// - [`WhenFull::DropOldest`](crate::WhenFull::DropOldest) dropped messages to make room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Discarded {
    /// The number of bytes of payload that were not sent. It is 0 if only empty messages, or the
    /// empty last fragments of others, were discarded.
    pub bytes: u64,
}

impl fmt::Display for Discarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bytes } = self;
        write!(
            f,
            "messages sent before did not leave whole: {bytes} bytes were discarded; send again only \
             what may arrive twice"
        )
    }
}

impl core::error::Error for Discarded {}
