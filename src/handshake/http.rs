//! The head of an HTTP/1.1 message, as it arrives; knows no header's meaning.

use alloc::string::ToString;
use core::fmt;
use core::time::Duration;

use super::headers::HeaderName;
use super::other_protocol::{Guess, OtherProtocol};
use super::{HandshakeError, Headers};
use crate::buffer::ReceiveBuf;
use crate::error::Audience;
use crate::excerpt::{Excerpt, Place};
use crate::role::Role;
use crate::setters::setters;

/// The limits of the head of an HTTP message: how large it may be, and how long it may take.
///
/// ```
/// use sanswire::handshake::HeadLimits;
///
/// let limits = HeadLimits::default().max_size(64 << 10); // large cookies
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeadLimits {
    /// The longest request line or status line, in bytes without the line break.
    ///
    /// Default 8 KiB, as in most servers. A server answers a longer one with 414.
    pub max_start_line: usize,
    /// How many header lines a head may have.
    ///
    /// Default 100. A server answers more with 431.
    pub max_headers: usize,
    /// The largest head, in bytes with its line breaks.
    ///
    /// Default 16 KiB. A server answers a larger one with 431.
    pub max_size: usize,
    /// How many interim responses (1xx), such as 103 "early hints", a client skips before the final
    /// one.
    ///
    /// Default 16: servers send one or two.
    pub max_interim_responses: usize,
    /// How long a handshake waits for the whole head, from the first
    /// [`handle_timeout`](super::ServerHandshake::handle_timeout) on. `None` waits forever. Where an
    /// adapter connects to a URL, it is the time for all of it: the look-up of the host, TCP, a
    /// proxy, TLS, the head, and redirects.
    ///
    /// Default 10 s, as in Python's `websockets` and Netty. A server answers a later request with
    /// 408. For the body of a refusal, a client waits a shorter time:
    /// [`ClientRequest::refusal_timeout`](super::ClientRequest::refusal_timeout).
    pub timeout: Option<Duration>,
}

impl Default for HeadLimits {
    fn default() -> Self {
        Self {
            max_start_line: 8 << 10,
            max_headers: 100,
            max_size: 16 << 10,
            max_interim_responses: 16,
            timeout: Some(Duration::from_secs(10)),
        }
    }
}

setters! {
    HeadLimits {
        max_start_line: usize,
        max_headers: usize,
        max_size: usize,
        max_interim_responses: usize,
        timeout?: Duration,
    }
}

/// The limit of [`HeadLimits`] that a head passed, with its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeadLimit {
    /// [`HeadLimits::max_headers`].
    Headers(usize),
    /// [`HeadLimits::max_interim_responses`].
    InterimResponses(usize),
    /// [`HeadLimits::max_size`].
    Size(usize),
    /// [`HeadLimits::max_start_line`].
    StartLine(usize),
}

impl fmt::Display for HeadLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tell(Audience::Application, f)
    }
}

impl HeadLimit {
    /// Says which limit was passed; its field is named to those who can change it.
    pub(super) fn tell(self, audience: Audience, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Headers(limit) => {
                write!(f, "HTTP head has more than {limit} headers")?;
                "max_headers"
            }
            Self::InterimResponses(limit) => {
                write!(f, "server sent more than {limit} interim responses of 1xx")?;
                "max_interim_responses"
            }
            Self::Size(limit) => {
                write!(f, "HTTP head has more than {limit} bytes")?;
                "max_size"
            }
            Self::StartLine(limit) => {
                write!(f, "HTTP head has a first line of more than {limit} bytes")?;
                "max_start_line"
            }
        };
        match audience {
            Audience::Application => {
                write!(f, " (HeadLimits::{name}): raise it, or have the peer send less")
            }
            Audience::Peer => Ok(()),
        }
    }
}

