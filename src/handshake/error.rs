//! Why a handshake did not open a connection; knows which HTTP answer fits, not how to send it.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use core::fmt;
use core::time::Duration;

use super::headers::{EXTENSIONS, ORIGIN, PROTOCOL};
use super::refusal::Refusal;
use super::{HeadLimit, OtherProtocol, Response, UrlError};
use crate::close::MAX_REASON_LEN;
use crate::error::Audience;
use crate::excerpt::{Excerpt, Place};
use crate::extension::InvalidExtension;
use crate::role::Role;

/// Why a connection was not opened, or why a call was refused.
///
/// When it comes from a `poll_*` method or from [`ServerHandshake::accept`](super::ServerHandshake)
/// by the peer's fault, the handshake is over and the same error is returned again. An error that
/// blames the caller's argument changes nothing.
///
/// What a peer sent is in it as the beginning of the value, on one line and with control characters
/// escaped. Queries, user information and the values of headers that may be secrets are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HandshakeError {
    /// A header that must stand only once came several times.
    DuplicateHeader(&'static str),
    /// A subprotocol was offered twice by the caller.
    DuplicateSubprotocol(String),
    /// The stream ended before the handshake was complete. If nothing at all had come, the error is
    /// [`NoRequest`](Self::NoRequest) for a server, [`NoResponse`](Self::NoResponse) for a client.
    EndOfStream,
    /// The [`OriginPolicy`](super::OriginPolicy) does not allow this origin, or a request without one.
    ForbiddenOrigin(Option<String>),
    /// The caller's header has a name that is no token, or a value with control characters.
    IllegalHeader(String),
    /// The parameters of an extension that the server chose are not those that were offered, or
    /// break its rules.
    InvalidExtension(Box<InvalidExtension>),
    /// The peer's header has a value that breaks its grammar or its meaning.
    InvalidHeader(Box<InvalidHeader>),
    /// The caller's origin pattern is neither `null` nor `scheme://host[:port]`.
    InvalidOrigin(String),
    /// The caller's resource name does not start with `/` or `?`, has a fragment, or has
    /// characters that must be percent-encoded. A query and a fragment, which may have a secret in
    /// them, are replaced by `…`.
    InvalidResource(String),
    /// The caller's answer has a status that no refusal has (below 200 or above 599).
    InvalidStatus(u16),
    /// The caller's subprotocol is not a token.
    InvalidSubprotocol(String),
    /// The request's target, which is this, is neither a path nor an absolute `http` or `https` URI.
    InvalidTarget(String),
    /// The caller's URL, or its host and port, cannot be those of a WebSocket.
    InvalidUrl(Box<UrlError>),
    /// The peer's head, or what the server sent before its response, passed a limit.
    LimitExceeded(HeadLimit),
    /// The bytes are no HTTP head.
    Malformed {
        /// The part at fault.
        part: &'static str,
        /// The line with the fault, up to it; of a header only the name.
        found: Box<str>,
    },
    /// An upgrade was asked for by this method, where HTTP/1.1 demands `GET`.
    MethodNotAllowed(String),
    /// A header that must be there is missing.
    MissingHeader(&'static str),
    /// No byte of a request came: the client left without asking for anything, or the time was
    /// over. A server need not report it. Browsers open connections in reserve, load balancers to
    /// see that somebody listens, and close them without a word.
    NoRequest {
        /// How long the server has waited for a client that did not leave:
        /// [`HeadLimits::timeout`](super::HeadLimits::timeout).
        waited: Option<Duration>,
    },
    /// No byte of a response came: the server closed the connection at once.
    NoResponse,
    /// The server chose no subprotocol, but the request demands that it does.
    NoSubprotocol,
    /// The request over HTTP/2 or HTTP/3 is not an extended CONNECT (RFC 8441), but has this method.
    NotExtendedConnect(String),
    /// The request does not ask for an upgrade to WebSocket. This is its `Upgrade` header, if it has
    /// one.
    NotUpgrade(Option<String>),
    /// The call does not fit the state of the handshake.
    OutOfOrder,
    /// The caller's header is one that the handshake writes itself.
    ReservedHeader(String),
    /// This end was shut down before the handshake was complete.
    ShutDown,
    /// The server's application did not answer the request within
    /// [`HeadLimits::timeout`](super::HeadLimits::timeout); the client was answered with 503.
    NotAnswered(Duration),
    /// The peer's head did not arrive whole in time: [`HeadLimits::timeout`](super::HeadLimits).
    Timeout(Duration),
    /// The request announces a body by this header, where there must be none.
    UnexpectedBody(&'static str),
    /// The server answered with another status than the one that opens a connection. This is its
    /// response.
    UnexpectedStatus(Box<Response>),
    /// An extension was chosen that the client did not offer.
    UnofferedExtension(String),
    /// A subprotocol was chosen that the client did not offer.
    UnofferedSubprotocol(String),
    /// The HTTP version is this one, and not 1.1.
    UnsupportedHttpVersion(String),
    /// The `:protocol` of an extended CONNECT is this one, and not `websocket`.
    UnsupportedProtocol(String),
    /// The version of the WebSocket protocol is missing, or is this one and not 13.
    UnsupportedVersion(Option<String>),
    /// What the peer sends is another protocol than HTTP/1.1.
    WrongProtocol {
        /// The role of the peer that sent it.
        peer: Role,
        /// What it looks like.
        protocol: OtherProtocol,
    },
}

/// A header of the peer, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidHeader {
    /// The name.
    pub name: &'static str,
    /// The beginning of the value that came, on one line and with control characters escaped.
    pub value: String,
    /// What was expected instead.
    pub expected: Cow<'static, str>,
}

impl InvalidHeader {
    pub(super) fn error(
        name: &'static str,
        value: impl fmt::Display,
        expected: impl Into<Cow<'static, str>>,
    ) -> HandshakeError {
        let (value, expected) = (value.to_string(), expected.into());
        HandshakeError::InvalidHeader(Box::new(Self { name, value, expected }))
    }
}

impl fmt::Display for InvalidHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, value, expected } = self;
        write_found(f, &format!("header {name}"), Some(value), expected)
    }
}

