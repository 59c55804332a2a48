//! A client's request for an upgrade of HTTP/1.1 (RFC 6455, §4.1), as data; knows no bytes.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::client_request::Expectation;
use super::headers::{ACCEPT, CONNECTION, HOST, KEY, UPGRADE};
use super::request::check_connection;
use super::{
    ClientRequest, HandshakeError, Headers, Negotiated, Response, encode_accept, encode_key,
};
use crate::excerpt::Locator;

/// A client's request for a WebSocket over HTTP/1.1, for another HTTP stack to send.
///
/// Make one for each connection, send a GET with its [resource](Self::resource) and
/// [headers](Self::headers), and pass the response to [`open`](Self::open). Then the upgraded stream
/// is the transport of the connection. Over HTTP/2 and HTTP/3, it is an
/// [`ExtendedConnect`](super::ExtendedConnect).
///
/// ```
/// use sanswire::Config;
/// use sanswire::handshake::{Acceptance, ClientRequest, HttpVersion, Request, Upgrade};
///
/// let request = ClientRequest::new("server.example.com", "/chat")?;
/// // Sixteen random bytes, fresh for each connection.
/// let sent = Upgrade::new(&request, *b"the sample nonce");
///
/// let headers = sent.headers().clone();
/// let received = Request::new("GET", sent.resource(), HttpVersion::Http11, headers)?;
/// let (response, _) = received.accept(&Acceptance::new(), &Config::default())?;
///
/// // 32 random bytes, fresh for each connection.
/// let seed = [7; 32];
/// let connection =
///     sent.open(response.status(), response.headers(), &Config::default(), seed)?;
/// # Ok::<(), sanswire::handshake::HandshakeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Upgrade {
    resource: Locator,
    headers: Headers,
    accept: String,
    expectation: Expectation,
}

impl Upgrade {
    /// Creates the request.
    ///
    /// `nonce` must come from the operating system's entropy. §4.1: "The nonce MUST be selected
    /// randomly for each connection."
    #[must_use]
    pub fn new(request: &ClientRequest, nonce: [u8; 16]) -> Self {
        let key = encode_key(nonce);
        let mut headers = Headers::new();
        headers.push(HOST, request.host_header());
        headers.push(UPGRADE, "websocket");
        headers.push(CONNECTION, "Upgrade");
        headers.push(KEY, &key);
        headers.extend(&request.offer());
        Self {
            resource: Locator(request.resource().into()),
            headers,
            accept: encode_accept(key),
            expectation: request.expectation(),
        }
    }

    /// Returns the path and the query: the target of the request.
    #[must_use]
    pub fn resource(&self) -> &str {
        &self.resource.0
    }

    /// Returns all headers, with `Host`.
    #[must_use]
    pub const fn headers(&self) -> &Headers {
        &self.headers
    }

    /// Appends the request as bytes.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("GET {} HTTP/1.1\r\n", self.resource()).as_bytes());
        self.headers.encode(out);
        out.extend_from_slice(b"\r\n");
    }

    /// Judges the status and the headers of a response.
    pub(super) fn check(
        &self,
        status: u16,
        headers: &Headers,
    ) -> Result<Negotiated, HandshakeError> {
        if status != 101 {
            let response = Response::new(status).with_headers(headers.clone());
            return Err(HandshakeError::UnexpectedStatus(response.into()));
        }
        // §4.1: "contains a value that is not an ASCII case-insensitive match for the value
        // "websocket", the client MUST _Fail the WebSocket Connection_"
        if !headers.exactly_once(UPGRADE)?.eq_ignore_ascii_case(b"websocket") {
            return Err(headers.invalid(UPGRADE, "websocket"));
        }
        check_connection(headers)?;
        // §11.3.3: "MUST NOT appear more than once in an HTTP response"
        if headers.exactly_once(ACCEPT)? != self.accept.as_bytes() {
            return Err(headers.invalid(ACCEPT, self.accept.clone()));
        }
        // Some servers send Content-Length or Transfer-Encoding. RFC 9112, §6.3, 1: a 1xx "is always
        // terminated by the first empty line after the header fields, regardless of the header
        // fields present in the message".
        Negotiated::of_response(&self.headers, headers, &self.expectation)
    }
}