/// The version in the start line of an HTTP message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HttpVersion {
    /// `HTTP/1.0`, which has no upgrade.
    Http10,
    /// `HTTP/1.1`, or a later minor version, which is treated as 1.1 (RFC 9110, §2.5).
    Http11,
    /// `HTTP/2` (RFC 9113), by an HTTP stack that is not part of this crate.
    Http2,
    /// `HTTP/3` (RFC 9114), by an HTTP stack that is not part of this crate.
    Http3,
}

impl HttpVersion {
    /// Returns whether a connection carries many requests at once, and is upgraded by none: each
    /// WebSocket is a stream of it.
    pub(crate) const fn is_multiplexed(self) -> bool {
        matches!(self, Self::Http2 | Self::Http3)
    }

    /// Parses what stands in a start line.
    pub(super) fn parse(text: &[u8]) -> Result<Self, HandshakeError> {
        match text {
            b"HTTP/1.0" => Ok(Self::Http10),
            [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'1'..=b'9'] => Ok(Self::Http11),
            [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => {
                Err(HandshakeError::UnsupportedHttpVersion(Excerpt(text).to_string()))
            }
            _ => Err(HandshakeError::malformed("HTTP version", Place(text))),
        }
    }
}

impl fmt::Display for HttpVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
            Self::Http2 => "HTTP/2",
            Self::Http3 => "HTTP/3",
        })
    }
}

/// Finds and parses one head at the front of a receive buffer.
///
/// Each byte is looked at once, however the bytes arrive; what breaks a rule is reported at the
/// byte that breaks it, so that the outcome does not depend on how they arrive either.
#[derive(Debug)]
pub(super) struct HeadReader<S> {
    limits: HeadLimits,
    kind: Kind,
    parse_start_line: fn(&[u8]) -> Result<S, HandshakeError>,
    /// Empty lines that came before the start line.
    /// empty_lines <= MAX_EMPTY_LINES
    empty_lines: usize,
    /// Bytes looked at.
    scanned: usize,
    /// line_start <= scanned
    line_start: usize,
    /// The start line, once it is complete, and where the header lines begin.
    start: Option<(S, usize)>,
    /// Complete header lines.
    headers: usize,
}

/// What a head is of; HTTP has one to be lenient where the other must not be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Request,
    Response,
}

impl Kind {
    const fn sender(self) -> Role {
        match self {
            Self::Request => Role::Client,
            Self::Response => Role::Server,
        }
    }
}

impl<S> HeadReader<S> {
    pub(super) fn new(
        limits: &HeadLimits,
        kind: Kind,
        parse_start_line: fn(&[u8]) -> Result<S, HandshakeError>,
    ) -> Self {
        Self {
            limits: limits.clone(),
            kind,
            parse_start_line,
            empty_lines: 0,
            scanned: 0,
            line_start: 0,
            start: None,
            headers: 0,
        }
    }

    /// Returns whether nothing of a head has arrived.
    pub(super) fn is_untouched(&self, input: &ReceiveBuf) -> bool {
        // What cannot be told from another protocol yet has arrived, too.
        self.scanned == 0 && matches!(input.unread(), [] | [b'\r'])
    }

