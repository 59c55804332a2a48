//! WebSockets over HTTP/2 (RFC 8441) and HTTP/3 (RFC 9220), as data; knows neither protocol's
//! frames.

use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};

use super::authority::Authority;
use super::client_request::Expectation;
use super::headers::{CONNECTION, HOST, ORIGIN, UPGRADE};
use super::request::{check_offers, check_version};
use super::{
    Acceptance, ClientRequest, HandshakeError, Headers, InvalidHeader, Negotiated, Response,
    subprotocol,
};
use crate::excerpt::{Excerpt, Locator, Place};

/// A request for a WebSocket over HTTP/2 or HTTP/3: an extended CONNECT.
///
/// A client makes it [from](Self::from) a [`ClientRequest`] and passes the pseudo-headers and
/// headers to its HTTP stack, after the server has sent `SETTINGS_ENABLE_CONNECT_PROTOCOL`. A
/// server makes it by [`parse`](Self::parse) from what its stack received. Then the HTTP stream is
/// the transport of an open connection: make a [`Connection`](crate::Connection) for it. Frames are
/// masked as usual, and the end of the stream takes the place of TCP's.
///
/// ```
/// use sanswire::handshake::{Acceptance, ClientRequest, ExtendedConnect};
///
/// let request = ClientRequest::new("example.com", "/chat")?.secure().subprotocol("chat")?;
/// let sent = ExtendedConnect::from(&request);
///
/// let received = ExtendedConnect::parse(sent.pseudo_headers(), sent.headers().clone())?;
/// let (response, negotiated) = received.accept(&Acceptance::new().subprotocol("chat"))?;
/// assert_eq!((response.status(), negotiated.subprotocol()), (200, Some("chat")));
///
/// let negotiated = sent.check_response(response.status(), response.headers())?;
/// assert_eq!(negotiated.subprotocol(), Some("chat"));
/// # Ok::<(), sanswire::handshake::HandshakeError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtendedConnect {
    scheme: String,
    authority: String,
    path: Locator,
    headers: Headers,
    expectation: Expectation,
}

