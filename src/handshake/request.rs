//! A request as a server sees it, and whether it opens a WebSocket (RFC 6455, §4.2.1); knows no
//! answer.

use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::authority::Authority;
use super::headers::{
    CONNECTION, CONTENT_LENGTH, EXTENSION_LIST, EXTENSIONS, HOST, KEY, ORIGIN, TRANSFER_ENCODING,
    UPGRADE, VERSION,
};
use super::{HandshakeError, Headers, HttpVersion, InvalidHeader, key, subprotocol};
use crate::excerpt::{Excerpt, Locator, Place};
use crate::extension::{Extension, is_token, parse_extensions};

/// An HTTP request: well-formed, with a valid target and host. It may ask for a WebSocket or not;
/// [`check`](Self::check) decides.
///
/// ```
/// use sanswire::handshake::{Headers, HttpVersion, Request};
///
/// let mut headers = Headers::new();
/// headers.append("Host", "example.com")?;
/// let request = Request::new("GET", "/chat?room=7", HttpVersion::Http11, headers)?;
/// assert_eq!((request.path(), request.query()), ("/chat", Some("room=7")));
/// assert_eq!(request.check().unwrap_err().status(), 426);
/// # Ok::<(), sanswire::handshake::HandshakeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Request {
    method: String,
    target: Locator,
    version: HttpVersion,
    headers: Headers,
    /// Where `target` has its path, without the query.
    path: core::ops::Range<usize>,
    /// The target's authority or else that of the `Host` header.
    authority: Option<String>,
}

impl Request {
    /// Creates a request from parts that another HTTP stack has parsed.
    ///
    /// # Errors
    ///
    /// The method is not a token, the target is neither a path nor an absolute `http` or `https`
    /// URI, or the `Host` header is repeated, malformed, or missing in HTTP/1.1.
    pub fn new(
        method: &str,
        target: &str,
        version: HttpVersion,
        headers: Headers,
    ) -> Result<Self, HandshakeError> {
        let line =
            RequestLine { method: method.to_owned(), target: Locator(target.to_owned()), version };
        Self::from_head(line, headers)
    }

    /// Applies the rules of HTTP; those of the WebSocket handshake are left to `check`.
    pub(super) fn from_head(line: RequestLine, headers: Headers) -> Result<Self, HandshakeError> {
        let RequestLine { method, target, version } = line;
        if !is_token(method.as_bytes()) {
            let method = Excerpt(method.as_bytes());
            return Err(HandshakeError::malformed("request method", method));
        }
        let invalid = || HandshakeError::InvalidTarget(Place(target.0.as_bytes()).to_string());
        let (authority, path) = split_target(&target.0).ok_or_else(invalid)?;
        // RFC 9112, §3.2: "A server MUST respond with a 400 (Bad Request) status code to any
        // HTTP/1.1 request message that lacks a Host header field and to any request message that
        // contains more than one Host header field line or a Host header field with an invalid
        // field value."
        let host = match headers.once(HOST)? {
            None if version == HttpVersion::Http10 => None,
            None => return Err(HandshakeError::MissingHeader(HOST)),
            Some(host) => core::str::from_utf8(host)
                .ok()
                .filter(|host| Authority::parse(host).is_some())
                .ok_or_else(|| {
                    InvalidHeader::error(HOST, Place(host), "a host with or without a port")
                })
                .map(Some)?,
        };
        // RFC 9112, §3.2.2: "the origin server MUST ignore the received Host header field (if any)
        // and instead use the host information of the request-target"
        let authority = authority.or(host).map(ToString::to_string);
        let path = path..target.0.find('?').unwrap_or(target.0.len());
        Ok(Self { method, target, version, headers, path, authority })
    }

