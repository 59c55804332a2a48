//! What a session tells its application; decides nothing.

use alloc::vec::Vec;
use core::fmt;

use crate::message::{Message, Outline};

/// What happened, from [`Session::handle_message`](super::Session::handle_message).
///
/// `Debug` shows the lengths of messages and not their content, because events are often logged.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionEvent {
    /// The peer knows a session that this end does not know: this end has lost its state. A new
    /// session begins, and the peer is told.
    ///
    /// If the connection breaks after the peer was told and before the peer has named the new
    /// session, the next connection reports [`Started`](Self::Started) instead.
    Forgot,
    /// A message from the peer. Each arrives once, in order.
    Message(Message),
    /// The peer has lost its state, or was replaced. A new session begins. The messages are those
    /// that were not acknowledged in the old session. Messages from the peer may be missing, too.
    PeerForgot(Lost),
    /// The session continues. Messages that were not received are sent again.
    Resumed,
    /// A new session begins on both ends.
    Started,
}

/// Messages that the peer has not acknowledged, and never will.
///
/// The application decides whether to send them again: only it knows what harm a repeated or a
/// missing message does. `Debug` shows how many there are.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lost {
    /// Messages that were sent, oldest first. Each may have been received or not.
    pub sent: Vec<Message>,
    /// Later messages that were never sent.
    pub unsent: Vec<Message>,
}

impl fmt::Debug for SessionEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forgot => f.write_str("Forgot"),
            Self::Message(message) => f.debug_tuple("Message").field(&Outline(message)).finish(),
            Self::PeerForgot(lost) => f.debug_tuple("PeerForgot").field(lost).finish(),
            Self::Resumed => f.write_str("Resumed"),
            Self::Started => f.write_str("Started"),
        }
    }
}

impl fmt::Debug for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lost")
            .field("sent", &self.sent.len())
            .field("unsent", &self.unsent.len())
            .finish()
    }
}