impl ExtendedConnect {
    /// Parses a request that a server received.
    ///
    /// # Errors
    ///
    /// Answer an error with the response of [`refusal`](Self::refusal). Its status is
    ///
    /// - 501 if `:protocol` is not `websocket`;
    /// - 400 if a pseudo-header is missing, repeated, unknown or malformed, or if a header breaks a
    ///   rule of [`Request::check`](super::Request::check).
    pub fn parse<'a>(
        pseudo_headers: impl IntoIterator<Item = (&'a str, &'a str)>,
        headers: Headers,
    ) -> Result<Self, HandshakeError> {
        let mut values = PSEUDO_HEADERS.map(|name| (name, None));
        for (name, value) in pseudo_headers {
            let known = values.iter_mut().find(|(known, _)| *known == name);
            let unknown = || HandshakeError::malformed("pseudo-header", Excerpt(name.as_bytes()));
            let (name, slot) = known.ok_or_else(unknown)?;
            if slot.replace(value).is_some() {
                return Err(HandshakeError::DuplicateHeader(name));
            }
        }
        // RFC 8441, §4: :scheme and :path MUST be there, too; §5: and so MUST :authority.
        if let Some((name, _)) = values.iter().find(|(_, value)| value.is_none()) {
            return Err(HandshakeError::MissingHeader(name));
        }
        let [method, protocol, scheme, authority, path] =
            values.map(|(_, value)| value.unwrap_or_default());
        let is_valid = [
            (method == "CONNECT", method, "CONNECT"),
            (protocol == "websocket", protocol, "websocket"),
            // RFC 8441, §5: https stands for wss, http for ws.
            (matches!(scheme, "http" | "https"), scheme, "http or https"),
            (Authority::parse(authority).is_some(), authority, "a host with or without a port"),
            (
                path.starts_with('/')
                    && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#'),
                path,
                "a percent-encoded path",
            ),
        ];
        let mut checked = PSEUDO_HEADERS.iter().zip(is_valid);
        if let Some((name, (_, value, expected))) = checked.find(|(_, (is_valid, ..))| !is_valid) {
            return Err(match *name {
                ":protocol" => {
                    HandshakeError::UnsupportedProtocol(Excerpt(value.as_bytes()).to_string())
                }
                name => InvalidHeader::error(name, Place(value.as_bytes()), expected),
            });
        }
        // RFC 8441, §5: they MUST NOT be there; RFC 9113, §8.2.2: a request with them is malformed.
        if let Some(name) = [CONNECTION, UPGRADE].iter().find(|name| headers.get(name).is_some()) {
            return Err(headers.invalid(name, "none"));
        }
        // RFC 9113, §8.3.1: Host and :authority that differ are malformed.
        let is_other = |host: &&[u8]| !host.eq_ignore_ascii_case(authority.as_bytes());
        if let Some(host) = headers.once(HOST)?.filter(is_other) {
            return Err(InvalidHeader::error(HOST, Place(host), "the same as :authority"));
        }
        check_version(&headers)?;
        check_offers(&headers)?;
        Ok(Self {
            scheme: scheme.to_owned(),
            authority: authority.to_owned(),
            path: Locator(path.to_owned()),
            headers,
            expectation: Expectation::default(),
        })
    }

    /// Accepts the request. Returns the response, with status 200, and what was negotiated.
    ///
    /// # Errors
    ///
    /// [`HandshakeError::UnofferedSubprotocol`] or [`HandshakeError::UnofferedExtension`] if
    /// `acceptance` chooses what the client did not offer.
    pub fn accept(
        &self,
        acceptance: &Acceptance,
    ) -> Result<(Response, Negotiated), HandshakeError> {
        let mut headers = Headers::new();
        let negotiated = acceptance.negotiate(&self.headers, &mut headers)?;
        // RFC 8441, §5: success is any status 2xx, not 101.
        Ok((Response::new(200).with_headers(headers.to_lowercase()), negotiated))
    }

    /// Returns the response to an invalid request. The status is 400 where HTTP/1.1 has 426,
    /// since nothing is upgraded.
    #[must_use]
    pub fn refusal(error: &HandshakeError) -> Response {
        let response = Response::from(error);
        let status = if response.status() == 426 { 400 } else { response.status() };
        let mut headers = response.headers().clone();
        headers.remove(UPGRADE);
        Response::new(status).with_headers(headers.to_lowercase()).body(response.content().clone())
    }

    /// Checks a response that a client received, and returns what was negotiated.
    ///
    /// # Errors
    ///
    /// - [`HandshakeError::UnexpectedStatus`], without a body: the status is not 2xx.
    /// - Others: the server chose a subprotocol or an extension that was not offered, or in a wrong
    ///   form.
    pub fn check_response(
        &self,
        status: u16,
        headers: &Headers,
    ) -> Result<Negotiated, HandshakeError> {
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
            (method, "CONNECT"),
            (protocol, "websocket"),
            (scheme, &self.scheme),
            (authority, &self.authority),
            (path, &self.path.0),
        ]
    }

    /// Returns the other headers. Those of a client have lower-case names, as both protocols
    /// require.
    #[must_use]
    pub const fn headers(&self) -> &Headers {
        &self.headers
    }

    /// Returns the `:authority`: the host to which the request is sent.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Returns the `Origin` header, for [`OriginPolicy::allows`](super::OriginPolicy::allows).
    #[must_use]
    pub fn origin(&self) -> Option<&str> {
        self.headers.text(ORIGIN)
    }

    /// Returns the path and the query.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path.0
    }

    /// Returns the subprotocols that the client offers, in the order of its preference.
    pub fn subprotocols(&self) -> impl Iterator<Item = &str> {
        subprotocol::offered(&self.headers)
    }
}

impl From<&ClientRequest> for ExtendedConnect {
    fn from(request: &ClientRequest) -> Self {
        Self {
            scheme: if request.is_secure() { "https" } else { "http" }.to_owned(),
            authority: request.host_header(),
            path: Locator(request.resource().to_owned()),
            headers: request.offer().to_lowercase(),
            expectation: request.expectation(),
        }
    }
}

/// RFC 8441, §4.
const PSEUDO_HEADERS: [&str; 5] = [":method", ":protocol", ":scheme", ":authority", ":path"];
