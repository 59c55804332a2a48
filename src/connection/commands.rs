//! What an application may ask of a connection while it holds an event of it; knows nothing of what
//! arrives.

use core::fmt;
use core::time::Duration;

use super::config::WhenFull;
use super::endpoint::{Endpoint, Full};
use super::framing::Compress;
use super::life::ReadyState;
use super::refused::Refused;
use crate::close::{CloseCode, Closed};
use crate::error::SendError;
use crate::message::{MessageKind, Outgoing};
use crate::role::Role;

/// Sends messages, Pings and Pongs on a [`Connection`](super::Connection), and closes it.
///
/// Each event comes with its commands, so it can be answered while it is borrowed. At any other time,
/// call [`Connection::commands`](super::Connection::commands), or the method of the same name of an
/// adapter. Commands only queue bytes. An adapter writes them; without an adapter, write what
/// [`Connection::poll_transmit`](super::Connection::poll_transmit) returns.
///
/// ```
/// use sanswire::{Config, Connection, Event};
///
/// let mut connection = Connection::server(&Config::default());
/// connection.input().extend_from_slice(b"\x81\x85\0\0\0\0Hello");
/// while let Some((event, mut commands)) = connection.poll_event()? {
///     if let Event::Text(text) = event {
///         commands.send(&text)?;
///     }
/// }
/// connection.commands().close(1000, "bye")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Commands<'a> {
    // No `Drop`, or it would keep its borrow in every arm of a `match` on an event.
    endpoint: &'a mut Endpoint,
}

impl<'a> Commands<'a> {
    #[inline(always)]
    pub(super) const fn new(endpoint: &'a mut Endpoint) -> Self {
        Self { endpoint }
    }

