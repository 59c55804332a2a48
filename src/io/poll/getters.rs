//! What a WebSocket of an asynchronous runtime says of itself, and its commands; waits for nothing.

use super::{PollTransport, WebSocket};
use crate::close::Closed;
use crate::connection::{Commands, Connection, ReadyState};
use crate::handshake::Response;

impl<T: PollTransport> WebSocket<T> {
    /// Returns the commands of the connection. They queue, as [`feed`](Self::feed) does.
    pub fn commands(&mut self) -> Commands<'_> {
        self.shell.commands()
    }

    /// Returns the connection, for its getters, such as [`Connection::round_trip_time`].
    pub fn connection(&self) -> &Connection {
        self.shell.driver().connection()
    }

    /// Returns the stream, for its options and addresses. Do not read from it or write to it: that
    /// breaks the connection.
    pub fn stream(&self) -> &T::Stream {
        self.shell.transport.stream()
    }

    /// Returns the WHATWG `readyState`: connecting, open, closing or closed.
    #[doc(alias = "readyState")]
    pub fn ready_state(&self) -> ReadyState {
        self.connection().ready_state()
    }

    /// Returns the WHATWG `bufferedAmount`: how many bytes of payload are queued and not written.
    /// See [`Connection::buffered_amount`].
    #[doc(alias = "bufferedAmount")]
    pub fn buffered_amount(&self) -> usize {
        self.connection().buffered_amount()
    }

    /// Returns the negotiated subprotocol, or an empty string.
    #[doc(alias = "subprotocol")]
    pub fn protocol(&self) -> &str {
        self.connection().protocol()
    }

    /// Returns the server's response to the handshake, with its headers, such as a cookie of a load
    /// balancer. `None` on a server.
    pub fn response(&self) -> Option<&Response> {
        self.shell.driver().response()
    }

    /// Returns who closed the connection, with which code and reason. `None` while it is open.
    pub fn closed(&self) -> Option<Closed> {
        self.connection().closed()
    }
}
