//! Why there is no connection any more, or why there never was; knows no transport.

use core::fmt;

use crate::error::ConnectionError;
use crate::handshake::HandshakeError;

/// Why a [`Driver`](super::Driver) has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DriverError {
    /// The connection failed: by the peer's fault, by a limit, or because the stream ended.
    Connection(ConnectionError),
    /// The handshake failed: there was no connection. A server has answered the request with
    /// [`HandshakeError::status`]; a client finds the server's answer, if there was one, in
    /// [`HandshakeError::UnexpectedStatus`].
    Handshake(HandshakeError),
    /// The application answered the request with this status instead of accepting it: there was no
    /// connection.
    Rejected {
        /// The status of the answer.
        status: u16,
    },
}

impl fmt::Display for DriverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connection(_) => f.write_str("connection failed"),
            Self::Handshake(_) => f.write_str("handshake failed"),
            Self::Rejected { status } => write!(f, "request rejected with status {status}"),
        }
    }
}

impl core::error::Error for DriverError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Connection(error) => Some(error),
            Self::Handshake(error) => Some(error),
            Self::Rejected { .. } => None,
        }
    }
}

impl From<ConnectionError> for DriverError {
    fn from(error: ConnectionError) -> Self {
        Self::Connection(error)
    }
}

impl From<HandshakeError> for DriverError {
    fn from(error: HandshakeError) -> Self {
        Self::Handshake(error)
    }
}
