//! What the errors of transports mean for another attempt; decides nothing else.

use std::io;

use crate::io::{Error, TlsError};
use crate::reconnect::{AttemptError, Policy, Retry, Retryable};

/// The handshake and the connection are judged by the [`Policy`]. A transport may be there at
/// another time, unless its data was bad ([`io::ErrorKind::InvalidData`]).
impl Retryable for Error {
    fn retry(&self, policy: &Policy) -> Retry {
        match self {
            Self::Closed(closed) => policy.judge_closed(closed),
            Self::Connection(error) => error.retry(policy),
            Self::Connect(error) => judge_io(&error.error),
            Self::Handshake { error, .. } => error.retry(policy),
            Self::Io(error) => judge_io(error),
            // The connection has ended meanwhile, or took too long to open.
            Self::Discarded(_) | Self::Timeout(_) => Retry::Later,
            // Of servers; of commands that are not used here; of a URL that stays what it is.
            Self::Rejected { .. } | Self::Send { .. } => Retry::Never,
            // A certificate may be renewed, and the network of a hotel has one of its own; what is
            // not set up stays so.
            Self::Tls { error: TlsError::Handshake(_), .. } => Retry::Later,
            Self::Tls { .. } => Retry::Never,
        }
    }
}

impl From<io::Error> for AttemptError {
    fn from(error: io::Error) -> Self {
        Self::new(judge_io(&error), error)
    }
}

/// So it looks when a device is offline, unless data was bad: so TLS says that a certificate is.
fn judge_io(error: &io::Error) -> Retry {
    if error.kind() == io::ErrorKind::InvalidData { Retry::Never } else { Retry::Later }
}
