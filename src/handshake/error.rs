//! Why a handshake did not open a connection; knows which HTTP answer fits, not how to send it.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use core::fmt;
use core::time::Duration;

use super::excerpt::Excerpt;
use super::headers::{EXTENSIONS, ORIGIN, PROTOCOL};
use super::refusal::Refusal;
use super::{HeadLimit, OtherProtocol, Response, UrlError};
use crate::error::Audience;
use crate::role::Role;

/// Why a connection was not opened, or why a call was refused.
///
/// When it comes from a `poll_*` method or from [`ServerHandshake::accept`](super::ServerHandshake)
/// by the peer's fault, the handshake is over and the same error is returned again. An error that
/// blames the caller's argument changes nothing.
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
    /// The caller's host and port are not what may stand in a `Host` header. User information, a query
    /// and a fragment, which may be secrets, are replaced by `…`.
    InvalidAuthority(String),
    /// The parameters of an extension that the server chose are not those that were offered, or
    /// break its rules; says which.
    InvalidExtension(&'static str),
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
    /// The request's target is neither a path nor an absolute `http` or `https` URI.
    InvalidTarget,
    /// The caller's URL is not a WebSocket URL; says why.
    InvalidUrl(UrlError),
    /// The peer's head, or what the server sent before its response, passed a limit.
    LimitExceeded(HeadLimit),
    /// The bytes are no HTTP head; says which part is not.
    Malformed(&'static str),
    /// An upgrade was asked for by another method than the one that the HTTP version demands.
    MethodNotAllowed,
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
    /// The request does not ask for an upgrade to WebSocket.
    NotUpgrade,
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
    /// The request announces a body, where there must be none.
    UnexpectedBody,
    /// The server answered with another status than the one that opens a connection. This is its
    /// response.
    UnexpectedStatus(Box<Response>),
    /// An extension was chosen that the client did not offer.
    UnofferedExtension(String),
    /// A subprotocol was chosen that the client did not offer.
    UnofferedSubprotocol(String),
    /// The HTTP version is not 1.1.
    UnsupportedHttpVersion,
    /// The `:protocol` of an extended CONNECT is not `websocket`.
    UnsupportedProtocol,
    /// The version of the WebSocket protocol is missing, or is not 13.
    UnsupportedVersion,
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
        value: &[u8],
        expected: impl Into<Cow<'static, str>>,
    ) -> HandshakeError {
        let (value, expected) = (Excerpt(value).to_string(), expected.into());
        HandshakeError::InvalidHeader(Box::new(Self { name, value, expected }))
    }
}

impl fmt::Display for InvalidHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, value, expected } = self;
        if value.is_empty() {
            write!(f, "header {name} is empty, where {expected} is expected")
        } else {
            write!(f, "header {name} is \"{value}\", where {expected} is expected")
        }
    }
}

impl HandshakeError {
    /// Returns the HTTP status by which a server answers a request with this fault.
    ///
    /// It is 500 for a fault of the server's own.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::DuplicateHeader(_)
            | Self::EndOfStream
            | Self::InvalidHeader(_)
            | Self::InvalidTarget
            | Self::Malformed(_)
            | Self::MissingHeader(_)
            | Self::UnexpectedBody => 400,
            Self::ForbiddenOrigin(_) => 403,
            Self::MethodNotAllowed => 405,
            Self::NoRequest { .. } | Self::Timeout(_) => 408,
            Self::LimitExceeded(HeadLimit::StartLine(_)) => 414,
            // §4.2.2: "an appropriate HTTP error code (such as 426 Upgrade Required)"
            Self::NotUpgrade | Self::UnsupportedVersion => 426,
            Self::LimitExceeded(HeadLimit::Headers(_) | HeadLimit::Size(_)) => 431,
            // RFC 9220, §3: "SHOULD respond […] with a 501 (Not Implemented) status code"
            Self::UnsupportedProtocol => 501,
            Self::NotAnswered(_) => 503,
            Self::UnsupportedHttpVersion
            | Self::WrongProtocol { protocol: OtherProtocol::Http2, .. } => 505,
            Self::WrongProtocol { .. } => 400,
            Self::DuplicateSubprotocol(_)
            | Self::IllegalHeader(_)
            | Self::InvalidAuthority(_)
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
    /// error, without what is this end's own business. At most a line.
    #[must_use]
    pub fn answer(&self) -> String {
        if self.status() == 500 {
            return "the server is at fault".to_string();
        }
        Told { error: self, audience: Audience::Peer }.to_string()
    }