    /// Borrows the commands for a shorter time, to pass them on by value.
    #[must_use]
    pub const fn reborrow(&mut self) -> Commands<'_> {
        Commands { endpoint: self.endpoint }
    }

    /// Sends a message: text, bytes, a [`Message`](crate::Message), a
    /// [`&Prepared`](crate::Prepared), or the payload of an event. See [`Outgoing`] for the types it
    /// takes and when they are copied.
    ///
    /// If permessage-deflate was negotiated, the message is compressed, unless it is shorter than
    /// [`DeflateConfig::threshold`](crate::extension::DeflateConfig). A prepared message is not
    /// compressed here, see [its compression](crate::Prepared#compression).
    ///
    /// # Errors
    ///
    /// [`Refused`], which returns a message that was passed by value:
    ///
    /// - [`SendError::Closed`]: the connection is closing or closed.
    /// - [`SendError::Connecting`]: the opening handshake is not complete.
    /// - [`SendError::MessageInProgress`]: a message is being sent in [chunks](Self::begin).
    /// - [`SendError::CompressionFailed`]: the compressor failed.
    /// - [`SendError::Full`] or [`SendError::Dropped`]: the output is full.
    ///   [`Config::when_full`](crate::Config::when_full) decides what happens then. It applies at
    ///   once, so write the waiting output first, or use [`try_send`](Self::try_send).
    #[inline(always)]
    pub fn send<'m>(&mut self, message: impl Into<Outgoing<'m>>) -> Result<(), Refused> {
        self.endpoint.send(message.into(), Compress::Auto, Full::Judge)
    }

    /// Sends a message like [`send`](Self::send), but always returns it when the output is full,
    /// whatever [`Config::when_full`](crate::Config::when_full) says.
    ///
    /// Use it in a loop that writes output and tries again. When the transport takes no more, call
    /// `send` to apply `when_full`.
    ///
    /// # Errors
    ///
    /// The same as [`send`](Self::send). A full output is always [`SendError::Full`].
    #[inline(always)]
    pub fn try_send<'m>(&mut self, message: impl Into<Outgoing<'m>>) -> Result<(), Refused> {
        self.endpoint.send(message.into(), Compress::Auto, Full::GiveBack)
    }

    /// Sends a small message if nothing is in the way; returns whether it did.
    #[cfg(feature = "handshake")]
    #[inline]
    pub(crate) fn send_small(&mut self, message: &Outgoing<'_>) -> bool {
        self.endpoint.send_small_of(message)
    }

    /// Sends a message without compression, even if permessage-deflate was negotiated.
    ///
    /// Use it for messages that contain both a secret and text that an attacker can choose: the
    /// compressed length reveals how much the two have in common (RFC 7692, §8). A
    /// [`Prepared`](crate::Prepared) message is sent as with [`send`](Self::send).
    ///
    /// # Errors
    ///
    /// The same as [`send`](Self::send).
    #[inline]
    pub fn send_uncompressed<'m>(
        &mut self,
        message: impl Into<Outgoing<'m>>,
    ) -> Result<(), Refused> {
        self.endpoint.send(message.into(), Compress::Never, Full::Judge)
    }

    /// Begins a message that is sent in chunks, with [`send_chunk`](Self::send_chunk) and
    /// [`finish`](Self::finish).
    ///
    /// ```
    /// use sanswire::{Config, Connection, MessageKind};
    ///
    /// let mut connection = Connection::server(&Config::default());
    /// let mut commands = connection.commands();
    /// commands.begin(MessageKind::Binary)?;
    /// for chunk in [[1, 2], [3, 4]] {
    ///     commands.send_chunk(&chunk)?;
    /// }
    /// commands.finish()?;
    /// # Ok::<(), sanswire::SendError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`SendError::MessageInProgress`], [`SendError::Full`], [`SendError::Closed`],
    /// [`SendError::Connecting`].
    #[doc(alias("streaming", "fragment"))]
    pub fn begin(&mut self, kind: MessageKind) -> Result<(), SendError> {
        self.endpoint.begin(kind, Compress::Auto)
    }

    /// Begins a message that is sent in chunks without compression. See
    /// [`send_uncompressed`](Self::send_uncompressed) for when to use this.
    ///
    /// # Errors
    ///
    /// The same as [`begin`](Self::begin).
    pub fn begin_uncompressed(&mut self, kind: MessageKind) -> Result<(), SendError> {
        self.endpoint.begin(kind, Compress::Never)
    }

    /// Sends the next chunk of the message that [`begin`](Self::begin) began, as one fragment (§5.4).
    ///
    /// A chunk of a text message may end inside a character. An empty chunk sends nothing.
    ///
    /// # Errors
    ///
    /// [`SendError::NoMessageInProgress`], [`SendError::InvalidUtf8`], [`SendError::Full`],
    /// [`SendError::Closed`], [`SendError::CompressionFailed`], [`SendError::Connecting`]. Nothing of
    /// the chunk was sent, and the message is still in progress.
    pub fn send_chunk(&mut self, payload: &[u8]) -> Result<(), SendError> {
        self.endpoint.send_chunk(payload)
    }

    /// Finishes the message that [`begin`](Self::begin) began.
    ///
    /// # Errors
    ///
    /// [`SendError::NoMessageInProgress`], [`SendError::Closed`], [`SendError::Connecting`], or
    /// [`SendError::InvalidUtf8`] if a text message would end inside a character. In the last case
    /// the message is still in progress.
    pub fn finish(&mut self) -> Result<(), SendError> {
        self.endpoint.finish()
    }

    /// Sends a Ping with up to 125 bytes (§5.5.2). The Pong arrives as
    /// [`Event::Pong`](crate::Event::Pong).
    ///
    /// Heartbeats need no call: [`Config::ping_interval`](crate::Config::ping_interval) sends them.
    ///
    /// # Errors
    ///
    /// [`SendError::ControlTooLong`], [`SendError::Full`], [`SendError::Closed`],
    /// [`SendError::Connecting`].
    pub fn ping(&mut self, payload: &[u8]) -> Result<(), SendError> {
        self.endpoint.ping(payload)
    }

    /// Sends a Pong with up to 125 bytes (§5.5.3).
    ///
    /// The connection answers Pings by itself unless [`PongMode::Manual`](crate::PongMode::Manual)
    /// is set. A Pong without a Ping is allowed, too.
    ///
    /// # Errors
    ///
    /// The same as [`ping`](Self::ping).
    pub fn pong(&mut self, payload: &[u8]) -> Result<(), SendError> {
        self.endpoint.pong(payload)
    }

    /// Starts the closing handshake (§7.1.2). The Close frame is sent after all messages that were
    /// sent before.
    ///
    /// ```
    /// use sanswire::{CloseCode, Config, Connection};
    ///
    /// let mut connection = Connection::server(&Config::default());
    /// connection.commands().close(CloseCode::GOING_AWAY, "maintenance")?;
    /// # Ok::<(), sanswire::SendError>(())
    /// ```
    ///
    /// Messages that arrive before the peer's Close frame are dropped, unless
    /// [`AfterClose::Deliver`](crate::AfterClose::Deliver) is set or
    /// [`close_and_deliver`](Self::close_and_deliver) is used. A message that is being sent in chunks
    /// stays unfinished. This does nothing unless the connection is open.
    ///
    /// A gateway can pass on the code and reason that another connection [was closed](Closed) with,
    /// whatever they are. For example, 1005 sends a Close frame without a code, and 1006 sends 1001.
    /// [`CloseCode::as_sent_by`] has the whole table. 1005 with a reason sends 1000, as browsers do.
    ///
    /// # Errors
    ///
    /// In any state:
    ///
    /// - [`SendError::InvalidCloseCode`] for a code that no Close frame can have: below 1000, 1004,
    ///   1016 to 2999, above 4999.
    /// - [`SendError::ReasonTooLong`] for a reason of more than 123 bytes.
    #[doc(alias("disconnect", "close reason"))]
    pub fn close(&mut self, code: impl Into<CloseCode>, reason: &str) -> Result<(), SendError> {
        self.endpoint.close(code.into(), reason)
    }

    /// Starts the closing handshake like [`close`](Self::close), but still delivers the messages that
    /// arrive before the peer's Close frame, whatever
    /// [`Config::after_close`](crate::Config::after_close) says.
    ///
    /// Use it when nothing more is to be sent and replies are still expected.
    ///
    /// # Errors
    ///
    /// The same as [`close`](Self::close).
    pub fn close_and_deliver(
        &mut self,
        code: impl Into<CloseCode>,
        reason: &str,
    ) -> Result<(), SendError> {
        self.endpoint.close_and_deliver(code.into(), reason)
    }

    /// Returns the role of this endpoint.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.endpoint.role()
    }

    /// Returns the state of the connection (WHATWG `readyState`).
    #[doc(alias = "readyState")]
    #[must_use]
    pub fn ready_state(&self) -> ReadyState {
        self.endpoint.ready_state()
    }

    /// Returns the payload bytes of sent messages that have not been written yet. See
    /// [`Connection::buffered_amount`](super::Connection::buffered_amount).
    #[doc(alias = "bufferedAmount")]
    #[must_use]
    pub fn buffered_amount(&self) -> usize {
        self.endpoint.buffered_amount()
    }

    /// Returns whether the output has room for a message: fewer bytes than
    /// [`Config::max_buffered`](crate::Config::max_buffered) wait.
    #[doc(alias = "backpressure")]
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.endpoint.has_room()
    }

    /// Returns what happens to a message while the output is full.
    #[must_use]
    pub fn when_full(&self) -> WhenFull {
        self.endpoint.when_full()
    }

    /// Returns the negotiated subprotocol, or an empty string.
    #[doc(alias = "subprotocol")]
    #[must_use]
    pub fn protocol(&self) -> &str {
        self.endpoint.protocol()
    }

    /// Returns how the connection ended, or `None` before the peer's Close frame has arrived or the
    /// connection has failed.
    #[must_use]
    pub fn closed(&self) -> Option<Closed> {
        self.endpoint.life().closed().cloned()
    }

    /// Returns the newest time between a Ping and its Pong, or `None` before the first measurement.
    #[must_use]
    pub fn round_trip_time(&self) -> Option<Duration> {
        self.endpoint.round_trip_time()
    }
}

impl fmt::Debug for Commands<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Commands").field("ready_state", &self.ready_state()).finish_non_exhaustive()
    }
}
