//! A client's request for a WebSocket over HTTP/2 (RFC 8441) or HTTP/3 (RFC 9220), as data; knows
//! neither protocol's frames.

use alloc::borrow::ToOwned;
use alloc::string::String;

use super::client_request::Expectation;
use super::request::{CONNECT, PSEUDO_HEADERS, WEBSOCKET};
use super::{ClientRequest, HandshakeError, Headers, Negotiated, Response};
use crate::excerpt::Locator;

/// A client's request for a WebSocket over HTTP/2 or HTTP/3, for another HTTP stack to send: an
/// extended CONNECT.
///
/// Make it [from](Self::from) a [`ClientRequest`], and send its pseudo-headers and headers after the
/// server has sent `SETTINGS_ENABLE_CONNECT_PROTOCOL`. Pass the response to [`open`](Self::open). Then
/// the HTTP stream is the transport of the connection. Frames are masked as usual, and the end of
/// the stream takes the place of TCP's.
///
/// A server's side is [`Request::extended_connect`](super::Request::extended_connect), which has an
/// example.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtendedConnect {
    scheme: &'static str,
    authority: String,
    path: Locator,
    headers: Headers,
    expectation: Expectation,
}

impl ExtendedConnect {
    /// Judges the status and the headers of a response.
    pub(super) fn check(
        &self,
        status: u16,
        headers: &Headers,
    ) -> Result<Negotiated, HandshakeError> {
        // RFC 8441, §5: success is any status 2xx, not 101.
        if !(200..=299).contains(&status) {
            let response = Response::new(status).with_headers(headers.clone());
            return Err(HandshakeError::UnexpectedStatus(response.into()));
        }
        Negotiated::of_response(&self.headers, headers, &self.expectation)
    }

    /// Returns `:method`, `:protocol`, `:scheme`, `:authority` and `:path` with their values, in
    /// the order to send them.
    #[must_use]
    pub fn pseudo_headers(&self) -> [(&str, &str); 5] {
        let [method, protocol, scheme, authority, path] = PSEUDO_HEADERS;
        [
            (method, CONNECT),
            (protocol, WEBSOCKET),
            (scheme, self.scheme),
            (authority, &self.authority),
            (path, &self.path.0),
        ]
    }

    /// Returns the other headers, with lower-case names, as both protocols require.
    #[must_use]
    pub const fn headers(&self) -> &Headers {
        &self.headers
    }
}

impl From<&ClientRequest> for ExtendedConnect {
    fn from(request: &ClientRequest) -> Self {
        Self {
            scheme: if request.is_secure() { "https" } else { "http" },
            authority: request.host_header(),
            path: Locator(request.resource().to_owned()),
            headers: request.offer().to_lowercase(),
            expectation: request.expectation(),
        }
    }
}
