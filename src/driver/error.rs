//! Why there is no connection any more, or why there never was; knows no transport.

use alloc::boxed::Box;
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
    Handshake {
        /// Why.
        error: HandshakeError,
        /// Where a client was connecting to, without the query: that may have secrets in it, and
        /// errors are logged.
        url: Option<Box<str>>,
    },
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
            Self::Connection(error) => write!(f, "connection failed: {error}"),
            Self::Handshake { error, url } => write_handshake(f, error, url.as_deref()),
            Self::Rejected { status } => {
                write!(f, "application rejected the request with status {status}")
            }
        }
    }
}

/// The text is that of what it wraps, too, so the source is the source of that.
impl core::error::Error for DriverError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Connection(error) => error.source(),
            Self::Handshake { error, .. } => error.source(),
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
        Self::Handshake { error, url: None }
    }
}

/// Says why a handshake failed, and where that was.
pub(crate) fn write_handshake(
    f: &mut fmt::Formatter<'_>,
    error: &HandshakeError,
    url: Option<&str>,
) -> fmt::Result {
    match url {
        _ if error.is_callers() => write!(f, "{error}"),
        Some(url) => write!(f, "{url}: {error}"),
        None => write!(f, "handshake failed: {error}"),
    }
}
