//! Why a proxy opened no tunnel, in words; decides nothing.

use alloc::boxed::Box;
use core::fmt;
use core::time::Duration;

use super::headers::PROXY_AUTHENTICATE;
use super::refusal::status_line;
use super::{HandshakeError, OtherProtocol, Response};
use crate::excerpt::Excerpt;

/// Why an HTTP proxy opened no [`Tunnel`](super::Tunnel).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TunnelError {
    /// The proxy sent bytes behind its answer. They are not the server's: a server says nothing
    /// before its client does.
    EarlyBytes,
    /// What came is not the head of an HTTP response; says why. If the proxy closed the connection,
    /// it is [`HandshakeError::NoResponse`] or [`HandshakeError::EndOfStream`].
    InvalidAnswer(HandshakeError),
    /// The proxy answered with this status and these headers, such as `Proxy-Authenticate` with 407.
    /// The body was not read.
    Refused(Box<Response>),
    /// The answer did not arrive whole in time: [`HeadLimits::timeout`](super::HeadLimits::timeout).
    Timeout(Duration),
}

impl fmt::Display for TunnelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EarlyBytes => f.write_str("proxy sent bytes behind its answer: is it a proxy?"),
            Self::InvalidAnswer(HandshakeError::WrongProtocol { protocol, .. }) => {
                f.write_str(if *protocol == OtherProtocol::Tls {
                    "proxy speaks TLS here: use an https URL for it"
                } else {
                    "what answers does not speak HTTP/1.1: is it a proxy, is the port right?"
                })
            }
            Self::InvalidAnswer(HandshakeError::NoResponse) => f.write_str(
                "proxy closed the connection without an answer: is it an HTTP proxy, does it want TLS?",
            ),
            Self::InvalidAnswer(error) => write!(f, "answer of the proxy: {error}"),
            Self::Refused(response) => {
                status_line("proxy", response, f)?;
                match response.status() {
                    403 => f.write_str(
                        "; it does not let this host and port through: many allow port 443 only (wss)",
                    ),
                    407 => match response.headers().get(PROXY_AUTHENTICATE) {
                        Some(challenge) => write!(
                            f,
                            "; it asks for {}: put a user name and a password into its URL",
                            Excerpt(challenge)
                        ),
                        None => f.write_str("; it asks for a user name and a password"),
                    },
                    502..=504 => f.write_str("; it does not reach the server"),
                    _ => Ok(()),
                }
            }
            Self::Timeout(limit) => {
                write!(f, "answer of the proxy not whole within {limit:?} (HeadLimits::timeout)")
            }
        }
    }
}

/// The text has that of what it wraps, too, so the source is the source of that.
impl core::error::Error for TunnelError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::InvalidAnswer(error) => error.source(),
            Self::EarlyBytes | Self::Refused(_) | Self::Timeout(_) => None,
        }
    }
}
