//! The error of all adapters; knows no transport.

use alloc::boxed::Box;
use core::fmt;
use core::time::Duration;
use std::io;

use super::connecting::{ConnectError, Words};
use super::{HttpError, ProxyError, TlsError};
use crate::close::Closed;
use crate::connection::{Discarded, Refused};
use crate::driver::{DriverError, write_handshake};
use crate::error::{ConnectionError, SendError};
use crate::handshake::{HandshakeError, RedirectError};
use crate::message::Message;

/// What can go wrong when a WebSocket is driven over a transport.
///
/// A close is not an error, unless the application makes it one by [`Closed::check`].
///
/// Errors are logged, so `Debug` prints only the length of a returned message, not its content.
#[non_exhaustive]
// As in `Message`, which it stands beside in a `Result`.
#[repr(usize)]
pub enum Error {
    /// The connection did not end normally. No method of a socket returns this error: `?` makes it
    /// from the error of [`Closed::check`].
    Closed(Closed),
    /// No connection to the server could be made: the host was not found, none of its addresses
    /// answered, or the transport failed during the handshake.
    Connect(Box<ConnectError>),
    /// The connection failed: by the peer's fault, by a limit, or because the stream ended. Later
    /// calls return the same error.
    Connection(ConnectionError),
    /// Messages were queued and will not be written, or not whole: the peer closed the connection,
    /// the connection failed, or [`WhenFull::DropOldest`](crate::WhenFull) dropped them. Reported
    /// once, also for messages of earlier calls. Some of them may have been written, so do not
    /// send them again.
    Discarded(Discarded),
    /// The handshake failed: there is no connection. A server has answered the request with
    /// [`HandshakeError::status`]; a client finds the server's answer, if there was one, in
    /// [`HandshakeError::UnexpectedStatus`].
    ///
    /// ```
    /// # use sanswire::Error;
    /// use sanswire::handshake::HandshakeError;
    ///
    /// # fn is_signed_out(error: &Error) -> bool {
    /// matches!(error, Error::Handshake { error: HandshakeError::UnexpectedStatus(response), .. }
    ///     if response.status() == 401)
    /// # }
    /// ```
    Handshake {
        /// Why.
        error: HandshakeError,
        /// Where a client was connecting to, without the query: that may have secrets in it, and
        /// errors are logged.
        url: Option<Box<str>>,
    },
    /// The HTTP stack that carried the handshake failed. Only with `io::hyper` and `io::axum`.
    Http {
        /// Why.
        error: HttpError,
        /// Where a client was connecting to, without the query.
        url: Option<Box<str>>,
    },
    /// The transport failed.
    Io(io::Error),
    /// A proxy led to no server. If the way to the proxy itself failed, it is
    /// [`Connect`](Self::Connect).
    Proxy {
        /// Why.
        error: ProxyError,
        /// The URL of the proxy, without user name and password.
        proxy: Box<str>,
        /// Where the client was connecting to, without the query.
        url: Box<str>,
    },
    /// The server redirected, and that was not followed. Only with
    /// [`Connector::redirects`](super::Connector::redirects).
    Redirect {
        /// Why.
        error: RedirectError,
        /// The last URL that was asked, without the query.
        url: Box<str>,
    },
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
    /// A wait took too long. The transport has not failed.
    Timeout(Timeout),
    /// There is no TLS: it is not set up, or its handshake failed.
    Tls {
        /// Why.
        error: TlsError,
        /// Where a client was connecting to, without the query.
        url: Option<Box<str>>,
    },
}

/// Which wait took too long, from [`Error::Timeout`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Timeout {
    /// An attempt of a client that reconnects took too long.
    Attempt {
        /// `Options::attempt_timeout`.
        limit: Duration,
    },
    /// A deadline of the connection or of its handshake passed while a call waited to write. Such a
    /// connection has failed: what arrived before can be received, then the error that names the
    /// deadline.
    Deadline,
    /// Nothing came that a call waits for. The connection goes on, and the call can be made again.
    Read {
        /// What was set by [`set_read_timeout`](super::blocking::WebSocket::set_read_timeout).
        limit: Duration,
    },
    /// A read of the stream ended with `WouldBlock` or `TimedOut` by a bound of its own. The
    /// connection goes on, and the call can be made again.
    Stream,
}

