//! The server's side of the opening handshake (RFC 6455, §4.2); knows no frames.

use alloc::string::ToString;

use super::deadline::Deadline;
use super::http::{HeadReader, Kind};
use super::opening::Finished;
use super::request::RequestLine;
use super::response::Body;
use super::{Acceptance, HandshakeError, HeadLimits, HttpVersion, Negotiated, Request, Response};
use crate::buffer::{Input, ReceiveBuf, TransmitBuf};
use crate::connection::Opened;
use crate::timestamp::Timestamp;

/// The server's side of the opening handshake, for one connection.
///
/// Append received bytes to [`input`](Self::input) until [`poll_request`](Self::poll_request)
/// returns the request. Answer it by [`accept`](Self::accept) or [`reject`](Self::reject), and
/// write what [`poll_transmit`](Self::poll_transmit) returns. Then close the transport unless
/// [`is_open`](Self::is_open): every refusal says `Connection: close`. A
/// [`Driver`](crate::driver::Driver) does this by itself.
///
/// ```
/// use bytes::Buf;
/// use sanswire::handshake::{Acceptance, HeadLimits, ServerHandshake};
///
/// let mut handshake = ServerHandshake::new(&HeadLimits::default());
/// handshake.input().extend_from_slice(
///     b"GET /chat HTTP/1.1\r\n\
///       Host: server.example.com\r\n\
///       Upgrade: websocket\r\n\
///       Connection: Upgrade\r\n\
///       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
///       Sec-WebSocket-Version: 13\r\n\
///       \r\n",
/// );
/// if let Some(request) = handshake.poll_request()? {
///     assert_eq!(request.path(), "/chat");
///     handshake.accept(&request, &Acceptance::new())?;
/// }
/// let output = handshake.poll_transmit().unwrap();
/// assert!(output.chunk().starts_with(b"HTTP/1.1 101 Switching Protocols\r\n"));
/// # Ok::<(), sanswire::handshake::HandshakeError>(())
/// ```
#[derive(Debug)]
pub struct ServerHandshake {
    head: HeadReader<RequestLine>,
    state: State,
    is_ended: bool,
    deadline: Deadline,
    input: ReceiveBuf,
    output: TransmitBuf,
}

#[derive(Debug)]
enum State {
    Reading,
    /// The request was yielded; says whether its answer has a body.
    Requested(Body),
    Accepted(Negotiated),
    Rejected,
    Failed(HandshakeError),
}

impl ServerHandshake {
    /// Creates a handshake that waits for a request.
    #[must_use]
    pub fn new(limits: &HeadLimits) -> Self {
        Self {
            head: HeadReader::new(limits, Kind::Request, RequestLine::parse),
            state: State::Reading,
            is_ended: false,
            input: ReceiveBuf::new(),
            deadline: Deadline::new(limits.timeout),
            output: TransmitBuf::new(),
        }
    }

    /// Returns the request, once. `None` before it is complete, and on later calls. Bytes after the
    /// request are kept for the connection.
    ///
    /// Every well-formed HTTP request is returned, also one that does not ask for a WebSocket:
    /// [`accept`](Self::accept) refuses it, [`reject`](Self::reject) may answer it with a page.
    ///
    /// # Errors
    ///
    /// - The request is not HTTP, passes a limit, or takes too long. The answer is queued.
    /// - The stream ended too early; nobody is left to answer. [`HandshakeError::NoRequest`] if
    ///   nothing came at all.
    /// - [`HandshakeError::NotAnswered`]: the application took too long to answer.
    ///
    /// Later calls return the same error. They also return the error of [`accept`](Self::accept)
    /// for an invalid request.
    pub fn poll_request(&mut self) -> Result<Option<Request>, HandshakeError> {
        match &self.state {
            State::Reading => {}
            State::Failed(error) => return Err(error.clone()),
            State::Requested(body) => {
                let body = *body;
                return match self.deadline.check() {
                    Ok(()) => Ok(None),
                    Err(limit) => Err(self.fail(HandshakeError::NotAnswered(limit), body)),
                };
            }
            State::Accepted(_) | State::Rejected => return Ok(None),
        }
        let request = match self.head.poll(&mut self.input) {
            Ok(Some((line, headers))) => Request::from_head(line, headers),
            Ok(None) if self.is_ended => {
                let error = if self.head.is_untouched(&self.input) {
                    HandshakeError::NoRequest { waited: None }
                } else {
                    HandshakeError::EndOfStream
                };
                self.state = State::Failed(error.clone());
                return Err(error);
            }
            Ok(None) => match self.deadline.check() {
                Ok(()) => return Ok(None),
                Err(limit) if self.head.is_untouched(&self.input) => {
                    Err(HandshakeError::NoRequest { waited: Some(limit) })
                }
                Err(limit) => Err(HandshakeError::Timeout(limit)),
            },
            Err(error) => Err(error),
        };
        match request {
            Ok(request) => {
                let body = if request.method() == "HEAD" { Body::Omitted } else { Body::Sent };
                self.state = State::Requested(body);
                self.deadline.restart();
                Ok(Some(request))
            }
            Err(error) => Err(self.fail(error, Body::Sent)),
        }
    }

    /// Reports that the peer sends nothing more.
    pub fn handle_eof(&mut self) {
        self.is_ended = true;
    }

