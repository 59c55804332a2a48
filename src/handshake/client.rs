//! The client's side of the opening handshake (RFC 6455, §4.1); knows no frames.

use alloc::boxed::Box;
use alloc::string::ToString;

use super::body::{BodyReader, Cut};
use super::deadline::Deadline;
use super::http::{HeadReader, Kind};
use super::opening::Finished;
use super::response::StatusLine;
use super::{
    ClientRequest, HandshakeError, HeadLimit, Headers, HttpVersion, Negotiated, Response, Upgrade,
};
use crate::buffer::{Input, ReceiveBuf, TransmitBuf};
use crate::connection::Opened;
use crate::timestamp::Timestamp;

/// The client's side of the opening handshake, for one connection.
///
/// Write what [`poll_transmit`](Self::poll_transmit) returns, and append received bytes to
/// [`input`](Self::input), until [`poll_response`](Self::poll_response) returns the response. Then
/// the connection is open. A [`Driver`](crate::driver::Driver) does this by itself.
///
/// ```
/// use bytes::Buf;
/// use sanswire::handshake::{ClientHandshake, ClientRequest};
///
/// let request = ClientRequest::new("server.example.com", "/chat")?;
/// // Sixteen random bytes, fresh for each connection.
/// let mut handshake = ClientHandshake::new(&request, *b"the sample nonce");
/// let output = handshake.poll_transmit().unwrap();
/// assert!(output.chunk().starts_with(b"GET /chat HTTP/1.1\r\nHost: server.example.com\r\n"));
/// output.advance(output.remaining());
///
/// handshake.input().extend_from_slice(
///     b"HTTP/1.1 101 Switching Protocols\r\n\
///       Upgrade: websocket\r\n\
///       Connection: Upgrade\r\n\
///       Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
///       \r\n",
/// );
/// assert!(handshake.poll_response()?.is_some());
/// assert!(handshake.is_open());
/// # Ok::<(), sanswire::handshake::HandshakeError>(())
/// ```
#[derive(Debug)]
pub struct ClientHandshake {
    /// What was sent, to judge the response by.
    upgrade: Box<Upgrade>,
    max_refusal_body: usize,
    max_interim_responses: usize,
    /// Interim responses that came.
    /// interim_responses <= max_interim_responses
    interim_responses: usize,
    head: HeadReader<StatusLine>,
    state: State,
    is_ended: bool,
    deadline: Deadline,
    /// The deadline of a refusal's body, which begins with it.
    refusal_deadline: Deadline,
    /// The time that was told last.
    now: Option<Timestamp>,
    input: ReceiveBuf,
    output: TransmitBuf,
}

#[derive(Debug)]
enum State {
    Head,
    /// The answer is a refusal, of which the body is to come.
    Body(Response, BodyReader),
    Open(Negotiated),
    Failed(HandshakeError),
}

impl ClientHandshake {
    /// Creates a handshake with `request` ready to be written.
    ///
    /// `nonce` must come from the operating system's entropy. §4.1: "The nonce MUST be selected
    /// randomly for each connection."
    #[must_use]
    pub fn new(request: &ClientRequest, nonce: [u8; 16]) -> Self {
        let upgrade = Upgrade::new(request, nonce);
        let mut output = TransmitBuf::new();
        output.append_with(|out| upgrade.encode(out));
        let (head_limits, max_refusal_body, refusal_timeout) = request.limits();
        Self {
            upgrade: upgrade.into(),
            max_refusal_body,
            max_interim_responses: head_limits.max_interim_responses,
            interim_responses: 0,
            head: HeadReader::new(head_limits, Kind::Response, StatusLine::parse),
            state: State::Head,
            is_ended: false,
            input: ReceiveBuf::new(),
            deadline: Deadline::new(head_limits.timeout).after(request.spent()),
            refusal_deadline: Deadline::new(Some(refusal_timeout)),
            now: None,
            output,
        }
    }

    /// Returns the bytes to write, or `None` if there are none. Advance the buffer by what was
    /// written.
    #[must_use]
    pub fn poll_transmit(&mut self) -> Option<&mut TransmitBuf> {
        Some(&mut self.output).filter(|output| !output.is_empty())
    }

    /// Returns the response that opens the connection, once. `None` before it is complete, and on
    /// later calls. Bytes after the response are kept for the connection.
    ///
    /// # Errors
    ///
    /// - [`HandshakeError::UnexpectedStatus`]: the server answered with another status than 101. It
    ///   is returned when the response's body is complete, too long, or too late.
    /// - [`HandshakeError::Timeout`]: the response did not arrive in time.
    /// - Others: the response is not HTTP, passes a limit, or breaks a rule of §4.1.
    ///
    /// Later calls return the same error.
    pub fn poll_response(&mut self) -> Result<Option<Response>, HandshakeError> {
        match self.advance() {
            Ok(response) => Ok(response),
            Err(error) => {
                self.state = State::Failed(error.clone());
                Err(error)
            }
        }
    }

