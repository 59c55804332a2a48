//! What can go wrong with the HTTP stack that carries a handshake, in words; names no type of it.

use alloc::boxed::Box;
use core::fmt;

/// Why an HTTP stack such as hyper handed out no stream.
#[derive(Debug)]
#[non_exhaustive]
pub enum HttpError {
    /// The client's request over HTTP/2 was not sent, or got no response. A server that does not
    /// allow extended CONNECT resets the stream with `PROTOCOL_ERROR`.
    ExtendedConnect(Box<dyn core::error::Error + Send + Sync>),
    /// The client's request was not sent, or got no response.
    Request(Box<dyn core::error::Error + Send + Sync>),
    /// The handshake was answered, but no stream came after it.
    Upgrade(Box<dyn core::error::Error + Send + Sync>),
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ExtendedConnect(error) => write!(
                f,
                "HTTP/2 request failed, which needs a server that allows extended CONNECT \
                 (enable_connect_protocol): {error}"
            ),
            Self::Request(error) => write!(f, "HTTP request failed: {error}"),
            Self::Upgrade(error) => write!(
                f,
                "no stream after the handshake: {error}: serve the connection with upgrades \
                 (with_upgrades), return the response as it is, or the client has left"
            ),
        }
    }
}

/// The text has that of what it wraps, too, so the source is the source of that.
impl core::error::Error for HttpError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::ExtendedConnect(error) | Self::Request(error) | Self::Upgrade(error) => {
                error.source()
            }
        }
    }
}
