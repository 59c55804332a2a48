//! The errors of proxies; speaks to no proxy.

use alloc::boxed::Box;
use core::fmt;

use crate::handshake::{TunnelError, UrlError};

/// Why a proxy led to no server.
#[derive(Debug)]
#[non_exhaustive]
pub enum ProxyError {
    /// It is not the URL of a proxy; says why. From [`Proxy::from_url`](super::Proxy::from_url), or of
    /// what the environment says.
    InvalidUrl(Box<UrlError>),
    /// A SOCKS5 proxy refused, or did not speak SOCKS5.
    Socks(Box<dyn core::error::Error + Send + Sync>),
    /// An HTTP proxy refused, or did not speak HTTP/1.1.
    Tunnel(TunnelError),
    /// SOCKS5 needs the tokio adapter and the feature `proxy`.
    Unsupported,
}

impl fmt::Display for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidUrl(error) => write!(f, "not the URL of a proxy: {error}"),
            Self::Socks(error) => write!(f, "{error}"),
            Self::Tunnel(error) => write!(f, "{error}"),
            Self::Unsupported => f.write_str(
                "SOCKS5 needs the tokio adapter and the feature `proxy` of sanswire: use these or an \
                 HTTP proxy, or connect the stream and pass it to connect_over",
            ),
        }
    }
}

/// The text is that of what it wraps, so the source is the source of that.
impl core::error::Error for ProxyError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::InvalidUrl(error) => error.source(),
            Self::Socks(error) => error.source(),
            Self::Tunnel(error) => error.source(),
            Self::Unsupported => None,
        }
    }
}
