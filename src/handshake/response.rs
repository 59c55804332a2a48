//! An HTTP response, sent by a server or received by a client; knows no rule about its headers.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use bytes::Bytes;

use super::headers::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING, UPGRADE, VERSION,
};
use super::{HandshakeError, Headers, HttpVersion};
use crate::excerpt::Place;

/// An HTTP response: status, headers and a body.
///
/// A server makes one to refuse a request. A client gets one in
/// [`HandshakeError::UnexpectedStatus`].
///
/// ```
/// use sanswire::handshake::Response;
///
/// let response = Response::new(401)
///     .header("WWW-Authenticate", "Basic realm=\"chat\"")?
///     .text("who are you?");
/// assert_eq!(response.reason(), "Unauthorized");
/// # Ok::<(), sanswire::handshake::HandshakeError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    status: u16,
    reason: Cow<'static, str>,
    headers: Headers,
    body: Bytes,
    is_truncated: bool,
}

impl Response {
    /// Creates a response with the usual reason phrase, no headers and no body.
    #[must_use]
    pub const fn new(status: u16) -> Self {
        Self {
            status,
            reason: Cow::Borrowed(reason(status)),
            headers: Headers::new(),
            body: Bytes::new(),
            is_truncated: false,
        }
    }

    pub(super) fn from_head(line: StatusLine, headers: Headers) -> Self {
        Self { reason: line.reason.into(), headers, ..Self::new(line.status) }
    }

    /// Adds a header. A `Content-Type` replaces an earlier one.
    ///
    /// # Errors
    ///
    /// - [`HandshakeError::IllegalHeader`]: `name` is not a token, or `value` contains a control
    ///   character.
    /// - [`HandshakeError::ReservedHeader`]: `name` is `Connection`, `Content-Length` or
    ///   `Transfer-Encoding`, which the crate sets.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Result<Self, HandshakeError> {
        if CONTENT_TYPE.eq_ignore_ascii_case(name) {
            self.headers.insert(name, value)?;
        } else {
            self.headers.append_unless(&FRAMING, name, value)?;
        }
        Ok(self)
    }

    /// Sets the body. Add a `Content-Type` header for it.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets a body of text. Its `Content-Type` is plain text, unless there is such a header already.
    #[must_use]
    pub fn text(self, text: impl Into<String>) -> Self {
        self.typed("text/plain; charset=utf-8", text.into())
    }

    /// Sets a body of HTML: a page, for a request that does not ask for a WebSocket. Its
    /// `Content-Type` is HTML, unless there is such a header already.
    ///
    /// ```
    /// use sanswire::handshake::{Acceptance, Request, Response};
    ///
    /// fn decide(request: &Request) -> Result<Acceptance, Response> {
    ///     match request.path() {
    ///         "/" => Err(Response::new(200).html("<!doctype html><title>Chat</title>")),
    ///         "/chat" => Ok(Acceptance::new()),
    ///         _ => Err(Response::new(404).text("not found\n")),
    ///     }
    /// }
    /// ```
    #[must_use]
    pub fn html(self, html: impl Into<String>) -> Self {
        self.typed("text/html; charset=utf-8", html.into())
    }

    /// Sets a body, and its type if it has none yet.
    fn typed(mut self, content_type: &str, body: String) -> Self {
        if self.headers.get(CONTENT_TYPE).is_none() {
            self.headers.push(CONTENT_TYPE, content_type);
        }
        self.body(body)
    }

    /// Sets all headers.
    pub(super) fn with_headers(self, headers: Headers) -> Self {
        Self { headers, ..self }
    }

    /// Sets what was received of a body.
    pub(crate) fn received(self, body: Vec<u8>, is_truncated: bool) -> Self {
        Self { is_truncated, ..self.body(body) }
    }

    /// Returns the status, such as 403.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// Returns the reason phrase, such as `Forbidden`. It may be empty.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Returns the headers. Those of a redirect include `Location`.
    #[must_use]
    pub const fn headers(&self) -> &Headers {
        &self.headers
    }

    /// Returns the body, or the part of it that was received
    /// ([`is_truncated`](Self::is_truncated)). It is not decoded: if `Content-Encoding` or
    /// `Transfer-Encoding` is `gzip`, it is compressed.
    #[must_use]
    pub const fn content(&self) -> &Bytes {
        &self.body
    }

    /// Returns whether the body is incomplete: it was longer than the limit, ended too early, was
    /// too late, or had contradictory lengths.
    #[must_use]
    pub const fn is_truncated(&self) -> bool {
        self.is_truncated
    }

    /// Appends a switch to another protocol.
    pub(super) fn encode_switch(&self, out: &mut Vec<u8>) {
        self.encode_head(&self.headers, out);
        out.extend_from_slice(b"\r\n");
    }

    /// Appends an answer behind which the connection is closed.
    pub(super) fn encode(&self, body: Body, out: &mut Vec<u8>) {
        // A response that was received has headers about its own body and connection. RFC 9112, §6.2:
        // "A sender MUST NOT send a Content-Length header field in any message that contains a
        // Transfer-Encoding header field."
        let mut headers = self.headers.clone();
        FRAMING.iter().for_each(|name| headers.remove(name));
        self.encode_head(&headers, out);
        // A proxy that takes the upgrade for granted must see that there is none, and that nothing
        // may follow.
        let connection = match self.headers.get(UPGRADE) {
            Some(_) => "close, Upgrade",
            None => "close",
        };
        out.extend_from_slice(format!("{CONNECTION}: {connection}\r\n").as_bytes());
        // RFC 9110, §8.6 and §15.3.5: a 204 has no body and MUST NOT have a Content-Length.
        let has_content = !matches!(self.status, 204 | 304);
        if has_content {
            let len = self.body.len();
            out.extend_from_slice(format!("{CONTENT_LENGTH}: {len}\r\n").as_bytes());
        }
        out.extend_from_slice(b"\r\n");
        if has_content && body == Body::Sent {
            out.extend_from_slice(&self.body);
        }
    }

    fn encode_head(&self, headers: &Headers, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("HTTP/1.1 {} {}\r\n", self.status, self.reason).as_bytes());
        headers.encode(out);
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, reason, headers, body, is_truncated } = self;
        f.debug_struct("Response")
            .field("status", status)
            .field("reason", reason)
            .field("headers", headers)
            .field("body_len", &body.len())
            .field("is_truncated", is_truncated)
            .finish()
    }
}