impl HandshakeError {
    /// Returns the error for a head with a fault in a line, of which `found` may be shown.
    pub(super) fn malformed(part: &'static str, found: impl fmt::Display) -> Self {
        Self::Malformed { part, found: found.to_string().into() }
    }

    /// Returns the HTTP status by which a server answers a request with this fault.
    ///
    /// It is 500 for a fault of the server's own.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::DuplicateHeader(_)
            | Self::EndOfStream
            | Self::InvalidHeader(_)
            | Self::InvalidTarget(_)
            | Self::Malformed { .. }
            | Self::MissingHeader(_)
            | Self::NotExtendedConnect(_)
            | Self::UnexpectedBody(_) => 400,
            Self::ForbiddenOrigin(_) => 403,
            Self::MethodNotAllowed(_) => 405,
            Self::NoRequest { .. } | Self::Timeout(_) => 408,
            Self::LimitExceeded(HeadLimit::StartLine(_)) => 414,
            // §4.2.2: "an appropriate HTTP error code (such as 426 Upgrade Required)"
            Self::NotUpgrade(_) | Self::UnsupportedVersion(_) => 426,
            Self::LimitExceeded(HeadLimit::Headers(_) | HeadLimit::Size(_)) => 431,
            // RFC 9220, §3: "SHOULD respond […] with a 501 (Not Implemented) status code"
            Self::UnsupportedProtocol(_) => 501,
            Self::NotAnswered(_) => 503,
            Self::UnsupportedHttpVersion(_)
            | Self::WrongProtocol { protocol: OtherProtocol::Http2, .. } => 505,
            Self::WrongProtocol { .. } => 400,
            Self::DuplicateSubprotocol(_)
            | Self::IllegalHeader(_)
            | Self::InvalidExtension(_)
            | Self::InvalidOrigin(_)
            | Self::InvalidResource(_)
            | Self::InvalidStatus(_)
            | Self::InvalidSubprotocol(_)
            | Self::InvalidUrl(_)
            | Self::LimitExceeded(HeadLimit::InterimResponses(_))
            | Self::NoResponse
            | Self::NoSubprotocol
            | Self::OutOfOrder
            | Self::ReservedHeader(_)
            | Self::ShutDown
            | Self::UnexpectedStatus(_)
            | Self::UnofferedExtension(_)
            | Self::UnofferedSubprotocol(_) => 500,
        }
    }

    /// Returns what the client is told about the fault, in the body of the answer: the text of the
    /// error, without what is this end's own business. One line of at most 123 bytes, as much as a
    /// Close frame has room for.
    #[must_use]
    pub fn answer(&self) -> String {
        if self.status() == 500 {
            return "the server is at fault".to_string();
        }
        let mut text = Told { error: self, audience: Audience::Peer }.to_string();
        if text.len() > MAX_REASON_LEN {
            while text.len() + '…'.len_utf8() > MAX_REASON_LEN {
                text.pop();
            }
            text.push('…');
        }
        text
    }

    /// Returns whether the caller's argument is at fault: nothing was tried.
    pub(crate) const fn is_callers(&self) -> bool {
        matches!(
            self,
            Self::DuplicateSubprotocol(_)
                | Self::IllegalHeader(_)
                | Self::InvalidOrigin(_)
                | Self::InvalidResource(_)
                | Self::InvalidStatus(_)
                | Self::InvalidSubprotocol(_)
                | Self::InvalidUrl(_)
                | Self::OutOfOrder
                | Self::ReservedHeader(_)
        )
    }
}