    /// Advances the clock to `now`, measured from a fixed point of your choice. Then call
    /// [`poll_request`](Self::poll_request).
    ///
    /// The first call starts the wait for the request. The first call after the request starts the
    /// wait for the application's answer. Each takes [`HeadLimits::timeout`] at most.
    #[doc(alias = "timeout")]
    pub fn handle_timeout(&mut self, now: impl Into<Timestamp>) {
        let now = now.into();
        self.deadline.handle_timeout(now);
    }

    /// Returns when to call [`handle_timeout`](Self::handle_timeout), on the same clock. `None` if
    /// there is no deadline. If the time is in the past, call at once.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        let is_waiting = matches!(self.state, State::Reading | State::Requested(_));
        self.deadline.poll_timeout().filter(|_| is_waiting)
    }

    /// Accepts the request that this handshake returned: queues a response with status 101.
    ///
    /// # Errors
    ///
    /// - The request is invalid ([`Request::check`]), or not one of HTTP/1.1. Its answer is queued,
    ///   and the handshake is over.
    /// - [`HandshakeError::OutOfOrder`]: no request is waiting for an answer. Nothing changed.
    /// - [`HandshakeError::UnofferedSubprotocol`] or [`HandshakeError::UnofferedExtension`]: the
    ///   client did not offer what `acceptance` chooses. Nothing changed.
    pub fn accept(
        &mut self,
        request: &Request,
        acceptance: &Acceptance,
    ) -> Result<(), HandshakeError> {
        let State::Requested(body) = self.state else {
            return Err(HandshakeError::OutOfOrder);
        };
        // A request of HTTP/2 is not this handshake's, and valid by other rules.
        let checked = match request.version() {
            HttpVersion::Http11 => request.check(),
            other @ (HttpVersion::Http10 | HttpVersion::Http2 | HttpVersion::Http3) => {
                Err(HandshakeError::UnsupportedHttpVersion(other.to_string()))
            }
        };
        if let Err(error) = checked {
            return Err(self.fail(error, body));
        }
        let (response, negotiated) = request.grant(acceptance)?;
        self.output.append_with(|out| response.encode_switch(out));
        self.state = State::Accepted(negotiated);
        Ok(())
    }

    /// Refuses the request: queues `response` with `Content-Length` and `Connection: close`. The
    /// answer to a HEAD request has no body.
    ///
    /// It may also be called before there is a request: with 408 if the peer takes too long, or 503
    /// if the server is busy. `Response::from(&error)` makes the response to a [`HandshakeError`],
    /// such as one of an [`OriginPolicy`](super::OriginPolicy).
    ///
    /// # Errors
    ///
    /// - [`HandshakeError::InvalidStatus`]: the status is below 200 or above 599.
    /// - [`HandshakeError::OutOfOrder`]: the request was answered before.
    ///
    /// Nothing changed then.
    pub fn reject(&mut self, response: &Response) -> Result<(), HandshakeError> {
        let body = match self.state {
            State::Reading => Body::Sent,
            State::Requested(body) => body,
            State::Accepted(_) | State::Rejected | State::Failed(_) => {
                return Err(HandshakeError::OutOfOrder);
            }
        };
        if !(200..=599).contains(&response.status()) {
            return Err(HandshakeError::InvalidStatus(response.status()));
        }
        self.output.append_with(|out| response.encode(body, out));
        self.state = State::Rejected;
        Ok(())
    }

    /// Returns the bytes to write, or `None` if there are none. Advance the buffer by what was
    /// written.
    #[must_use]
    pub fn poll_transmit(&mut self) -> Option<&mut TransmitBuf> {
        Some(&mut self.output).filter(|output| !output.is_empty())
    }

    /// Returns whether the request was accepted: the connection is open, and frames follow.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self.state, State::Accepted(_))
    }

    /// Returns whether there will be no connection. Write the answer, then close the transport.
    #[must_use]
    pub const fn is_refused(&self) -> bool {
        matches!(self.state, State::Rejected | State::Failed(_))
    }

    /// Returns the negotiated subprotocol and extensions. `None` unless the request was accepted.
    #[must_use]
    pub const fn negotiated(&self) -> Option<&Negotiated> {
        match &self.state {
            State::Accepted(negotiated) => Some(negotiated),
            State::Reading | State::Requested(_) | State::Rejected | State::Failed(_) => None,
        }
    }

    /// Returns the input buffer, for received bytes.
    pub const fn input(&mut self) -> Input<'_> {
        Input::new(&mut self.input)
    }

    /// As [`input`](Self::input), with room for a read of `size` bytes.
    pub(crate) fn prepared_input(&mut self, size: usize) -> Input<'_> {
        Input::prepared(&mut self.input, size)
    }

    /// Throws away what has arrived.
    pub(crate) fn discard_input(&mut self) {
        self.input.clear();
    }

    pub(crate) fn unprocessed_len(&self) -> usize {
        self.input.len()
    }

    pub(crate) fn has_output(&self) -> bool {
        !self.output.is_empty()
    }

    /// Takes what the handshake leaves behind, once it has succeeded.
    pub(super) fn take_finished(&mut self) -> Option<Finished> {
        let State::Accepted(negotiated) = &self.state else { return None };
        Some(Finished {
            negotiated: negotiated.clone(),
            opened: Opened {
                input: core::mem::take(&mut self.input),
                output: core::mem::take(&mut self.output),
            },
        })
    }

    /// Queues the answer to a fault of the request.
    fn fail(&mut self, error: HandshakeError, body: Body) -> HandshakeError {
        self.output.append_with(|out| Response::from(&error).encode(body, out));
        self.state = State::Failed(error.clone());
        error
    }
}