    /// Checks whether the request opens a WebSocket.
    ///
    /// It checks the request's form only. An [`OriginPolicy`](super::OriginPolicy) checks where the
    /// request comes from; the application checks what it asks for.
    ///
    /// # Errors
    ///
    /// The first broken rule, in this order. [`HandshakeError::status`] is the status to answer
    /// with:
    /// | rule | status |
    /// |---|---|
    /// | HTTP/1.1 | 505 |
    /// | `Upgrade` lists `websocket` | 426 with `Upgrade: websocket` |
    /// | GET | 405 with `Allow: GET` |
    /// | `Connection` lists `upgrade` | 400 |
    /// | no `Transfer-Encoding`, no `Content-Length` but 0 | 400 |
    /// | `Sec-WebSocket-Version`: at most one | 400 |
    /// | `Sec-WebSocket-Version` is 13 | 426 with `Sec-WebSocket-Version: 13` |
    /// | one `Sec-WebSocket-Key` of 16 bytes in base64 | 400 |
    /// | `Sec-WebSocket-Protocol`: unique tokens | 400 |
    /// | `Sec-WebSocket-Extensions`: the grammar of §9.1 | 400 |
    /// | at most one `Origin`, in ASCII | 400 |
    pub fn check(&self) -> Result<(), HandshakeError> {
        let headers = &self.headers;
        // §4.2.1: "An HTTP/1.1 or higher GET request"
        if self.version != HttpVersion::Http11 {
            return Err(HandshakeError::UnsupportedHttpVersion(self.version.to_string()));
        }
        // §4.2.1: "An |Upgrade| header field containing the value "websocket", treated as an ASCII
        // case-insensitive value."
        if !headers.contains_token(UPGRADE, "websocket") {
            return Err(HandshakeError::NotUpgrade(headers.excerpt(UPGRADE)));
        }
        if self.method != "GET" {
            let method = Excerpt(self.method.as_bytes()).to_string();
            return Err(HandshakeError::MethodNotAllowed(method));
        }
        check_connection(headers)?;
        // A body would be read as frames by us, and as a body by a proxy in front of us.
        let is_zero = |len: &[u8]| len == b"0";
        if headers.get(TRANSFER_ENCODING).is_some() {
            return Err(HandshakeError::UnexpectedBody(TRANSFER_ENCODING));
        }
        if !headers.all(CONTENT_LENGTH).all(is_zero) {
            return Err(HandshakeError::UnexpectedBody(CONTENT_LENGTH));
        }
        check_version(headers)?;
        // §11.3.1: "MUST NOT appear more than once in an HTTP request"
        if !key::is_key(headers.exactly_once(KEY)?) {
            return Err(headers.invalid(KEY, "16 bytes in base64"));
        }
        check_offers(headers)
    }

    /// Returns the method, such as `GET`.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.method
    }

    /// Returns the target as it was sent: a path with an optional query, or an absolute URI.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target.0
    }

    /// Returns the path, not decoded. It is `/` for an absolute URI without a path.
    #[must_use]
    pub fn path(&self) -> &str {
        self.target.0.get(self.path.clone()).filter(|path| !path.is_empty()).unwrap_or("/")
    }

    /// Returns the query after the first `?`, not decoded.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.target.0.split_once('?').map(|(_, query)| query)
    }

    /// Returns the HTTP version.
    #[must_use]
    pub const fn version(&self) -> HttpVersion {
        self.version
    }

    /// Returns all headers.
    #[must_use]
    pub const fn headers(&self) -> &Headers {
        &self.headers
    }

    /// Returns the host, with the port if one was sent. Only HTTP/1.0 may have none.
    ///
    /// It comes from an absolute target, otherwise from the `Host` header.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        self.authority.as_deref()
    }

    /// Returns the `Origin` header. Browsers always send one.
    #[must_use]
    pub fn origin(&self) -> Option<&str> {
        self.headers.text(ORIGIN)
    }

    /// Returns the subprotocols that the client offers, in the order of its preference.
    pub fn subprotocols(&self) -> impl Iterator<Item = &str> {
        subprotocol::offered(&self.headers)
    }

    /// Returns the extensions that the client offers, in the order of its preference.
    ///
    /// # Errors
    ///
    /// The header breaks the grammar of §9.1. After a successful [`check`](Self::check), there is
    /// no error.
    pub fn extensions(&self) -> Result<Vec<Extension>, HandshakeError> {
        extensions(&self.headers)
    }
}

