//! The error of all adapters; knows no transport.

use core::fmt;
use std::io;

use crate::close::Closed;
use crate::connection::{Discarded, Refused};
use crate::driver::DriverError;
use crate::error::{ConnectionError, SendError};
use crate::handshake::HandshakeError;
use crate::message::Message;

/// What can go wrong when a WebSocket is driven over a transport.
///
/// A close by either end's will is none of these, unless the application makes it one.
///
/// `Debug` tells the length of a message that came back, and not what is in it: errors are logged.
#[non_exhaustive]
pub enum Error {
    /// The connection was closed otherwise than normally. No method returns it: it is what
    /// [`Closed::check`] becomes.
    Closed(Closed),
    /// The connection failed: by the peer's fault, by a limit, or because the stream ended. Later
    /// calls return the same error.
    Connection(ConnectionError),
    /// What was waited for to leave does not, or not whole: the peer closed the connection or it
    /// failed meanwhile, or [`WhenFull::DropOldest`](crate::WhenFull) made room. Also tells of
    /// messages that were queued before, once. Do not send again what may have left.
    Discarded(Discarded),
    /// The handshake failed: there is no connection. A server has answered the request with
    /// [`HandshakeError::status`]; a client finds the server's answer, if there was one, in
    /// [`HandshakeError::UnexpectedStatus`].
    Handshake(HandshakeError),
    /// The transport failed, or a wait for it ended without success ([`io::ErrorKind::TimedOut`]).
    Io(io::Error),
    /// The application answered the request with this status instead of accepting it: there is no
    /// connection. The answer has been written.
    Rejected {
        /// The status of the answer.
        status: u16,
    },
    /// A command was refused; nothing changed, and the connection goes on as it was.
    Send {
        /// Why.
        error: SendError,
        /// The message, if an owned one was to be sent.
        message: Option<Message>,
    },
    /// A `wss` URL was given where there is no TLS: connect a TLS stream, and do the handshake over
    /// it by `connect_over`.
    TlsRequired,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(closed) => write!(f, "connection {closed}"),
            Self::Connection(error) => write!(f, "connection failed: {error}"),
            Self::Discarded(discarded) => write!(f, "{discarded}"),
            Self::Handshake(error) => write!(f, "handshake failed: {error}"),
            Self::Io(error) => write!(f, "transport failed: {error}"),
            Self::Rejected { status } => write!(f, "request rejected with status {status}"),
            Self::Send { error, .. } => write!(f, "command refused: {error}"),
            Self::TlsRequired => {
                f.write_str("a wss URL needs a TLS stream: connect one, and use `connect_over`")
            }
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(closed) => f.debug_tuple("Closed").field(closed).finish(),
            Self::Connection(error) => f.debug_tuple("Connection").field(error).finish(),
            Self::Discarded(discarded) => f.debug_tuple("Discarded").field(discarded).finish(),
            Self::Handshake(error) => f.debug_tuple("Handshake").field(error).finish(),
            Self::Io(error) => f.debug_tuple("Io").field(error).finish(),
            Self::Rejected { status } => {
                f.debug_struct("Rejected").field("status", status).finish()
            }
            Self::Send { error, message } => f
                .debug_struct("Send")
                .field("error", error)
                .field("message_len", &message.as_ref().map(Message::len))
                .finish(),
            Self::TlsRequired => f.write_str("TlsRequired"),
        }
    }
}

impl core::error::Error for Error {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Connection(error) => Some(error),
            Self::Discarded(discarded) => Some(discarded),
            Self::Handshake(error) => Some(error),
            Self::Io(error) => Some(error),
            Self::Send { error, .. } => Some(error),
            Self::Closed(_) | Self::Rejected { .. } | Self::TlsRequired => None,
        }
    }
}

impl From<Closed> for Error {
    fn from(closed: Closed) -> Self {
        Self::Closed(closed)
    }
}

impl From<DriverError> for Error {
    fn from(error: DriverError) -> Self {
        match error {
            DriverError::Connection(error) => Self::Connection(error),
            DriverError::Handshake(error) => Self::Handshake(error),
            DriverError::Rejected { status } => Self::Rejected { status },
        }
    }
}

impl From<ConnectionError> for Error {
    fn from(error: ConnectionError) -> Self {
        Self::Connection(error)
    }
}

impl From<Discarded> for Error {
    fn from(discarded: Discarded) -> Self {
        Self::Discarded(discarded)
    }
}

impl From<HandshakeError> for Error {
    fn from(error: HandshakeError) -> Self {
        Self::Handshake(error)
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        Self::Send { error: refused.error, message: refused.message }
    }
}

impl From<SendError> for Error {
    fn from(error: SendError) -> Self {
        Self::Send { error, message: None }
    }
}
