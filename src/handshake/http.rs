//! The head of an HTTP/1.1 message, as it arrives; knows no header's meaning.

use core::fmt;
use core::time::Duration;

use super::{HandshakeError, Headers};
use crate::buffer::ReceiveBuf;

/// How large the head of an HTTP message may be, and how long it may take.
///
/// ```
/// let mut limits = sanswire::handshake::HeadLimits::default();
/// limits.max_size = 64 << 10; // large cookies
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeadLimits {
    /// Bytes of the request line or status line, without its line break. 8 KiB by default, what
    /// most servers allow; above it a server answers 414.
    pub max_start_line: usize,
    /// Header lines. 100 by default; above it a server answers 431.
    pub max_headers: usize,
    /// Bytes of the whole head with its line breaks. 16 KiB by default; above it a server answers
    /// 431. Responses before the final one count, too.
    pub max_size: usize,
    /// The time that a handshake waits for the whole head, from the first
    /// [`handle_timeout`](super::ServerHandshake::handle_timeout) on. 10 s by default, as Python's
    /// `websockets` and Netty; above it a server answers 408. A client waits no longer for the body
    /// of a refusal, too.
    pub timeout: Option<Duration>,
}

impl Default for HeadLimits {
    fn default() -> Self {
        Self {
            max_start_line: 8 << 10,
            max_headers: 100,
            max_size: 16 << 10,
            timeout: Some(Duration::from_secs(10)),
        }
    }
}

/// A limit of [`HeadLimits`] that was passed, and its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeadLimit {
    /// [`HeadLimits::max_headers`].
    Headers(usize),
    /// [`HeadLimits::max_size`].
    Size(usize),
    /// [`HeadLimits::max_start_line`].
    StartLine(usize),
}

impl fmt::Display for HeadLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Headers(limit) => write!(f, "more than {limit} headers"),
            Self::Size(limit) => write!(f, "more than {limit} bytes"),
            Self::StartLine(limit) => write!(f, "a first line of more than {limit} bytes"),
        }
    }
}

/// The version that an HTTP message says it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HttpVersion {
    /// `HTTP/1.0`, which knows no upgrade.
    Http10,
    /// `HTTP/1.1`, or a later minor version (RFC 9110, §2.5: to be treated as the highest known).
    Http11,
}

impl HttpVersion {
    /// Parses what stands in a start line.
    pub(super) fn parse(text: &[u8]) -> Result<Self, HandshakeError> {
        match text {
            b"HTTP/1.0" => Ok(Self::Http10),
            [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'1'..=b'9'] => Ok(Self::Http11),
            [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => {
                Err(HandshakeError::UnsupportedHttpVersion)
            }
            _ => Err(HandshakeError::Malformed("HTTP version")),
        }
    }
}

/// Finds and parses one head at the front of a receive buffer.
///
/// Each byte is looked at once, however the bytes arrive; what breaks a rule is reported at the
/// byte that breaks it, so that the outcome does not depend on how they arrive either.
#[derive(Debug)]
pub(super) struct HeadReader<S> {
    limits: HeadLimits,
    parse_start_line: fn(&[u8]) -> Result<S, HandshakeError>,
    /// Bytes looked at.
    scanned: usize,
    /// line_start <= scanned
    line_start: usize,
    /// The start line, once it is complete, and where the header lines begin.
    start: Option<(S, usize)>,
    /// Complete header lines.
    headers: usize,
}

impl<S> HeadReader<S> {
    pub(super) const fn new(
        limits: HeadLimits,
        parse_start_line: fn(&[u8]) -> Result<S, HandshakeError>,
    ) -> Self {
        Self { limits, parse_start_line, scanned: 0, line_start: 0, start: None, headers: 0 }
    }

    /// Consumes a head once it is complete, and nothing behind it. It can be followed by another.
    pub(super) fn poll(
        &mut self,
        input: &mut ReceiveBuf,
    ) -> Result<Option<(S, Headers)>, HandshakeError> {
        let bytes = input.unread();
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
                self.limits.max_size -= self.scanned;
                input.consume(self.scanned);
                *self = Self::new(self.limits, self.parse_start_line);
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
            b'\n' if !after_cr => return Err(HandshakeError::Malformed("bare line feed")),
            b'\n' => {}
            _ if after_cr => return Err(HandshakeError::Malformed("bare carriage return")),
            b'\r' | b'\t' => {}
            // What is not HTTP at all, such as TLS, ends here with its first byte.
            _ if byte.is_ascii_control() => {
                return Err(HandshakeError::Malformed("control character"));
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
}
