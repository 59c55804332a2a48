//! A request that opens no WebSocket, and its answer; knows no stream.

use alloc::string::{String, ToString};
use core::fmt;

use ::http::Response as HttpResponse;
use bytes::Bytes;
use http_body_util::Full;

use crate::handshake::{HandshakeError, HttpVersion, Response};

/// Why a request opens no WebSocket. It turns into the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    cause: Cause,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Cause {
    /// The request or the acceptance is at fault.
    Handshake(HandshakeError, HttpVersion),
    /// The server is: its stack hands out no stream, or this crate was built without HTTP/2.
    #[cfg(not(feature = "http2"))]
    NoHttp2,
    NotUpgradable,
    /// The application's headers are too long or too many.
    Unsendable(String),
}

impl Rejection {
    /// Returns what is wrong with the request, or with what the server chose. `None` if the server
    /// cannot upgrade its connections, or cannot send the response.
    #[must_use]
    pub const fn error(&self) -> Option<&HandshakeError> {
        match &self.cause {
            Cause::Handshake(error, _) => Some(error),
            #[cfg(not(feature = "http2"))]
            Cause::NoHttp2 => None,
            Cause::NotUpgradable | Cause::Unsendable(_) => None,
        }
    }

    /// Returns the status of the answer.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.response().status()
    }

    pub(super) const fn new(error: HandshakeError, version: HttpVersion) -> Self {
        Self { cause: Cause::Handshake(error, version) }
    }

    #[cfg(not(feature = "http2"))]
    pub(super) const NO_HTTP2: Self = Self { cause: Cause::NoHttp2 };

    #[expect(clippy::needless_pass_by_value, reason = "as it is made")]
    pub(super) fn unsendable(error: ::http::Error) -> Self {
        Self { cause: Cause::Unsendable(error.to_string()) }
    }

    pub(super) const NOT_UPGRADABLE: Self = Self { cause: Cause::NotUpgradable };

    fn response(&self) -> Response {
        match &self.cause {
            Cause::Handshake(error, version) => Response::refusal(error, *version),
            #[cfg(not(feature = "http2"))]
            Cause::NoHttp2 => Response::new(501).text(self.to_string() + "\n"),
            Cause::NotUpgradable | Cause::Unsendable(_) => {
                Response::new(500).text(self.to_string() + "\n")
            }
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            Cause::Handshake(error, _) => error.fmt(f),
            #[cfg(not(feature = "http2"))]
            Cause::NoHttp2 => f.write_str(
                "request came over HTTP/2: enable the feature `http2` of sanswire, or do not \
                 call enable_connect_protocol",
            ),
            Cause::NotUpgradable => f.write_str(
                "request cannot be upgraded: serve the connection with upgrades (with_upgrades, \
                 serve_connection_with_upgrades), and make one WebSocketUpgrade of a request",
            ),
            Cause::Unsendable(error) => write!(f, "response cannot be sent: {error}"),
        }
    }
}

impl core::error::Error for Rejection {}

impl From<Rejection> for HttpResponse<Full<Bytes>> {
    fn from(rejection: Rejection) -> Self {
        let response = HttpResponse::try_from(&rejection.response());
        // A refusal of this crate has only legal headers.
        response.unwrap_or_default().map(Full::new)
    }
}
