//! A message that comes back unsent; knows no connection.

use core::fmt;

use crate::error::SendError;
use crate::message::Message;

/// A message that was refused, and why. Nothing of it was sent.
///
/// A connection gives a message back if it was passed by value, so `message` is an
/// `Option<Message>`. A [`Session`](crate::delivery::Session) and a client of
/// [`reconnect`](crate::reconnect) always give it back, with an error of their own.
///
/// `Debug` shows the length of the message and not its content, because errors are logged.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refused<E = SendError, M = Option<Message>> {
    /// Why.
    pub error: E,
    /// The message, as it was passed.
    pub message: M,
}

impl<E: fmt::Debug> fmt::Debug for Refused<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { error, message } = self;
        let len = message.as_ref().map(Message::len);
        f.debug_struct("Refused").field("error", error).field("message_len", &len).finish()
    }
}

impl<E: fmt::Debug> fmt::Debug for Refused<E, Message> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { error, message } = self;
        f.debug_struct("Refused")
            .field("error", error)
            .field("message_len", &message.len())
            .finish()
    }
}

impl<M> From<Refused<Self, M>> for SendError {
    fn from(refused: Refused<Self, M>) -> Self {
        refused.error
    }
}

impl<E: fmt::Display, M> fmt::Display for Refused<E, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

/// The text is that of the error, so the source is the error's own.
impl<E: core::error::Error, M> core::error::Error for Refused<E, M>
where
    Self: fmt::Debug,
{
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        self.error.source()
    }
}
