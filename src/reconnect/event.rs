//! What a client that comes back tells its application; decides nothing.

use core::time::Duration;

use super::GaveUp;
use super::cause::Cause;
use crate::delivery::{Lost, SessionEvent};
use crate::message::Message;

/// What happened.
///
/// `E` is the error of the adapter, such as `sanswire::Error`.
#[derive(Debug)]
#[non_exhaustive]
pub enum ClientEvent<E> {
    /// An attempt begins.
    Connecting {
        /// Its number, from 1 on: since the start, or since the last stable connection ended.
        attempt: u32,
    },
    /// The attempt failed, or the connection ended.
    Disconnected {
        /// Why.
        cause: Cause<E>,
        /// When the next attempt begins; `None` when none does.
        delay: Option<Duration>,
    },
    /// Behind `Open`, with [`delivery`](crate::delivery): the peer knows a session that this
    /// client does not. A new one begins.
    Forgot,
    /// No attempt follows; what was queued is still there. The last event, unless the client is
    /// started again.
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

impl<E> From<SessionEvent> for ClientEvent<E> {
    fn from(event: SessionEvent) -> Self {
        match event {
            SessionEvent::Forgot => Self::Forgot,
            SessionEvent::Message(message) => Self::Message(message),
            SessionEvent::PeerForgot(lost) => Self::PeerForgot(lost),
            SessionEvent::Resumed => Self::Resumed,
            SessionEvent::Started => Self::Started,
        }
    }
}
