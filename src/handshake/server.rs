//! The server's side of the opening handshake (RFC 6455, §4.2); knows no frames.

use super::deadline::Deadline;
use super::headers::{ACCEPT, CONNECTION, KEY, UPGRADE};
use super::http::{HeadReader, Kind};
use super::opening::Finished;
use super::request::RequestLine;
use super::response::Body;
use super::{
    Acceptance, HandshakeError, HeadLimits, Headers, Negotiated, Request, Response, encode_accept,
};
use crate::buffer::{Input, ReceiveBuf, TransmitBuf};
use crate::connection::Opened;
use crate::timestamp::Timestamp;

/// The server's side of the opening handshake, for one connection.
///
/// Append what arrives to [`input`](Self::input) until [`poll_request`](Self::poll_request) yields the request, answer it by
/// [`accept`](Self::accept) or [`reject`](Self::reject), and write what
/// [`poll_transmit`](Self::poll_transmit) returns. Unless [`is_open`](Self::is_open), close
/// the connection then: every answer but an acceptance says `Connection: close`.
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

    /// Yields the request, once; `None` before it is complete, and afterwards.
    ///
    /// Every well-formed HTTP request is yielded, also one that asks for no WebSocket:
    /// [`accept`](Self::accept) refuses it, [`reject`](Self::reject) may answer it otherwise.
    /// What came behind the request is kept for the connection.
    ///
    /// # Errors
    ///
    /// When what arrives is no HTTP request, passes a limit, or takes too long. The answer is
    /// queued already. When the stream ended before; then nobody is left to answer.
    /// [`HandshakeError::NoRequest`] when nothing came at all, and
    /// [`HandshakeError::NotAnswered`] when the application takes too long to answer. Later calls
    /// return the same error, also one that `accept` returned for the request's fault.
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

    /// Notes that the peer sends nothing more.
    pub fn handle_eof(&mut self) {
        self.is_ended = true;
    }

    /// Says what time it is, as [`Connection::handle_timeout`](crate::Connection::handle_timeout)
    /// does. The first time begins the wait for the request, and the first one behind the request the
    /// wait for the application's answer. Each is bounded by [`HeadLimits::timeout`];
    /// [`poll_request`](Self::poll_request) is to be called behind it.
    pub fn handle_timeout(&mut self, now: impl Into<Timestamp>) {
        let now = now.into();
        self.deadline.handle_timeout(now);
    }

    /// Returns when to call [`handle_timeout`](Self::handle_timeout), in the time of that; `None`
    /// once there is nothing to wait for. It may be in the past: then call at once.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        let is_waiting = matches!(self.state, State::Reading | State::Requested(_));
        self.deadline.poll_timeout().filter(|_| is_waiting)
    }

    /// Accepts `request`, which this handshake has yielded: queues a response with status 101.
    ///
    /// # Errors
    ///
    /// When [`Request::check`] finds a fault in the request: its answer is queued, and the
    /// handshake is over. Otherwise nothing changed: [`HandshakeError::OutOfOrder`] when no request
    /// waits for an answer, [`HandshakeError::UnofferedSubprotocol`] and
    /// [`HandshakeError::UnofferedExtension`] when the choice was not offered.
    pub fn accept(
        &mut self,
        request: &Request,
        acceptance: &Acceptance,
    ) -> Result<(), HandshakeError> {
        let State::Requested(body) = self.state else {
            return Err(HandshakeError::OutOfOrder);
        };
        if let Err(error) = request.check() {
            return Err(self.fail(error, body));
        }
        // §4.2.2: the parts of the server's handshake, in the order of the RFC.
        let mut headers = Headers::new();
        headers.push(UPGRADE, "websocket");
        headers.push(CONNECTION, "Upgrade");
        headers.push(ACCEPT, encode_accept(request.headers().exactly_once(KEY)?));
        let negotiated = acceptance.negotiate(request.headers(), &mut headers)?;
        self.output.append_with(|out| Response::encode_switch(headers, out));
        self.state = State::Accepted(negotiated);
        Ok(())
    }

    /// Answers the request otherwise: queues `response` with `Content-Length` and
    /// `Connection: close`. HEAD gets no body.
    ///
    /// It may be called before there is a request, too: 408 when the peer takes too long, 503 when
    /// there is no time for it. To refuse by a [`HandshakeError`], such as one of an
    /// [`OriginPolicy`](super::OriginPolicy), make the response of it by `Response::from(&error)`.
    ///
    /// # Errors
    ///
    /// [`HandshakeError::InvalidStatus`] for a status below 200 or above 599,
    /// [`HandshakeError::OutOfOrder`] when an answer was given already. Nothing changed then.
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

    /// Returns what is to be written, or `None` if there is nothing.
    #[must_use]
    pub fn poll_transmit(&mut self) -> Option<&mut TransmitBuf> {
        Some(&mut self.output).filter(|output| !output.is_empty())
    }

    /// Returns whether the request was accepted: the connection is open, frames follow.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self.state, State::Accepted(_))
    }

    /// Returns whether there will be no connection. What is left to write is the answer; close
    /// behind it.
    #[must_use]
    pub const fn is_refused(&self) -> bool {
        matches!(self.state, State::Rejected | State::Failed(_))
    }

    /// Returns what was agreed on; `None` unless the request was accepted.
    #[must_use]
    pub const fn negotiated(&self) -> Option<&Negotiated> {
        match &self.state {
            State::Accepted(negotiated) => Some(negotiated),
            State::Reading | State::Requested(_) | State::Rejected | State::Failed(_) => None,
        }
    }

    /// Lends the input, for the bytes that arrive.
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
