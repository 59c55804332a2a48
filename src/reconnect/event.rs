//! What a client that comes back tells its application; decides nothing.

use core::fmt;
use core::time::Duration;

use super::GaveUp;
use super::cause::Cause;
use crate::delivery::{Lost, SessionEvent};
use crate::message::{Message, MessageKind, Outline};

/// What happened to a client that reconnects.
///
/// `E` is the error of the adapter, such as `sanswire::Error`. `Display` prints one line for a log.
/// Neither that nor `Debug` has the content of messages.
#[non_exhaustive]
pub enum ClientEvent<E> {
    /// An attempt begins.
    Connecting {
        /// The number of the attempt, counted from 1 since the start, or since the last stable
        /// connection ended.
        attempt: u32,
    },
    /// The attempt failed, or the connection ended.
    Disconnected {
        /// Why.
        cause: Cause<E>,
        /// The delay before the next attempt; `None` if there will be none.
        delay: Option<Duration>,
    },
    /// With [`delivery`](crate::delivery), after `Open`: the peer knows a session that this client
    /// does not know. A new session begins.
    Forgot,
    /// No further attempt is made; queued messages are still there. This is the last event, unless
    /// the client is started again.
    GaveUp(GaveUp),
    /// A message from the peer.
    Message(Message),
    /// The handshake is complete. Queued messages are sent now.
    Open,
    /// With `delivery`, after `Open`: the peer has lost its state. A new session begins; these
    /// messages are no longer in it.
    PeerForgot(Lost),
    /// With `delivery`, after `Open`: the session continues.
    Resumed,
    /// With `delivery`, after `Open`: a new session begins on both ends.
    Started,
}

impl<E: fmt::Display> fmt::Display for ClientEvent<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connecting { attempt } => write!(f, "connecting, attempt {attempt}"),
            Self::Disconnected { cause, delay: Some(delay) } => {
                write!(f, "{cause}; next attempt in {delay:.1?}")
            }
            Self::Disconnected { cause, delay: None } => write!(f, "{cause}; no other attempt"),
            Self::Forgot => f.write_str("session is unknown here: a new one begins"),
            Self::GaveUp(why) => write!(f, "gave up: {why}"),
            Self::Message(message) => {
                let kind = match message.kind() {
                    MessageKind::Binary => "binary",
                    MessageKind::Text => "text",
                };
                write!(f, "{kind} message of {} bytes", message.len())
            }
            Self::Open => f.write_str("connected"),
            Self::PeerForgot(lost) => write!(
                f,
                "session is unknown to the peer: a new one begins without {} messages that may \
                 have arrived and {} that were not sent",
                lost.sent.len(),
                lost.unsent.len(),
            ),
            Self::Resumed => f.write_str("session resumed"),
            Self::Started => f.write_str("session started"),
        }
    }
}

impl<E: fmt::Debug> fmt::Debug for ClientEvent<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connecting { attempt } => {
                f.debug_struct("Connecting").field("attempt", attempt).finish()
            }
            Self::Disconnected { cause, delay } => {
                f.debug_struct("Disconnected").field("cause", cause).field("delay", delay).finish()
            }
            Self::Forgot => f.write_str("Forgot"),
            Self::GaveUp(why) => f.debug_tuple("GaveUp").field(why).finish(),
            Self::Message(message) => f.debug_tuple("Message").field(&Outline(message)).finish(),
            Self::Open => f.write_str("Open"),
            Self::PeerForgot(lost) => f.debug_tuple("PeerForgot").field(lost).finish(),
            Self::Resumed => f.write_str("Resumed"),
            Self::Started => f.write_str("Started"),
        }
    }
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
