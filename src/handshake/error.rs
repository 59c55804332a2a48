//! Why a handshake did not open a connection; knows which HTTP answer fits, not how to send it.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;
use core::time::Duration;

use super::{HeadLimit, Response, UrlError};

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
    /// The stream ended before the handshake was complete. Of a server that has received nothing,
    /// the error is [`NoRequest`](Self::NoRequest).
    EndOfStream,
    /// The [`OriginPolicy`](super::OriginPolicy) does not allow where the request comes from.
    ForbiddenOrigin,
    /// The caller's header has a name that is no token, or a value with control characters.
    IllegalHeader(String),
    /// The caller's host and port are not what may stand in a `Host` header.
    InvalidAuthority(String),
    /// The parameters of an extension that the server chose are not those that were offered, or
    /// break its rules; says which.
    InvalidExtension(&'static str),
    /// The peer's header has a value that breaks its grammar or its meaning.
    InvalidHeader(&'static str),
    /// The caller's origin pattern is neither `null` nor `scheme://host[:port]`.
    InvalidOrigin(String),
    /// The caller's resource name does not start with `/` or `?`, has a fragment, or has
    /// characters that must be percent-encoded.
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
            Self::ForbiddenOrigin => 403,
            Self::MethodNotAllowed => 405,
            Self::NoRequest { .. } | Self::Timeout(_) => 408,
            Self::LimitExceeded(HeadLimit::StartLine(_)) => 414,
            // §4.2.2: "an appropriate HTTP error code (such as 426 Upgrade Required)"
            Self::NotUpgrade | Self::UnsupportedVersion => 426,
            Self::LimitExceeded(HeadLimit::Headers(_) | HeadLimit::Size(_)) => 431,
            // RFC 9220, §3: "SHOULD respond […] with a 501 (Not Implemented) status code"
            Self::UnsupportedProtocol => 501,
            Self::NotAnswered(_) => 503,
            Self::UnsupportedHttpVersion => 505,
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
            | Self::NoSubprotocol
            | Self::OutOfOrder
            | Self::ReservedHeader(_)
            | Self::ShutDown
            | Self::UnexpectedStatus(_)
            | Self::UnofferedExtension(_)
            | Self::UnofferedSubprotocol(_) => 500,
        }
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

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DuplicateHeader(name) => write!(f, "header {name} came more than once"),
            Self::DuplicateSubprotocol(name) => write!(f, "subprotocol {name:?} offered twice"),
            Self::EndOfStream => f.write_str("stream ended within the handshake"),
            Self::ForbiddenOrigin => {
                f.write_str("header Origin is missing or names a forbidden origin")
            }
            Self::IllegalHeader(name) => write!(f, "header {name:?} cannot be written"),
            Self::InvalidAuthority(text) => write!(f, "{text:?} is not a host and port"),
            Self::InvalidExtension(part) => write!(f, "extension agreed on with a bad {part}"),
            Self::InvalidHeader(name) => write!(f, "header {name} has an invalid value"),
            Self::InvalidOrigin(text) => write!(f, "{text:?} is not an origin"),
            Self::InvalidResource(text) => write!(f, "{text:?} is not a resource name"),
            Self::InvalidStatus(status) => write!(f, "status {status} is not one of a refusal"),
            Self::InvalidSubprotocol(name) => write!(f, "subprotocol {name:?} is not a token"),
            Self::InvalidTarget => f.write_str("request target is neither a path nor an http URI"),
            Self::InvalidUrl(error) => write!(f, "not a WebSocket URL: {error}"),
            Self::LimitExceeded(limit) => limit.fmt(f),
            Self::Malformed(part) => write!(f, "not an HTTP head: {part}"),
            Self::ShutDown => f.write_str("shut down within the handshake"),
            Self::Timeout(limit) => write!(f, "HTTP head not whole within {limit:?}"),
            Self::MethodNotAllowed => f.write_str("request method cannot open a WebSocket"),
            Self::MissingHeader(name) => write!(f, "header {name} is missing"),
            Self::NoRequest { waited: None } => f.write_str("client left without a request"),
            Self::NoRequest { waited: Some(limit) } => write!(f, "no request within {limit:?}"),
            Self::NoSubprotocol => f.write_str("server chose none of the offered subprotocols"),
            Self::NotAnswered(limit) => {
                write!(f, "application did not answer the request within {limit:?}")
            }
            Self::NotUpgrade => f.write_str("header Upgrade does not ask for websocket"),
            Self::OutOfOrder => f.write_str("call does not fit the state of the handshake"),
            Self::ReservedHeader(name) => write!(f, "header {name} is written by the handshake"),
            Self::UnexpectedBody => {
                f.write_str("header Content-Length or Transfer-Encoding announces a body")
            }
            Self::UnexpectedStatus(response) => {
                write!(f, "server answered with status {}", response.status())
            }
            Self::UnofferedExtension(name) => write!(f, "extension {name:?} was not offered"),
            Self::UnofferedSubprotocol(name) => write!(f, "subprotocol {name:?} was not offered"),
            Self::UnsupportedHttpVersion => f.write_str("HTTP version is not 1.1"),
            Self::UnsupportedProtocol => f.write_str("pseudo-header :protocol is not websocket"),
            Self::UnsupportedVersion => f.write_str("header Sec-WebSocket-Version is not 13"),
        }
    }
}

impl core::error::Error for HandshakeError {}