/// Says what to do where there is something to do. What the peer sent is shown on one line, without
/// control characters; of a response its status, its reason, the beginning of a text, and what it
/// asks for.
impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Told { error: self, audience: Audience::Application }.fmt(f)
    }
}

impl core::error::Error for HandshakeError {}

/// An error in words: for the application, or for the client.
struct Told<'a> {
    error: &'a HandshakeError,
    audience: Audience,
}

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use HandshakeError as Error;
        let (fact, remedy) = match self.error {
            Error::DuplicateHeader(name) => {
                write!(f, "header {name} came more than once")?;
                ("", FIX)
            }
            Error::DuplicateSubprotocol(name) => {
                return write!(f, "subprotocol {name:?} is offered already: offer it once");
            }
            Error::EndOfStream => {
                ("stream ended within the handshake", ": the peer or the network went away")
            }
            Error::ForbiddenOrigin(None) => {
                ("header Origin is missing", " (OriginPolicy::missing lets such clients in)")
            }
            Error::ForbiddenOrigin(Some(origin)) => {
                write!(f, "origin {} is not allowed", Place(origin.as_bytes()))?;
                ("", " (OriginPolicy::allow adds one)")
            }
            Error::IllegalHeader(name) => {
                return write!(
                    f,
                    "header {name:?} cannot be written: its name must be a token, its value have \
                     no control characters"
                );
            }
            Error::InvalidExtension(error) => {
                write!(f, "server's {error}")?;
                ("", ": fix the server, or do not offer the extension")
            }
            Error::InvalidHeader(header) => {
                header.fmt(f)?;
                ("", FIX)
            }
            Error::InvalidOrigin(text) => {
                return write!(
                    f,
                    "{text:?} is not an origin: write null, or scheme, host and port as in \
                     https://example.com, without a path or a slash at the end; \
                     OriginPolicy::any() allows all"
                );
            }
            Error::InvalidResource(text) => {
                return write!(
                    f,
                    "\"{text}\" is not a resource name: it begins with / or ?, has no #, and only \
                     ASCII that is percent-encoded"
                );
            }
            Error::InvalidStatus(status) => {
                return write!(f, "status {status} is not one of a refusal: use 200 to 599");
            }
            Error::InvalidSubprotocol(name) => {
                return write!(
                    f,
                    "subprotocol {name:?} is not a token: use letters, digits, hyphens and dots"
                );
            }
            Error::InvalidTarget(target) => {
                write!(f, "request target \"{target}\" is neither a path nor an http URI")?;
                ("", FIX)
            }
            Error::InvalidUrl(error) => return write!(f, "not a WebSocket URL: {error}"),
            Error::LimitExceeded(limit) => return limit.tell(self.audience, f),
            Error::Malformed { part, found } => {
                write!(f, "not a valid HTTP head: {part}")?;
                if !found.is_empty() {
                    write!(f, " (\"{found}\")")?;
                }
                ("", ": does the peer speak HTTP/1.1?")
            }
            Error::MethodNotAllowed(method) => {
                write!(f, "request method is {method}, where GET is expected")?;
                ("", FIX)
            }
            Error::MissingHeader(name) => {
                write!(f, "header {name} is missing")?;
                ("", FIX)
            }
            Error::NoRequest { waited: None } => ("client left without a request", ""),
            Error::NoRequest { waited: Some(limit) } => {
                write!(f, "no request within {limit:?}")?;
                ("", " (HeadLimits::timeout): raise it for slow clients")
            }
            Error::NoResponse => (
                "server closed the connection without an answer",
                ": is it a WebSocket server, does it want TLS (wss)?",
            ),
            Error::NoSubprotocol => (
                "server chose none of the offered subprotocols",
                ", and one is required (SubprotocolPolicy::Required)",
            ),
            Error::NotAnswered(limit) => {
                write!(f, "application did not answer the request within {limit:?}")?;
                ("", " (HeadLimits::timeout): answer sooner, or raise it")
            }
            Error::NotExtendedConnect(method) => {
                write!(f, "request method is {method}, where an extended CONNECT is expected")?;
                let remedy = ": a proxy must pass it on as that, an HTTP stack with its :protocol \
                              (Request::with_protocol); answer a request for a page otherwise";
                ("", remedy)
            }
            Error::NotUpgrade(found) => {
                f.write_str("request is not for a WebSocket: ")?;
                write_found(f, "header Upgrade", found.as_deref(), "websocket")?;
                ("", ": a proxy must pass the header on; answer a request for a page by reject")
            }
            Error::OutOfOrder => {
                ("call does not fit the state of the handshake", ": no request waits for an answer")
            }
            Error::ReservedHeader(name) => {
                let remedies = [
                    (ORIGIN, "call `origin` instead"),
                    (PROTOCOL, "call `subprotocol` instead"),
                    (EXTENSIONS, "call `extension` or `deflate` instead"),
                ];
                let remedy = remedies.iter().find(|(header, _)| header.eq_ignore_ascii_case(name));
                let remedy = remedy.map_or("leave it out", |(_, remedy)| remedy);
                return write!(f, "header {name} is written by the handshake: {remedy}");
            }
            Error::ShutDown => ("this end was shut down within the handshake", ""),
            Error::Timeout(limit) => {
                write!(f, "HTTP head not whole within {limit:?}")?;
                ("", " (HeadLimits::timeout): try again, or raise it for slow peers")
            }
            Error::UnexpectedBody(name) => {
                write!(f, "header {name} announces a body, where a handshake has none")?;
                ("", FIX)
            }
            Error::UnexpectedStatus(response) => return Refusal(response).fmt(f),
            Error::UnofferedExtension(name) => {
                write!(f, "extension {} was chosen", Excerpt(name.as_bytes()))?;
                (", but the client did not offer it", ": offer it, or choose another")
            }
            Error::UnofferedSubprotocol(name) => {
                write!(f, "subprotocol {} was chosen", Excerpt(name.as_bytes()))?;
                (", but the client did not offer it", ": offer it, or choose another")
            }
            Error::UnsupportedHttpVersion(version) => {
                write!(f, "HTTP version is {version}, where HTTP/1.1 is expected")?;
                ("", FIX)
            }
            Error::UnsupportedProtocol(protocol) => {
                write_found(f, "pseudo-header :protocol", Some(protocol), "websocket")?;
                ("", FIX)
            }
            Error::UnsupportedVersion(version) => {
                write_found(f, "header Sec-WebSocket-Version", version.as_deref(), "13")?;
                ("", FIX)
            }
            Error::WrongProtocol { peer, protocol } => {
                return match self.audience {
                    Audience::Application => protocol.explain(*peer, f),
                    Audience::Peer => f.write_str("what came is not HTTP/1.1"),
                };
            }
        };
        f.write_str(fact)?;
        match self.audience {
            Audience::Application => f.write_str(remedy),
            Audience::Peer => Ok(()),
        }
    }
}

/// Says what a header is, and what it should be.
fn write_found(
    f: &mut fmt::Formatter<'_>,
    header: &str,
    value: Option<&str>,
    expected: &str,
) -> fmt::Result {
    match value {
        None => write!(f, "{header} is missing, where {expected} is expected"),
        Some("") => write!(f, "{header} is empty, where {expected} is expected"),
        Some(value) => write!(f, "{header} is \"{value}\", where {expected} is expected"),
    }
}

/// For what only the peer does, and what is between.
const FIX: &str = ": fix the peer, or the proxy in between";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_small_enough_to_be_returned() {
        let size = size_of::<HandshakeError>();
        assert!(size <= 40, "{size}");
    }

    #[test]
    fn what_a_client_is_told_is_one_short_line() {
        let value = "\u{202e}".repeat(200);
        let error = InvalidHeader::error(
            PROTOCOL,
            Excerpt(value.as_bytes()),
            "a list of tokens, each once",
        );
        assert!(error.to_string().len() > 500);
        let answer = error.answer();
        assert!(answer.len() <= 123 && answer.ends_with('…'), "{answer}");
    }
}