    /// Reports that the server sends nothing more.
    pub fn handle_eof(&mut self) {
        self.is_ended = true;
    }

    /// Advances the clock to `now`, measured from a fixed point of your choice. Then call
    /// [`poll_response`](Self::poll_response).
    ///
    /// The first call starts the wait for the response, which takes
    /// [`HeadLimits::timeout`](super::HeadLimits::timeout) at most. The wait for the body of a
    /// refusal starts with its head and takes [`ClientRequest::refusal_timeout`] at most.
    #[doc(alias = "timeout")]
    pub fn handle_timeout(&mut self, now: impl Into<Timestamp>) {
        let now = now.into();
        self.now = Some(now);
        self.deadline.handle_timeout(now);
        if matches!(self.state, State::Body(..)) {
            self.refusal_deadline.handle_timeout(now);
        }
    }

    /// Returns when to call [`handle_timeout`](Self::handle_timeout), on the same clock. `None` if
    /// there is no deadline. If the time is in the past, call at once.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        let head = self.deadline.poll_timeout();
        match self.state {
            State::Head => head,
            State::Body(..) => head.into_iter().chain(self.refusal_deadline.poll_timeout()).min(),
            State::Open(_) | State::Failed(_) => None,
        }
    }

    /// Returns whether the server accepted the connection: it is open, and frames follow.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self.state, State::Open(_))
    }

    /// Returns the negotiated subprotocol and extensions. `None` unless the connection is open.
    #[must_use]
    pub const fn negotiated(&self) -> Option<&Negotiated> {
        match &self.state {
            State::Open(negotiated) => Some(negotiated),
            State::Head | State::Body(..) | State::Failed(_) => None,
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
        let State::Open(negotiated) = &self.state else { return None };
        Some(Finished {
            negotiated: negotiated.clone(),
            opened: Opened {
                input: core::mem::take(&mut self.input),
                output: core::mem::take(&mut self.output),
            },
        })
    }

    fn advance(&mut self) -> Result<Option<Response>, HandshakeError> {
        loop {
            match &mut self.state {
                State::Head => {}
                State::Body(response, body) => {
                    let is_late = self.deadline.check().is_err();
                    let is_late = is_late || self.refusal_deadline.check().is_err();
                    let eof = self.is_ended.then_some(Cut::Eof);
                    let cut = eof.or(is_late.then_some(Cut::Late));
                    let Some((body, is_truncated)) = body.poll(&mut self.input, cut) else {
                        return Ok(None);
                    };
                    let response = response.clone().received(body, is_truncated);
                    return Err(HandshakeError::UnexpectedStatus(Box::new(response)));
                }
                State::Open(_) => return Ok(None),
                State::Failed(error) => return Err(error.clone()),
            }
            let Some((line, headers)) = self.head.poll(&mut self.input)? else {
                if self.is_ended {
                    let is_nothing =
                        self.interim_responses == 0 && self.head.is_untouched(&self.input);
                    return Err(if is_nothing {
                        HandshakeError::NoResponse
                    } else {
                        HandshakeError::EndOfStream
                    });
                }
                return self.deadline.check().map(|()| None).map_err(HandshakeError::Timeout);
            };
            match line.status {
                101 => {
                    self.state = State::Open(self.check(line.version, &headers)?);
                    return Ok(Some(Response::from_head(line, headers)));
                }
                // RFC 9110, §15.2: "A client MUST be able to parse one or more 1xx responses
                // received prior to a final response"
                100..=199 => {
                    if self.interim_responses == self.max_interim_responses {
                        let limit = HeadLimit::InterimResponses(self.max_interim_responses);
                        return Err(HandshakeError::LimitExceeded(limit));
                    }
                    self.interim_responses += 1;
                }
                // RFC 9112, §6.3: these have no body, whatever their headers say.
                204 | 304 => {
                    let response = Response::from_head(line, headers);
                    return Err(HandshakeError::UnexpectedStatus(Box::new(response)));
                }
                _ => {
                    let body = BodyReader::new(&headers, self.max_refusal_body);
                    self.state = State::Body(Response::from_head(line, headers), body);
                    if let Some(now) = self.now {
                        self.refusal_deadline.handle_timeout(now);
                    }
                }
            }
        }
    }

    /// Judges a response with status 101.
    fn check(&self, version: HttpVersion, headers: &Headers) -> Result<Negotiated, HandshakeError> {
        if version != HttpVersion::Http11 {
            return Err(HandshakeError::UnsupportedHttpVersion(version.to_string()));
        }
        self.upgrade.check(101, headers)
    }
}