impl fmt::Display for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attempt { limit } => {
                write!(
                    f,
                    "attempt to connect took longer than {limit:?} (Options::attempt_timeout): \
                     raise it if the server is slow"
                )
            }
            Self::Deadline => f.write_str(
                "a deadline passed before everything was written: the error of recv says which",
            ),
            Self::Read { limit } => write!(
                f,
                "nothing came within {limit:?} (set_read_timeout): the connection goes on, call again"
            ),
            Self::Stream => f.write_str(
                "nothing came before the stream's own timeout: the connection goes on, call again",
            ),
        }
    }
}

impl core::error::Error for Timeout {}

#[cfg(feature = "rustls")]
impl Error {
    /// Makes an error of a TLS handshake that failed by itself or with its stream.
    pub(super) fn of_tls_handshake(error: io::Error) -> Self {
        TlsError::of_handshake(error).map_or_else(Self::Io, Self::from)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(closed) => write!(f, "connection {closed}"),
            Self::Connection(error) => write!(f, "connection failed: {error}"),
            Self::Discarded(discarded) => write!(f, "{discarded}"),
            Self::Connect(error) => error.fmt(f),
            Self::Handshake { error, url } => write_handshake(f, error, url.as_deref()),
            Self::Http { error, url: Some(url) } => write!(f, "{url}: {error}"),
            Self::Http { error, url: None } => error.fmt(f),
            Self::Io(error) => {
                write!(f, "transport failed: {}", Words(error))?;
                let is_gone = error.kind() == io::ErrorKind::BrokenPipe;
                f.write_str(if is_gone { ": receive what came before, it may say why" } else { "" })
            }
            Self::Proxy { error, proxy, url } => write!(f, "{url}: proxy {proxy}: {error}"),
            Self::Redirect { error, url } => write!(f, "{url}: {error}"),
            Self::Rejected { status } => {
                write!(f, "application rejected the request with status {status}")
            }
            Self::Send { error, .. } => write!(f, "command refused: {error}"),
            Self::Timeout(timeout) => timeout.fmt(f),
            Self::Tls { error, url: Some(url) } => write!(f, "{url}: {error}"),
            Self::Tls { error, url: None } => error.fmt(f),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(closed) => f.debug_tuple("Closed").field(closed).finish(),
            Self::Connection(error) => f.debug_tuple("Connection").field(error).finish(),
            Self::Discarded(discarded) => f.debug_tuple("Discarded").field(discarded).finish(),
            Self::Connect(error) => f.debug_tuple("Connect").field(error).finish(),
            Self::Handshake { error, url } => {
                f.debug_struct("Handshake").field("error", error).field("url", url).finish()
            }
            Self::Http { error, url } => {
                f.debug_struct("Http").field("error", error).field("url", url).finish()
            }
            Self::Io(error) => f.debug_tuple("Io").field(error).finish(),
            Self::Proxy { error, proxy, url } => f
                .debug_struct("Proxy")
                .field("error", error)
                .field("proxy", proxy)
                .field("url", url)
                .finish(),
            Self::Redirect { error, url } => {
                f.debug_struct("Redirect").field("error", error).field("url", url).finish()
            }
            Self::Rejected { status } => {
                f.debug_struct("Rejected").field("status", status).finish()
            }
            Self::Send { error, message } => f
                .debug_struct("Send")
                .field("error", error)
                .field("message_len", &message.as_ref().map(Message::len))
                .finish(),
            Self::Timeout(timeout) => f.debug_tuple("Timeout").field(timeout).finish(),
            Self::Tls { error, url } => {
                f.debug_struct("Tls").field("error", error).field("url", url).finish()
            }
        }
    }
}

/// The text is that of what it wraps, too, so the source is the source of that.
impl core::error::Error for Error {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Connect(error) => error.source(),
            Self::Connection(error) => error.source(),
            Self::Discarded(discarded) => discarded.source(),
            Self::Handshake { error, .. } => error.source(),
            Self::Http { error, .. } => error.source(),
            Self::Io(error) => error.source(),
            Self::Proxy { error, .. } => error.source(),
            Self::Redirect { error, .. } => error.source(),
            Self::Send { error, .. } => error.source(),
            Self::Timeout(timeout) => timeout.source(),
            Self::Tls { error, .. } => error.source(),
            Self::Closed(_) | Self::Rejected { .. } => None,
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
            DriverError::Handshake { error, url } => Self::Handshake { error, url },
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
        Self::Handshake { error, url: None }
    }
}

impl From<HttpError> for Error {
    fn from(error: HttpError) -> Self {
        Self::Http { error, url: None }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<TlsError> for Error {
    fn from(error: TlsError) -> Self {
        Self::Tls { error, url: None }
    }
}

impl From<Timeout> for Error {
    fn from(timeout: Timeout) -> Self {
        Self::Timeout(timeout)
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
