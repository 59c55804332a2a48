//! What a client that comes back tells its application; decides nothing.

use core::time::Duration;

use super::GaveUp;
use super::cause::Cause;
use crate::delivery::{self, Lost};
use crate::message::Message;

/// What happened.
///
/// `E` is the error of the adapter, such as `sanswire::Error`.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<E> {
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

impl<E> From<delivery::Event> for Event<E> {
    fn from(event: delivery::Event) -> Self {
        match event {
            delivery::Event::Forgot => Self::Forgot,
            delivery::Event::Message(message) => Self::Message(message),
            delivery::Event::PeerForgot(lost) => Self::PeerForgot(lost),
            delivery::Event::Resumed => Self::Resumed,
            delivery::Event::Started => Self::Started,
        }
    }
}
