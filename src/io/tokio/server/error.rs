//! What a server reports to the application; knows no sockets.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;
use std::io;

use super::listener::Peer;
use crate::io::Error;
use crate::io::tokio::panics::first_line;

/// An error of a server or of one of its connections, for [`Server::on_error`](crate::io::tokio::Server::on_error).
/// The server goes on.
#[derive(Debug)]
#[non_exhaustive]
pub enum ServerError {
    /// No connection could be accepted, for example because the process has too many open files. The
    /// server waits and tries again.
    Accept(io::Error),
    /// The handler returned an error, or the client did not answer the Close frame that the server
    /// sent when the handler returned.
    Connection {
        /// The client.
        peer: Peer,
        /// Why.
        error: Box<Error>,
    },
    /// The handshake failed. The client was answered if it made a request.
    Handshake {
        /// The client.
        peer: Peer,
        /// Why.
        error: Box<Error>,
    },
    /// The handler or `decide` panicked. Its client got the close code 1011 or the status 500.
    Panic {
        /// The client.
        peer: Peer,
        /// The text of the panic. Only its first line is displayed.
        message: String,
    },
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accept(error) => write!(f, "cannot accept connections for now: {error}"),
            Self::Connection { peer, error } | Self::Handshake { peer, error } => {
                write!(f, "{peer}: {error}")
            }
            Self::Panic { peer, message } => {
                write!(f, "{peer}: application panicked: {}", first_line(message))
            }
        }
    }
}

/// The text has that of the cause, so the source is the source of that.
impl core::error::Error for ServerError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Accept(error) => error.source(),
            Self::Connection { error, .. } | Self::Handshake { error, .. } => error.source(),
            Self::Panic { .. } => None,
        }
    }
}
