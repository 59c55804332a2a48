//! What a connection says of itself; changes nothing.

use core::time::Duration;

use super::Connection;
use crate::close::{CloseCode, Closed};
#[cfg(feature = "split")]
use crate::connection::event::Discarded;
use crate::connection::life::{Phase, ReadyState};
#[cfg(feature = "split")]
use crate::connection::output::Mark;
use crate::role::Role;
use crate::timestamp::Timestamp;

#[expect(unused_imports, reason = "for the docs")]
use crate::connection::{Commands, Config};

impl Connection {
    /// Returns the role of this endpoint.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.endpoint.role()
    }

    /// Returns the state of the connection (WHATWG `readyState`).
    ///
    /// When it is [`Closed`](ReadyState::Closed), close the transport.
    #[doc(alias = "readyState")]
    #[must_use]
    pub fn ready_state(&self) -> ReadyState {
        self.endpoint.ready_state()
    }

    /// Returns the payload bytes of sent messages that have not been written to the transport yet
    /// (WHATWG `bufferedAmount`).
    ///
    /// Payload counts before compression; headers and control frames do not count. As the standard
    /// demands, a message that was refused because the connection is closing stays counted.
    #[doc(alias = "bufferedAmount")]
    #[must_use]
    pub fn buffered_amount(&self) -> usize {
        self.endpoint.buffered_amount()
    }

    /// Returns the negotiated subprotocol, or an empty string.
    #[doc(alias = "subprotocol")]
    #[must_use]
    pub fn protocol(&self) -> &str {
        self.endpoint.protocol()
    }

    /// Returns the negotiated value of `Sec-WebSocket-Extensions`, or an empty string.
    #[must_use]
    pub fn extensions(&self) -> &str {
        self.endpoint.extensions()
    }

    /// Returns how the connection ended, or `None` before the peer's Close frame has arrived or the
    /// connection has failed.
    #[doc(alias = "close reason")]
    #[must_use]
    pub fn closed(&self) -> Option<Closed> {
        self.endpoint.life().closed().cloned()
    }

    /// Returns whether it is known how the connection ended.
    pub(crate) fn has_closed(&self) -> bool {
        self.endpoint.life().closed().is_some()
    }

    /// Returns the code of the peer's Close frame (§7.1.5), or `None` before it has arrived.
    ///
    /// It is 1005 if the Close frame had no code, and 1006 if the connection failed.
    #[must_use]
    pub fn close_code(&self) -> Option<CloseCode> {
        self.endpoint.life().closed().map(|closed| closed.code)
    }

    /// Returns whether the connection has ended with a complete closing handshake (§7.1.4).
    #[doc(alias = "wasClean")]
    #[must_use]
    pub fn was_clean(&self) -> bool {
        self.endpoint.life().was_clean()
    }

    /// Returns the newest time between a Ping and its Pong, or `None` before the first measurement.
    ///
    /// Heartbeats and [`ping`](Commands::ping) are measured, as precisely as the times given to
    /// [`handle_timeout`](Self::handle_timeout).
    #[doc(alias("latency", "rtt"))]
    #[must_use]
    pub fn round_trip_time(&self) -> Option<Duration> {
        self.endpoint.round_trip_time()
    }

    /// Returns whether more should be read from the transport (back-pressure).
    ///
    /// It is false from the moment the output reaches [`Config::max_buffered`] until it has shrunk to
    /// [`Config::low_water`]. It is always true once the connection is no longer open. A server that
    /// answers messages should not read while it is false: then a peer that does not read its
    /// answers cannot fill the server's memory with them.
    ///
    /// If both peers stop reading, both wait forever. While nothing is read, Pongs and the peer's
    /// Close are not seen either. Keep [`Config::write_timeout`] set to end such a connection.
    #[doc(alias = "backpressure")]
    #[inline]
    #[must_use]
    pub fn wants_read(&self) -> bool {
        self.endpoint.wants_read()
    }

    /// Returns whether [`poll_discarded`](Self::poll_discarded) has something to report.
    #[must_use]
    pub fn has_discarded(&self) -> bool {
        self.endpoint.has_discarded()
    }

    /// Returns the next deadline while input is unread; leaves out those of messages.
    pub(crate) fn poll_timeout_unread(&self) -> Option<Timestamp> {
        self.endpoint.poll_timeout_unread()
    }

    /// Returns whether there is an event that a command may have brought, or a look at the output:
    /// that the connection has failed, or that there is room.
    pub(crate) fn has_own_event(&self) -> bool {
        matches!(self.endpoint.life().phase(), Phase::Failed(_)) || self.endpoint.is_writable()
    }

    /// Returns whether messages can be sent.
    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        self.endpoint.life().is_open()
    }

    /// Returns whether there is an event without more input: that there is room in the output, or
    /// that the connection is over.
    pub(crate) fn has_news(&self) -> bool {
        !self.endpoint.life().is_open() || self.endpoint.is_writable()
    }

    /// Returns whether anything waits to be written.
    pub(crate) fn has_output(&self) -> bool {
        self.endpoint.has_output()
    }

    /// Notes the place behind everything that is queued.
    #[cfg(feature = "split")]
    pub(crate) fn mark(&mut self) -> Mark {
        self.endpoint.mark()
    }

    /// Returns whether everything before the place has been written, whatever waits behind it.
    ///
    /// # Errors
    ///
    /// Some of it has been discarded since the place was noted, which others may have been told.
    #[cfg(feature = "split")]
    pub(crate) fn has_written(&self, mark: &Mark) -> Result<bool, Discarded> {
        self.endpoint.has_written(mark)
    }

    /// Returns how many bytes arrived and are not processed.
    pub(crate) fn unprocessed_len(&self) -> usize {
        self.receiver.unprocessed_len()
    }

    /// Returns when something is due of what the application and the peer did before the time was
    /// told last.
    pub(crate) fn next_dated(&self) -> Option<Timestamp> {
        self.endpoint.next_dated()
    }

    /// Returns until when the end of the connection may take, all in all.
    pub(crate) fn close_deadline(&self) -> Option<Timestamp> {
        self.endpoint.close_deadline()
    }

    /// Returns the time that was told last.
    pub(crate) fn now(&self) -> Timestamp {
        self.endpoint.now()
    }
}
