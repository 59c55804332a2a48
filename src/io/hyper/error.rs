//! What became of a WebSocket of an HTTP server, for the application; knows no stream.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

use super::Rejection;
use crate::excerpt::Place;
use crate::io::Error;
use crate::io::tokio::panics::first_line;

/// What went wrong with a WebSocket after its request was answered, for
/// [`WebSocketUpgrade::on_error`](super::WebSocketUpgrade::on_error).
#[derive(Debug)]
#[non_exhaustive]
pub enum UpgradeError {
    /// The handler returned an error, or the client did not answer the Close frame that was sent
    /// when the handler returned.
    Connection {
        /// The path of the request.
        path: Box<str>,
        /// Why.
        error: Box<Error>,
    },
    /// The response was made, but no stream came after it. The handler was not called.
    Open {
        /// The path of the request.
        path: Box<str>,
        /// Why.
        error: Box<Error>,
    },
    /// The application chose what the client did not offer, or set headers that cannot be sent. The
    /// client was answered with 500.
    Rejected {
        /// The path of the request.
        path: Box<str>,
        /// Why.
        rejection: Rejection,
    },
    /// The handler panicked. Its client got the close code 1011.
    Panic {
        /// The path of the request.
        path: Box<str>,
        /// The text of the panic. Only its first line is displayed.
        message: String,
    },
}

impl fmt::Display for UpgradeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connection { path, error } | Self::Open { path, error } => {
                write!(f, "{}: {error}", Place(path.as_bytes()))
            }
            Self::Rejected { path, rejection } => {
                write!(f, "{}: answered with 500: {rejection}", Place(path.as_bytes()))
            }
            Self::Panic { path, message } => {
                let path = Place(path.as_bytes());
                write!(f, "{path}: application panicked: {}", first_line(message))
            }
        }
    }
}

/// The text has that of the cause, so the source is the source of that.
impl core::error::Error for UpgradeError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Connection { error, .. } | Self::Open { error, .. } => error.source(),
            Self::Panic { .. } | Self::Rejected { .. } => None,
        }
    }
}
