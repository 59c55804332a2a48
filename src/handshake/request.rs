//! A request as a server sees it, and whether it opens a WebSocket (RFC 6455, §4.2.1; RFC 8441,
//! §5); knows no answer.

use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::authority::Authority;
use super::headers::{
    CONNECTION, CONTENT_LENGTH, COOKIE, EXTENSION_LIST, EXTENSIONS, HOST, KEY, ORIGIN,
    TRANSFER_ENCODING, UPGRADE, VERSION,
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
    /// The `:protocol` of an extended CONNECT; `None` of all other requests.
    protocol: Option<String>,
}

impl Request {
    /// Creates a request from parts that another HTTP stack has parsed. A request of HTTP/2 or
    /// HTTP/3 that may open a WebSocket is made by [`extended_connect`](Self::extended_connect).
    ///
    /// # Errors
    ///
    /// The method is not a token, the target is neither a path nor an absolute `http` or `https`
    /// URI, or the `Host` header is repeated, malformed, different from the host of HTTP/2, or missing
    /// in HTTP/1.1.
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

    /// Creates a request for a WebSocket over HTTP/2 (RFC 8441) or HTTP/3 (RFC 9220): an extended
    /// CONNECT. Its target is the `:path`, its host the `:authority`.
    ///
    /// A server whose HTTP stack receives such requests sends the setting
    /// `SETTINGS_ENABLE_CONNECT_PROTOCOL`; without it, browsers use HTTP/1.1.
    ///
    /// ```
    /// use sanswire::Config;
    /// use sanswire::handshake::{Acceptance, ClientRequest, ExtendedConnect, HttpVersion, Request};
    ///
    /// let request = ClientRequest::new("example.com", "/chat")?.secure().subprotocol("chat")?;
    /// let sent = ExtendedConnect::from(&request);
    ///
    /// let (pseudo_headers, headers) = (sent.pseudo_headers(), sent.headers().clone());
    /// let received = Request::extended_connect(HttpVersion::Http2, pseudo_headers, headers)?;
    /// let acceptance = Acceptance::new().subprotocol("chat");
    /// let (response, connection) = received.accept(&acceptance, &Config::default())?;
    /// assert_eq!((response.status(), connection.protocol()), (200, "chat"));
    /// # Ok::<(), sanswire::handshake::HandshakeError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// A pseudo-header is missing, repeated, unknown or malformed, or the `Host` header differs from
    /// `:authority`. [`Response::refusal`](super::Response::refusal) makes the answer. The rules of the
    /// WebSocket handshake are left to [`check`](Self::check).
    pub fn extended_connect<'a>(
        version: HttpVersion,
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
        if method != CONNECT {
            return Err(InvalidHeader::error(METHOD, Place(method.as_bytes()), CONNECT));
        }
        if !version.is_multiplexed() {
            let protocol = Place(protocol.as_bytes());
            return Err(InvalidHeader::error(PROTOCOL, protocol, "none over HTTP/1.1"));
        }
        let request = Self::multiplexed(version, method, [scheme, authority, path], headers)?;
        Ok(request.with_protocol(protocol))
    }

    /// Creates a request of HTTP/2 or HTTP/3 by its `:scheme`, `:authority` and `:path`.
    pub(super) fn multiplexed(
        version: HttpVersion,
        method: &str,
        [scheme, authority, path]: [&str; 3],
        headers: Headers,
    ) -> Result<Self, HandshakeError> {
        let is_path = path.starts_with('/') && split_target(path).is_some();
        for (name, value, is_valid, expected) in [
            // RFC 8441, §5: https stands for wss, http for ws.
            (SCHEME, scheme, matches!(scheme, "http" | "https"), "http or https"),
            (
                AUTHORITY,
                authority,
                Authority::parse(authority).is_some(),
                "a host with or without a port",
            ),
            (PATH, path, is_path, "a percent-encoded path"),
        ] {
            if !is_valid {
                return Err(InvalidHeader::error(name, Place(value.as_bytes()), expected));
            }
        }
        let authority = host(&headers, version, Some(authority))?;
        let target = Locator(path.to_owned());
        let path = 0..path.find('?').unwrap_or(path.len());
        let method = method.to_owned();
        let headers = with_whole_cookies(headers, version);
        Ok(Self { method, target, version, headers, path, authority, protocol: None })
    }

    /// Sets the `:protocol` of an extended CONNECT that was made from types which have no place for
    /// it, such as those of the crate `http`.
    ///
    /// A request that is not a CONNECT of HTTP/2 or HTTP/3 stays as it is.
    #[must_use]
    pub fn with_protocol(self, protocol: &str) -> Self {
        let is_extended = self.version.is_multiplexed() && self.method == CONNECT;
        let protocol = is_extended.then(|| protocol.to_owned());
        Self { protocol, ..self }
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
        let authority = host(&headers, version, authority)?;
        let path = path..target.0.find('?').unwrap_or(target.0.len());
        let headers = with_whole_cookies(headers, version);
        Ok(Self { method, target, version, headers, path, authority, protocol: None })
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
    /// | not HTTP/1.0 | 505 |
    /// | HTTP/1.1: `Upgrade` lists `websocket` | 426 with `Upgrade: websocket` |
    /// | HTTP/1.1: GET | 405 with `Allow: GET` |
    /// | HTTP/1.1: `Connection` lists `upgrade` | 400 |
    /// | HTTP/1.1: no `Transfer-Encoding`, no `Content-Length` but 0 | 400 |
    /// | HTTP/2, HTTP/3: an extended CONNECT | 400 |
    /// | HTTP/2, HTTP/3: its `:protocol` is `websocket` | 501 |
    /// | HTTP/2, HTTP/3: neither `Connection` nor `Upgrade` | 400 |
    /// | `Sec-WebSocket-Version`: at most one | 400 |
    /// | `Sec-WebSocket-Version` is 13 | 426, over HTTP/2 400, with `Sec-WebSocket-Version: 13` |
    /// | HTTP/1.1: one `Sec-WebSocket-Key` of 16 bytes in base64 | 400 |
    /// | `Sec-WebSocket-Protocol`: unique tokens | 400 |
    /// | `Sec-WebSocket-Extensions`: the grammar of §9.1 | 400 |
    /// | at most one `Origin`, in ASCII | 400 |
    pub fn check(&self) -> Result<(), HandshakeError> {
        let headers = &self.headers;
        match self.version {
            // §4.2.1: "An HTTP/1.1 or higher GET request"
            HttpVersion::Http10 => {
                return Err(HandshakeError::UnsupportedHttpVersion(self.version.to_string()));
            }
            HttpVersion::Http11 => self.check_upgrade()?,
            HttpVersion::Http2 | HttpVersion::Http3 => self.check_extended_connect()?,
        }
        check_version(headers)?;
        // §11.3.1: "MUST NOT appear more than once in an HTTP request". RFC 8441, §5: HTTP/2 has none.
        if self.version == HttpVersion::Http11 && !key::is_key(headers.exactly_once(KEY)?) {
            return Err(headers.invalid(KEY, "16 bytes in base64"));
        }
        check_offers(headers)
    }

    fn check_upgrade(&self) -> Result<(), HandshakeError> {
        let headers = &self.headers;
        // §4.2.1: "An |Upgrade| header field containing the value "websocket", treated as an ASCII
        // case-insensitive value."
        if !headers.contains_token(UPGRADE, "websocket") {
            return Err(HandshakeError::NotUpgrade(headers.excerpt(UPGRADE)));
        }
        if self.method != "GET" {
            return Err(HandshakeError::MethodNotAllowed(self.shown_method()));
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
        Ok(())
    }

    fn check_extended_connect(&self) -> Result<(), HandshakeError> {
        let headers = &self.headers;
        let Some(protocol) = &self.protocol else {
            return Err(HandshakeError::NotExtendedConnect(self.shown_method()));
        };
        if protocol != WEBSOCKET {
            let protocol = Excerpt(protocol.as_bytes()).to_string();
            return Err(HandshakeError::UnsupportedProtocol(protocol));
        }
        // RFC 8441, §5: they MUST NOT be there; RFC 9113, §8.2.2: a request with them is malformed.
        match [CONNECTION, UPGRADE].iter().find(|name| headers.get(name).is_some()) {
            Some(name) => Err(headers.invalid(name, "none")),
            None => Ok(()),
        }
    }

    fn shown_method(&self) -> String {
        Excerpt(self.method.as_bytes()).to_string()
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

    /// Returns the `:protocol` of an extended CONNECT, such as `websocket`.
    #[must_use]
    pub fn protocol(&self) -> Option<&str> {
        self.protocol.as_deref()
    }

    /// Returns the HTTP version.
    #[must_use]
    pub const fn version(&self) -> HttpVersion {
        self.version
    }

    /// Returns all headers. Cookies that HTTP/2 or HTTP/3 has split are one header again.
    #[must_use]
    pub const fn headers(&self) -> &Headers {
        &self.headers
    }

    /// Returns the host, with the port if one was sent. It comes from an absolute target or from
    /// `:authority`, otherwise from the `Host` header.
    ///
    /// `None` in HTTP/1.0 without a `Host` header, and in HTTP/2 and HTTP/3 if the HTTP stack passes
    /// on only the path.
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

/// Returns the host that a request is for: that of its target, or else that of its `Host` header.
fn host(
    headers: &Headers,
    version: HttpVersion,
    authority: Option<&str>,
) -> Result<Option<String>, HandshakeError> {
    // RFC 9112, §3.2: "A server MUST respond with a 400 (Bad Request) status code to any
    // HTTP/1.1 request message that lacks a Host header field and to any request message that
    // contains more than one Host header field line or a Host header field with an invalid
    // field value."
    let host = match headers.once(HOST)? {
        None if version == HttpVersion::Http11 => return Err(HandshakeError::MissingHeader(HOST)),
        None => None,
        Some(host) => core::str::from_utf8(host)
            .ok()
            .filter(|host| Authority::parse(host).is_some())
            .ok_or_else(|| InvalidHeader::error(HOST, Place(host), "a host with or without a port"))
            .map(Some)?,
    };
    // RFC 9113, §8.3.1: Host and :authority that differ are malformed.
    if let (Some(authority), Some(host)) = (authority, host)
        && version.is_multiplexed()
        && !host.eq_ignore_ascii_case(authority)
    {
        return Err(InvalidHeader::error(HOST, Place(host.as_bytes()), "the same as :authority"));
    }
    // RFC 9112, §3.2.2: "the origin server MUST ignore the received Host header field (if any)
    // and instead use the host information of the request-target"
    Ok(authority.or(host).map(ToOwned::to_owned))
}

/// Puts together the cookies that HTTP/2 and HTTP/3 may split.
fn with_whole_cookies(mut headers: Headers, version: HttpVersion) -> Headers {
    if version.is_multiplexed() {
        // RFC 9113, §8.2.3: "these MUST be concatenated into a single octet string using the
        // two-octet delimiter of 0x3b, 0x20 (the ASCII string "; ") before being passed into a
        // non-HTTP/2 context". RFC 9114, §4.2.1, is the same.
        headers.join(COOKIE, b"; ");
    }
    headers
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

pub(super) const CONNECT: &str = "CONNECT";

/// The pseudo-headers of an extended CONNECT (RFC 8441, §4).
pub(super) const PSEUDO_HEADERS: [&str; 5] = [METHOD, PROTOCOL, SCHEME, AUTHORITY, PATH];

const AUTHORITY: &str = ":authority";
const METHOD: &str = ":method";
const PATH: &str = ":path";
const PROTOCOL: &str = ":protocol";
const SCHEME: &str = ":scheme";

/// The `:protocol` of RFC 8441, §5.
pub(super) const WEBSOCKET: &str = "websocket";