/// Makes `?` possible in a callback that decides about a request.
impl From<HandshakeError> for Response {
    fn from(error: HandshakeError) -> Self {
        Self::from(&error)
    }
}

impl From<&HandshakeError> for Response {
    /// Creates the response to an invalid request: the status, the headers that belong to it, and a
    /// line of text ([`HandshakeError::answer`]).
    fn from(error: &HandshakeError) -> Self {
        let mut response = Self::new(error.status()).text(error.answer() + "\n");
        match response.status {
            // RFC 9110, §15.5.6: "MUST generate an Allow header field in a 405 response"
            405 => response.headers.push("Allow", "GET"),
            426 => {
                // RFC 9110, §15.5.22: "MUST send an Upgrade header field in a 426 response"; §7.8: "A
                // sender of Upgrade MUST also send an "Upgrade" connection option"
                response.headers.push(UPGRADE, "websocket");
                response.headers.push(CONNECTION, "Upgrade");
                // §4.4: "it MUST respond with a |Sec-WebSocket-Version| header field […] containing
                // all versions it is willing to use"
                response.headers.push(VERSION, "13");
            }
            _ => {}
        }
        response
    }
}

/// Whether the body is sent; the answer to HEAD has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body {
    Omitted,
    Sent,
}

/// The first line of a response.
#[derive(Debug)]
pub(super) struct StatusLine {
    pub(super) version: HttpVersion,
    pub(super) status: u16,
    reason: String,
}

impl StatusLine {
    /// RFC 9112, §4: `status-line = HTTP-version SP status-code SP [ reason-phrase ]`; the last
    /// space is often left out, too.
    pub(super) fn parse(line: &[u8]) -> Result<Self, HandshakeError> {
        let mut words = line.splitn(3, |byte| *byte == b' ');
        let version = HttpVersion::parse(words.next().unwrap_or_default())?;
        let Some([a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9']) = words.next() else {
            return Err(HandshakeError::malformed("status code", Place(line)));
        };
        let digit = |byte: &u8| u16::from(byte - b'0');
        let status = digit(a) * 100 + digit(b) * 10 + digit(c);
        let reason = String::from_utf8_lossy(words.next().unwrap_or_default()).into_owned();
        Ok(Self { version, status, reason })
    }
}

/// Headers that say where a response ends, and what comes after it: the crate sets them.
const FRAMING: [&str; 3] = [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING];

/// The reason phrases of RFC 9110, §15, for the answers that a handshake may get.
pub(super) const fn reason(status: u16) -> &'static str {
    match status {
        101 => "Switching Protocols",
        200 => "OK",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        410 => "Gone",
        414 => "URI Too Long",
        421 => "Misdirected Request",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "",
    }
}