    /// Returns whether the caller's argument is at fault: nothing was tried.
    pub(crate) const fn is_callers(&self) -> bool {
        matches!(
            self,
            Self::DuplicateSubprotocol(_)
                | Self::IllegalHeader(_)
                | Self::InvalidAuthority(_)
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
                return write!(f, "header {name} came more than once");
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
                write!(f, "origin {} is not allowed", Excerpt(origin.as_bytes()))?;
                ("", " (OriginPolicy::allow adds one)")
            }
            Error::IllegalHeader(name) => {
                return write!(
                    f,
                    "header {name:?} cannot be written: its name must be a token, its value have \
                     no control characters"
                );
            }
            Error::InvalidAuthority(text) => {
                write!(f, "{text:?} is not a host and port such as example.com:9001")?;
                let has_user = text.contains('@');
                let user =
                    if has_user { ": send an Authorization header for the user" } else { "" };
                return f.write_str(user);
            }
            Error::InvalidExtension("permessage-deflate") => {
                ("server agreed on permessage-deflate with parameters that are not valid", "")
            }
            Error::InvalidExtension(part) => {
                return write!(
                    f,
                    "server agreed on permessage-deflate, but {part} is not as it was offered, or \
                     not valid"
                );
            }
            Error::InvalidHeader(header) => return header.fmt(f),
            Error::InvalidOrigin(text) => {
                return write!(
                    f,
                    "{text:?} is not an origin: write null, or one such as https://example.com"
                );
            }
            Error::InvalidResource(text) => {
                return write!(
                    f,
                    "{text:?} is not a resource name: it begins with / or ?, has no #, and only \
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
            Error::InvalidTarget => ("request target is neither a path nor an http URI", ""),
            Error::InvalidUrl(fact) => return write!(f, "not a WebSocket URL: {fact}"),
            Error::LimitExceeded(limit) => return limit.tell(self.audience, f),
            Error::Malformed(part) => return write!(f, "not a valid HTTP head: {part}"),
            Error::MethodNotAllowed => ("request method is not GET", ""),
            Error::MissingHeader(name) => return write!(f, "header {name} is missing"),
            Error::NoRequest { waited: None } => ("client left without a request", ""),
            Error::NoRequest { waited: Some(limit) } => {
                write!(f, "no request within {limit:?}")?;
                ("", " (HeadLimits::timeout)")
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
                ("", " (HeadLimits::timeout)")
            }
            Error::NotUpgrade => ("header Upgrade does not ask for websocket", ""),
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
                ("", " (HeadLimits::timeout)")
            }
            Error::UnexpectedBody => {
                ("header Content-Length or Transfer-Encoding announces a body", "")
            }
            Error::UnexpectedStatus(response) => return Refusal(response).fmt(f),
            Error::UnofferedExtension(name) => {
                return write!(
                    f,
                    "extension {} was chosen, but the client did not offer it",
                    Excerpt(name.as_bytes())
                );
            }
            Error::UnofferedSubprotocol(name) => {
                return write!(
                    f,
                    "subprotocol {} was chosen, but the client did not offer it",
                    Excerpt(name.as_bytes())
                );
            }
            Error::UnsupportedHttpVersion => ("HTTP version is not 1.1", ""),
            Error::UnsupportedProtocol => ("pseudo-header :protocol is not websocket", ""),
            Error::UnsupportedVersion => ("header Sec-WebSocket-Version is not 13", ""),
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
