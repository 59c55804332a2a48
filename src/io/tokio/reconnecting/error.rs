//! Decides after which errors of transports another attempt may succeed; knows no attempt.

use std::io;

use crate::handshake::{HandshakeError, TunnelError};
use crate::io::{ConnectStage, Error, ProxyError, TlsError};
use crate::reconnect::{AttemptError, Policy, Retry, Retryable};

/// The handshake and the connection are judged by the [`Policy`]. A transport may be there at
/// another time, unless its data was bad ([`io::ErrorKind::InvalidData`]).
impl Retryable for Error {
    fn retry(&self, policy: &Policy) -> Retry {
        match self {
            Self::Closed(closed) => policy.judge_closed(closed),
            Self::Connection(error) => error.retry(policy),
            // An option that cannot be set is never set.
            Self::Connect(error) if error.stage == ConnectStage::Options => Retry::Never,
            Self::Connect(error) => judge_io(&error.error),
            Self::Handshake { error, .. } => error.retry(policy),
            Self::Io(error) => judge_io(error),
            // The connection has ended meanwhile, or took too long to open.
            Self::Discarded(_) | Self::Http { .. } | Self::Timeout(_) => Retry::Later,
            Self::Proxy { error, .. } => judge_proxy(error, policy),
            // Of a server that sends its clients round; of servers; of commands that are not used
            // here.
            Self::Redirect { .. } | Self::Rejected { .. } | Self::Send { .. } => Retry::Never,
            // A certificate may be renewed, and the network of a hotel has one of its own; what is
            // not set up stays so.
            Self::Tls { error: TlsError::Handshake(_), .. } => Retry::Later,
            Self::Tls { .. } => Retry::Never,
        }
    }
}

/// An answer means what it means from a server. SOCKS5 says too little to tell.
fn judge_proxy(error: &ProxyError, policy: &Policy) -> Retry {
    match error {
        ProxyError::Tunnel(TunnelError::Refused(response)) => {
            HandshakeError::UnexpectedStatus(response.clone()).retry(policy)
        }
        ProxyError::Tunnel(TunnelError::InvalidAnswer(error)) => error.retry(policy),
        ProxyError::Socks(_) | ProxyError::Tunnel(TunnelError::Timeout(_)) => Retry::Later,
        ProxyError::InvalidUrl(_)
        | ProxyError::Tunnel(TunnelError::EarlyBytes)
        | ProxyError::Unsupported => Retry::Never,
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
