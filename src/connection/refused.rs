//! A message that comes back unsent; knows no connection.

use core::fmt;

use crate::error::SendError;
use crate::message::Message;

/// A message that was refused, and why; nothing was sent of it.
///
/// `Debug` tells the length of the message, and not what is in it: errors are logged.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refused {
    /// Why.
    pub error: SendError,
    /// The message, if it was given by value.
    pub message: Option<Message>,
}

impl fmt::Debug for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refused")
            .field("error", &self.error)
            .field("message_len", &self.message.as_ref().map(Message::len))
            .finish()
    }
}

impl From<Refused> for SendError {
    fn from(refused: Refused) -> Self {
        refused.error
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl core::error::Error for Refused {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        Some(&self.error)
    }
}
