//! What a call throws, and what a connection fails by; decides nothing.

use alloc::boxed::Box;
use core::fmt;

use crate::driver::write_handshake;
use crate::error::ConnectionError;
use crate::handshake::HandshakeError;

/// What a method throws: the call was refused, nothing changed.
///
/// The variants have the names of the standard's `DOMException`s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DomException {
    /// `close()` with a code that is neither 1000 nor one of 3000 to 4999.
    InvalidAccessError {
        /// The code that was given.
        code: u16,
    },
    /// `send()` before the connection is open.
    InvalidStateError,
    /// `close()` with a reason of more than 123 bytes of UTF-8.
    SyntaxError {
        /// Its length in bytes.
        len: usize,
    },
}

impl DomException {
    /// Returns the name of the `DOMException`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::InvalidAccessError { .. } => "InvalidAccessError",
            Self::InvalidStateError => "InvalidStateError",
            Self::SyntaxError { .. } => "SyntaxError",
        }
    }
}

impl fmt::Display for DomException {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::InvalidAccessError { code } => {
                write!(f, "close code {code} is neither 1000 nor one of 3000 to 4999")
            }
            Self::InvalidStateError => {
                f.write_str("connection is not established yet: wait for the open event")
            }
            Self::SyntaxError { len } => {
                write!(f, "close reason of {len} bytes is over 123 bytes: shorten it")
            }
        }
    }
}

impl core::error::Error for DomException {}

/// Why a connection failed, which the standard keeps from scripts: they could explore a network
/// with it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// [`close`](super::WebSocketObject::close) was called before the connection was established.
    ClosedEarly,
    /// The established connection failed.
    Connection(ConnectionError),
    /// There was no room for a message to be sent.
    Full,
    /// The opening handshake failed.
    Handshake {
        /// Why.
        error: HandshakeError,
        /// The URL, without its query: that may have secrets in it, and errors are logged.
        url: Box<str>,
    },
    /// The transport could not be connected.
    NotConnected {
        /// The URL, without its query.
        url: Box<str>,
    },
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ClosedEarly => f.write_str("closed before the connection was established"),
            Self::Connection(error) => error.fmt(f),
            Self::Full => f.write_str(
                "no room for a message to be sent (Config::max_buffered): look at buffered_amount \
                 before sending",
            ),
            Self::Handshake { error, url } => write_handshake(f, error, Some(url)),
            Self::NotConnected { url } => write!(
                f,
                "{url}: transport could not be connected: is the server up, are host and port right?"
            ),
        }
    }
}

impl core::error::Error for Failure {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            // The text is that of the error, so the source is the error's own.
            Self::Connection(error) => error.source(),
            Self::Handshake { error, .. } => error.source(),
            Self::ClosedEarly | Self::Full | Self::NotConnected { .. } => None,
        }
    }
}
