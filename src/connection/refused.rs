//! A message that comes back unsent; knows no connection.

use core::fmt;

use crate::error::SendError;
use crate::message::Message;

/// A message that was refused, and why; nothing was sent of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refused {
    /// Why.
    pub error: SendError,
    /// The message, if it was given by value.
    pub message: Option<Message>,
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
