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

/// The commands of a [`Connection`](super::Connection): what it sends, and how it is closed.
///
/// Each event is lent together with them, so that it can be answered while it is held. At any other
/// time, [`Connection::commands`](super::Connection::commands) lends them. What they queue leaves by
/// [`Connection::poll_transmit`](super::Connection::poll_transmit).
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
/// connection.commands().close(1000, "that is all")?;
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

    /// Lends the same commands for a shorter time, to pass them on by value.
    #[must_use]
    pub const fn reborrow(&mut self) -> Commands<'_> {
        Commands { endpoint: self.endpoint }
    }

    /// Sends a message: text, bytes, a [`Message`](crate::Message), a
    /// [`&Prepared`](crate::Prepared), or what an event lends. See [`Outgoing`] for when it is
    /// copied.
    ///
    /// Where permessage-deflate was negotiated the message is compressed, unless it is below
    /// [`DeflateConfig::threshold`](crate::extension::DeflateConfig). A prepared one leaves in the
    /// form that was [compressed for it](crate::Prepared#compression), or as it is.
    ///
    /// # Errors
    ///
    /// [`Refused`] gives a message back that was passed by value: the connection is closing
    /// ([`SendError::Closed`]), a message is being sent in parts, or the output is full
    /// ([`SendError::Full`]). What happens then is up to
    /// [`Config::when_full`](crate::Config::when_full), and is decided by what waits now: write
    /// before, or use [`try_send`](Self::try_send).
    #[inline(always)]
    pub fn send<'m>(&mut self, message: impl Into<Outgoing<'m>>) -> Result<(), Refused> {
        self.endpoint.send(message.into(), Compress::Auto, Full::Judge)
    }

    /// As [`send`](Self::send), but a message for which there is no room always comes back,
    /// whatever [`Config::when_full`](crate::Config::when_full) says.
    ///
    /// For a loop that writes and tries again: when the transport takes nothing more, `send` does
    /// what is to be done.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    #[inline(always)]
    pub fn try_send<'m>(&mut self, message: impl Into<Outgoing<'m>>) -> Result<(), Refused> {
        self.endpoint.send(message.into(), Compress::Auto, Full::GiveBack)
    }

    /// Sends a message as it is, also where compression was negotiated.
    ///
    /// When a secret is compressed together with what an attacker can choose, the length of the
    /// result tells how much the two have in common (RFC 7692, §8). Send such a message like this.
    /// Without effect on a [`Prepared`](crate::Prepared) message.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    #[inline]
    pub fn send_uncompressed<'m>(
        &mut self,
        message: impl Into<Outgoing<'m>>,
    ) -> Result<(), Refused> {
        self.endpoint.send(message.into(), Compress::Never, Full::Judge)
    }

    /// Begins a message that is sent in parts, by [`send_chunk`](Self::send_chunk) and
    /// [`finish`](Self::finish).
    ///
    /// # Errors
    ///
    /// [`SendError::MessageInProgress`], [`SendError::Full`], [`SendError::Closed`].
    pub fn begin(&mut self, kind: MessageKind) -> Result<(), SendError> {
        self.endpoint.begin(kind, Compress::Auto)
    }

    /// As [`begin`](Self::begin), for a message that is not to be compressed; see
    /// [`send_uncompressed`](Self::send_uncompressed).
    ///
    /// # Errors
    ///
    /// As [`begin`](Self::begin).
    pub fn begin_uncompressed(&mut self, kind: MessageKind) -> Result<(), SendError> {
        self.endpoint.begin(kind, Compress::Never)
    }

    /// Sends the next part of a message, as a fragment of its own (§5.4).
    ///
    /// Parts of a text message may end inside a character.
    ///
    /// # Errors
    ///
    /// [`SendError::NoMessageInProgress`], [`SendError::InvalidUtf8`], [`SendError::Full`],
    /// [`SendError::Closed`]. Nothing was sent; the message is still in progress.
    pub fn send_chunk(&mut self, payload: &[u8]) -> Result<(), SendError> {
        self.endpoint.send_chunk(payload)
    }

    /// Finishes a message that is sent in parts.
    ///
    /// # Errors
    ///
    /// [`SendError::NoMessageInProgress`], [`SendError::Closed`], or [`SendError::InvalidUtf8`]
    /// when a text would end inside a character: the message is still in progress then.
    pub fn finish(&mut self) -> Result<(), SendError> {
        self.endpoint.finish()
    }

    /// Sends a Ping with up to 125 bytes (§5.5.2).
    ///
    /// # Errors
    ///
    /// [`SendError::ControlTooLong`], [`SendError::Full`], [`SendError::Closed`].
    pub fn ping(&mut self, payload: &[u8]) -> Result<(), SendError> {
        self.endpoint.ping(payload)
    }

    /// Sends a Pong with up to 125 bytes, asked for or not (§5.5.3).
    ///
    /// # Errors
    ///
    /// As [`ping`](Self::ping).
    pub fn pong(&mut self, payload: &[u8]) -> Result<(), SendError> {
        self.endpoint.pong(payload)
    }

    /// Begins the closing handshake (§7.1.2), behind all messages sent before.
    ///
    /// Any code and reason that another connection [was closed](Closed) with can be passed on as
    /// they are: 1005 sends a Close frame without a code, and 1006 is told as 1001. See
    /// [`CloseCode::as_sent_by`] for the whole table. 1005 together with a reason sends 1000, as
    /// browsers do.
    ///
    /// A message that is being sent in parts is left unfinished. Messages that the peer sends before
    /// it answers are dropped, unless [`AfterClose::Deliver`](crate::AfterClose) is set or
    /// [`close_and_deliver`](Self::close_and_deliver) is used. Without effect on a connection that
    /// is closing or closed.
    ///
    /// # Errors
    ///
    /// [`SendError::InvalidCloseCode`] for a code that no Close frame can have (below 1000, 1004,
    /// 1016 to 2999, above 4999), and [`SendError::ReasonTooLong`] for a reason of more than 123
    /// bytes, which cannot come from a Close frame; whatever the state.
    pub fn close(&mut self, code: impl Into<CloseCode>, reason: &str) -> Result<(), SendError> {
        self.endpoint.close(code.into(), reason)
    }

    /// As [`close`](Self::close), but messages that arrive before the peer's Close frame are
    /// delivered, whatever [`Config::after_close`](crate::Config::after_close) says: this end has no
    /// more to send, and still wants the replies.
    ///
    /// # Errors
    ///
    /// As [`close`](Self::close).
    pub fn close_and_deliver(
        &mut self,
        code: impl Into<CloseCode>,
        reason: &str,
    ) -> Result<(), SendError> {
        self.endpoint.close_and_deliver(code.into(), reason)
    }

    /// Returns the role of this end.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.endpoint.role()
    }

    /// Returns the WHATWG `readyState`.
    #[must_use]
    pub fn ready_state(&self) -> ReadyState {
        self.endpoint.ready_state()
    }

    /// Returns the WHATWG `bufferedAmount`; see
    /// [`Connection::buffered_amount`](super::Connection::buffered_amount).
    #[must_use]
    pub fn buffered_amount(&self) -> usize {
        self.endpoint.buffered_amount()
    }

    /// Returns whether a message that is sent now is accepted by the output: less than
    /// [`Config::max_buffered`](crate::Config::max_buffered) waits.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.endpoint.has_room()
    }

    /// Returns what happens to a message while there is no room for it.
    #[must_use]
    pub fn when_full(&self) -> WhenFull {
        self.endpoint.when_full()
    }

    /// Returns the subprotocol in use, or an empty string.
    #[must_use]
    pub fn protocol(&self) -> &str {
        self.endpoint.protocol()
    }

    /// Returns how the connection ended, once the peer's Close frame has arrived or the connection
    /// has failed.
    #[must_use]
    pub fn closed(&self) -> Option<Closed> {
        self.endpoint.life().closed().cloned()
    }

    /// Returns how long a Ping and its Pong took together, by the newest measurement.
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
