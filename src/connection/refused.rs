//! A message that comes back unsent; knows no connection.

use core::fmt;

use crate::error::SendError;
use crate::message::Message;

/// The error of a send that was refused, with the message. Nothing of the message was sent.
///
/// A connection returns the message only if it was passed by value, so its `message` is an
/// `Option<Message>`. A [`Session`](crate::delivery::Session) and a client of
/// [`reconnect`](crate::reconnect) always return the message, with their own error types.
///
/// `Debug` shows the length of the message and not its content, because errors are often logged.
///
/// ```
/// use sanswire::{Config, Connection, SendError};
///
/// let mut connection = Connection::server(&Config::default().max_buffered(1));
/// connection.commands().send("fills the output")?;
/// let refused = connection.commands().send("second".to_owned()).unwrap_err();
/// assert!(matches!(refused.error, SendError::Full { .. }));
/// assert_eq!(refused.message.unwrap().as_text(), Some("second"));
/// # Ok::<(), sanswire::Refused>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refused<E = SendError, M = Option<Message>> {
    /// Why the message was refused.
    pub error: E,
    /// The message as it was passed. From a connection, as
    /// [`Outgoing::into_message`](crate::Outgoing::into_message) returns it.
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

/// `Display` prints the text of `error`, so `source` returns the source of `error`.
impl<E: core::error::Error, M> core::error::Error for Refused<E, M>
where
    Self: fmt::Debug,
{
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        self.error.source()
    }
}
