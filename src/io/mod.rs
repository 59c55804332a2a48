//! The adapters: what drives the machines of this crate over real sockets. The only code near a
//! socket, a clock or the operating system's entropy.
//!
//! [`blocking`] works on anything that is `Read + Write`; `tokio`, behind the feature of that name,
//! on anything that is `AsyncRead + AsyncWrite`. They have the same methods and the same [`Error`].
//!
//! # When bytes leave
//!
//! - What `send` and other methods are said to send: before they return.
//! - What is queued, by `feed` and the other methods that say so, by a callback that is lent
//!   [`Commands`](crate::Commands), or by the connection itself (Pongs, heartbeats, a Close
//!   frame): when all that was read has been handled and the next is to be read, so before `recv`,
//!   `recv_with` or `run` waits, in one write as far as the stream takes it; or with the next that
//!   is sent or flushed.
//! - When a socket is dropped, what is queued does not leave.
//!
//! # The end
//!
//! A close is reported when both Close frames are through and all that waited was written: `recv`
//! returns `None` and `close` returns, whether or not the peer closes the transport. Then drop the
//! socket, which closes the transport.
//!
//! A connection that fails is reported later. Its peer may still be sending, and would lose the Close
//! frame that says why if the transport were closed in the middle of that. So input is read and
//! thrown away until the peer is done, for 5 s and 32 MiB at most.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the sockets, clocks and locks of the crate are in here"
)]

use alloc::boxed::Box;
use core::fmt;
use core::net::SocketAddr;
use std::io;

use crate::close::Closed;
use crate::connection::{Discarded, ReadyState, Refused};
use crate::driver::{self, Driver, Next};
use crate::error::{ConnectionError, SendError};
use crate::handshake::{Acceptance, ClientRequest, HandshakeError, Request, Response};
use crate::message::Message;

pub mod blocking;
mod failure;
#[cfg(feature = "futures-io")]
pub mod futures_io;
#[cfg(any(feature = "futures-io", feature = "tokio"))]
pub mod poll;
mod pump;
#[cfg(feature = "tokio")]
pub mod tokio;
mod transport;

pub use pump::pump;
pub use transport::{Plain, Transport};

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
    /// [`HandshakeError::Refused`].
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
    /// it by `client`.
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
                f.write_str("a wss URL needs a TLS stream: connect one, and use `client`")
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

impl From<driver::Error> for Error {
    fn from(error: driver::Error) -> Self {
        match error {
            driver::Error::Connection(error) => Self::Connection(error),
            driver::Error::Handshake(error) => Self::Handshake(error),
            driver::Error::Rejected { status } => Self::Rejected { status },
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

/// Returns bytes of the operating system's entropy: a nonce, or the seed of the masking keys.
fn entropy<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

/// What an opening handshake waits for.
enum Opening {
    Answer(Box<Request>),
    /// Nothing: the connection is open.
    Done,
    Transport,
    /// That others run.
    Yield,
}

/// Opens a driver as far as it goes by itself.
fn open(driver: &mut Driver) -> Result<Opening, driver::Error> {
    while driver.connection().ready_state() == ReadyState::Connecting {
        match driver.poll_event()? {
            Next::Request(request) => return Ok(Opening::Answer(request)),
            Next::Wait => return Ok(Opening::Transport),
            Next::Yield => return Ok(Opening::Yield),
            Next::Event(..) | Next::Over | Next::Response(_) => {}
        }
    }
    Ok(Opening::Done)
}

/// As [`open`], with an answer of `decide` to the request. Returns whether the connection is open.
fn open_with(
    driver: &mut Driver,
    decide: &mut Option<impl FnOnce(&Request) -> Result<Acceptance, Response>>,
) -> Result<bool, driver::Error> {
    loop {
        match open(driver)? {
            Opening::Answer(request) => {
                if let Some(decide) = decide.take() {
                    answer(driver, &request, decide(&request));
                }
            }
            Opening::Done => return Ok(true),
            Opening::Transport => return Ok(false),
            Opening::Yield => {}
        }
    }
}

/// Answers a request. What is refused ends the handshake, which says so.
fn answer(driver: &mut Driver, request: &Request, answer: Result<Acceptance, Response>) {
    let _ = match answer {
        Ok(acceptance) => driver.accept(request, &acceptance),
        Err(response) => driver.reject(&response),
    };
}

/// Refuses a request that goes over TLS, where there is none.
const fn check_plain(request: &ClientRequest) -> Result<(), Error> {
    if request.is_secure() { Err(Error::TlsRequired) } else { Ok(()) }
}

/// Returns whether a socket is its own peer: where nobody listens on this machine, it may be given
/// the very port that it connects to.
fn is_self_connected(local: io::Result<SocketAddr>, peer: io::Result<SocketAddr>) -> bool {
    matches!((local, peer), (Ok(local), Ok(peer)) if local == peer)
}

/// How many pieces of output go into one write. More than large messages that wait at once.
const SLICES: usize = 64;
