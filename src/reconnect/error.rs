//! What can go wrong before there is a connection, and when there is no room; decides nothing.

use alloc::boxed::Box;
use core::fmt;

use super::policy::Retry;
use crate::connection::Refused;
use crate::delivery::SessionFull;
#[cfg(feature = "handshake")]
use crate::handshake::HandshakeError;

/// Why there is no request or no stream for an attempt, and whether another attempt may succeed.
///
/// `?` converts a `std::io::Error` and a `HandshakeError`. After a `std::io::Error` another attempt
/// is made, unless its kind is `InvalidData`, which TLS uses for a bad certificate. A
/// `HandshakeError` is final: the request cannot be written.
///
/// ```
/// use sanswire::reconnect::{AttemptError, Retry};
///
/// let error = AttemptError::new(Retry::Never, "signed out");
/// assert_eq!(error.to_string(), "signed out");
/// ```
#[derive(Debug)]
pub struct AttemptError {
    retry: Retry,
    error: Box<dyn core::error::Error + Send + Sync>,
}

impl AttemptError {
    /// Creates an error that is judged already.
    pub fn new(retry: Retry, error: impl Into<Box<dyn core::error::Error + Send + Sync>>) -> Self {
        Self { retry, error: error.into() }
    }

    /// Returns whether another attempt may succeed.
    #[must_use]
    pub const fn retry(&self) -> Retry {
        self.retry
    }
}

impl fmt::Display for AttemptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl core::error::Error for AttemptError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        self.error.source()
    }
}

#[cfg(feature = "handshake")]
impl From<HandshakeError> for AttemptError {
    fn from(error: HandshakeError) -> Self {
        Self::new(Retry::Never, error)
    }
}

/// Why a message was not queued, and nothing changed; or why the queue did not drain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OutboxError {
    /// The client was stopped, gave up, or is gone.
    Ended,
    /// All numbers of the session are used up.
    Exhausted,
    /// As much waits as may.
    Full,
    /// Only from `Handle::drained`: queued messages were given back to the application, because the
    /// peer has forgotten the session ([`ClientEvent::PeerForgot`](super::ClientEvent) has them), or
    /// by `take_unsent`.
    GivenBack,
    /// The message alone is over the limit on bytes: it will never be taken.
    TooLarge {
        /// Its length in bytes.
        len: usize,
        /// Bytes that may wait at most.
        limit: usize,
    },
}

impl fmt::Display for OutboxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Ended => f.write_str("client was stopped, gave up or is gone: start it again"),
            Self::Exhausted => {
                f.write_str("no number is left for another message: begin a new session")
            }
            Self::Full => f.write_str(
                "queue is full (Options::max_messages, Options::max_bytes): wait for room",
            ),
            Self::GivenBack => f.write_str(
                "queued messages were given back and may not have arrived (ClientEvent::PeerForgot, \
                 take_unsent): send again what may arrive twice",
            ),
            Self::TooLarge { len, limit } => {
                write!(
                    f,
                    "message of {len} bytes is over the limit of {limit} bytes that may wait \
                     (max_bytes of Options, or of Limits with delivery): split it, or raise the limit"
                )
            }
        }
    }
}

impl core::error::Error for OutboxError {}

impl<M> From<Refused<Self, M>> for OutboxError {
    fn from(refused: Refused<Self, M>) -> Self {
        refused.error
    }
}

impl From<SessionFull> for OutboxError {
    fn from(error: SessionFull) -> Self {
        match error {
            SessionFull::BytesFull { .. } | SessionFull::MessagesFull { .. } => Self::Full,
            SessionFull::Exhausted => Self::Exhausted,
            SessionFull::TooLarge { len, limit } => Self::TooLarge { len, limit },
        }
    }
}