    /// Consumes a head once it is complete, and nothing behind it. It can be followed by another.
    pub(super) fn poll(
        &mut self,
        input: &mut ReceiveBuf,
    ) -> Result<Option<(S, Headers)>, HandshakeError> {
        // RFC 9112, §2.2: "a server that is expecting to receive and parse a request-line SHOULD
        // ignore at least one empty line (CRLF) received prior to the request-line"
        while self.kind == Kind::Request && self.scanned == 0 && self.empty_lines < MAX_EMPTY_LINES
        {
            match input.unread() {
                [b'\r'] => return Ok(None),
                [b'\r', b'\n', ..] => {
                    input.consume(2);
                    self.empty_lines += 1;
                }
                _ => break,
            }
        }
        let bytes = input.unread();
        if self.scanned == 0 {
            let peer = self.kind.sender();
            match OtherProtocol::guess(peer, bytes) {
                Guess::Nothing => {}
                Guess::Other(protocol) => {
                    return Err(HandshakeError::WrongProtocol { peer, protocol });
                }
                Guess::Unknown => return Ok(None),
            }
        }
        while let Some(&byte) = bytes.get(self.scanned) {
            let line = bytes.get(self.line_start..self.scanned).unwrap_or_default();
            self.scanned += 1;
            self.check(byte, line)?;
            if byte != b'\n' {
                continue;
            }
            let line = line.strip_suffix(b"\r").unwrap_or_default();
            self.line_start = self.scanned;
            if self.start.is_none() {
                self.start = Some(((self.parse_start_line)(line)?, self.scanned));
            } else if is_folded(line) {
                // It goes on with the header before.
            } else if !line.is_empty() {
                self.headers += 1;
                if self.headers > self.limits.max_headers {
                    return Err(HandshakeError::LimitExceeded(HeadLimit::Headers(
                        self.limits.max_headers,
                    )));
                }
            } else if let Some((start_line, headers_start)) = self.start.take() {
                let lines = bytes.get(headers_start..self.scanned).unwrap_or_default();
                let headers = Headers::parse(lines, self.headers)?;
                input.consume(self.scanned);
                *self = Self::new(&self.limits, self.kind, self.parse_start_line);
                return Ok(Some((start_line, headers)));
            }
        }
        Ok(None)
    }

    /// Checks a byte by what stands before it in its line.
    fn check(&self, byte: u8, line: &[u8]) -> Result<(), HandshakeError> {
        // RFC 9112, §2.2, lets a recipient take a bare LF for a line end, and replace a bare CR by
        // a space. A proxy may do otherwise and be fooled, so neither passes.
        let after_cr = line.last() == Some(&b'\r');
        match byte {
            b'\n' if !after_cr => return Err(self.malformed("bare line feed", line)),
            b'\n' => {}
            _ if after_cr => return Err(self.malformed("bare carriage return", line)),
            b' ' | b'\t' if line.is_empty() && self.start.is_some() => self.check_fold()?,
            b'\r' | b'\t' => {}
            // What is not HTTP at all, such as TLS, ends here with its first byte.
            _ if byte.is_ascii_control() => {
                let line = [line, &[byte]].concat();
                return Err(self.malformed("control character", &line));
            }
            _ => {}
        }
        let ends_line = matches!(byte, b'\r' | b'\n');
        if self.start.is_none() && !ends_line && line.len() >= self.limits.max_start_line {
            return Err(HandshakeError::LimitExceeded(HeadLimit::StartLine(
                self.limits.max_start_line,
            )));
        }
        if self.scanned > self.limits.max_size {
            return Err(HandshakeError::LimitExceeded(HeadLimit::Size(self.limits.max_size)));
        }
        Ok(())
    }

    /// Judges a line behind the start line that begins with white space.
    fn check_fold(&self) -> Result<(), HandshakeError> {
        // RFC 9112, §2.2: "A recipient that receives whitespace between the start-line and the
        // first header field MUST either reject the message as invalid or consume each
        // whitespace-preceded line without further processing of it"
        if self.headers == 0 {
            return Err(HandshakeError::malformed("white space before the first header", ""));
        }
        match self.kind {
            // §5.2: "A server that receives an obs-fold in a request message […] MUST either reject
            // the message […] or replace each received obs-fold with one or more SP octets"
            Kind::Request => Err(HandshakeError::malformed("folded header line", "")),
            Kind::Response => Ok(()),
        }
    }

    /// Returns the error for a line, of which only so much is shown as cannot be a secret.
    fn malformed(&self, part: &'static str, line: &[u8]) -> HandshakeError {
        match self.start {
            None => HandshakeError::malformed(part, Place(line)),
            Some(_) => HandshakeError::malformed(part, HeaderName(line)),
        }
    }
}

/// Returns whether a line goes on with the header of the line before.
const fn is_folded(line: &[u8]) -> bool {
    matches!(line, [b' ' | b'\t', ..])
}

/// How many empty lines may stand before a request. Old clients send one behind the body of the
/// request before.
const MAX_EMPTY_LINES: usize = 4;