/// The first line of a request.
#[derive(Debug)]
pub(super) struct RequestLine {
    pub(super) method: String,
    target: Locator,
    version: HttpVersion,
}

impl RequestLine {
    /// RFC 9112, §3: `request-line = method SP request-target SP HTTP-version`.
    pub(super) fn parse(line: &[u8]) -> Result<Self, HandshakeError> {
        let malformed = || HandshakeError::malformed("request line", Place(line));
        let mut words = line.split(|byte| *byte == b' ');
        let words = (words.next(), words.next(), words.next(), words.next());
        let (Some(method), Some(target), Some(version), None) = words else {
            return Err(malformed());
        };
        if !is_token(method) || !target.iter().all(u8::is_ascii_graphic) || target.is_empty() {
            return Err(malformed());
        }
        let version = HttpVersion::parse(version)?;
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        Ok(Self { method: text(method), target: Locator(text(target)), version })
    }
}

/// Checks the rule about `Connection`, which is the same for requests and responses.
pub(super) fn check_connection(headers: &Headers) -> Result<(), HandshakeError> {
    // §4.2.1: "A |Connection| header field that includes the token "Upgrade", treated as an ASCII
    // case-insensitive value."
    if headers.contains_token(CONNECTION, "upgrade") {
        return Ok(());
    }
    Err(match headers.get(CONNECTION) {
        Some(_) => headers.invalid(CONNECTION, "Upgrade"),
        None => HandshakeError::MissingHeader(CONNECTION),
    })
}

/// Checks `Sec-WebSocket-Version`, which is the same for all HTTP versions.
pub(super) fn check_version(headers: &Headers) -> Result<(), HandshakeError> {
    // §11.3.5: "MUST NOT appear more than once in an HTTP request"
    match headers.once(VERSION)? {
        Some(b"13") => Ok(()),
        _ => Err(HandshakeError::UnsupportedVersion(headers.excerpt(VERSION))),
    }
}

/// Checks what a client offers, and where it says it comes from; the same for all HTTP versions.
pub(super) fn check_offers(headers: &Headers) -> Result<(), HandshakeError> {
    subprotocol::check_offer(headers)?;
    extensions(headers)?;
    // RFC 6454, §7.3: "The user agent MUST NOT include more than one Origin header field in any
    // HTTP request."
    match headers.once(ORIGIN)? {
        Some(origin) if !origin.is_ascii() => Err(headers.invalid(ORIGIN, "ASCII")),
        _ => Ok(()),
    }
}

/// Returns the extensions that a head lists.
pub(super) fn extensions(headers: &Headers) -> Result<Vec<Extension>, HandshakeError> {
    parse_extensions(headers.all(EXTENSIONS))
        .map_err(|_| headers.invalid(EXTENSIONS, EXTENSION_LIST))
}

/// Splits a target into its authority, if it has one, and where its path begins.
fn split_target(target: &str) -> Option<(Option<&str>, usize)> {
    // RFC 3986, §4.3: no form of a target has a fragment. §8.1 of RFC 6455: nothing but ASCII.
    if !target.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
        return None;
    }
    if target.starts_with('/') {
        return Some((None, 0));
    }
    // §4.2.1: "or an absolute HTTP/HTTPS URI containing the /resource name/". A ws URI is none.
    let (scheme, rest) = target.split_once("://")?;
    if !["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return None;
    }
    let len = rest.find(['/', '?']).unwrap_or(rest.len());
    let authority = rest.get(..len).filter(|authority| Authority::parse(authority).is_some())?;
    Some((Some(authority), target.len() - rest.len() + len))
}
