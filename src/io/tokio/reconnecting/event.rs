//! What a client that comes back tells its application; decides nothing.

use core::fmt;
use core::time::Duration;

use super::error::AttemptError;
use crate::close::Closed;
use crate::delivery::{DeliveryError, Lost};
use crate::io::Error;
use crate::message::Message;
use crate::reconnect::GaveUp;

/// What happened.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// An attempt begins.
    Connecting {
        /// Its number, from 1 on: since the start, or since the last stable connection ended.
        attempt: u32,
    },
    /// The attempt failed, or the connection ended.
    Disconnected {
        /// Why.
        cause: Cause,
        /// When the next attempt begins; `None` when none does.
        delay: Option<Duration>,
    },
    /// Behind `Open`, with [`Options::delivery`](super::Options::delivery): the peer knows a
    /// session that this client does not. A new one begins.
    Forgot,
    /// No attempt follows; what was queued is still there. The last event, unless the client is
    /// [started](super::Client::start) again.
    GaveUp(GaveUp),
    /// A message from the peer.
    Message(Message),
    /// The handshake is complete. What waited is sent now.
    Open,
    /// Behind `Open`, with `delivery`: the peer has lost its state. A new session begins; these
    /// messages are in it no more.
    PeerForgot(Lost),
    /// Behind `Open`, with `delivery`: the session goes on where it was.
    Resumed,
    /// Behind `Open`, with `delivery`: a new session, for both ends.
    Started,
}

/// Why there is no connection any more, or none came about.
#[derive(Debug)]
#[non_exhaustive]
pub enum Cause {
    /// A callback failed: there was no request, or no stream.
    Attempt(AttemptError),
    /// It was closed, by either end.
    Closed(Closed),
    /// The peer broke the rules of [`delivery`](crate::delivery).
    Delivery(DeliveryError),
    /// The handshake, the connection or the transport failed. An attempt that took too long is an
    /// [`Error::Io`] of kind [`TimedOut`](std::io::ErrorKind::TimedOut).
    Failed(Error),
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attempt(error) => write!(f, "attempt failed: {error}"),
            Self::Closed(closed) if closed.reason.is_empty() => {
                write!(f, "closed with {}", closed.code)
            }
            Self::Closed(closed) => write!(f, "closed with {}: {}", closed.code, closed.reason),
            Self::Delivery(error) => write!(f, "delivery failed: {error}"),
            Self::Failed(error) => error.fmt(f),
        }
    }
}
