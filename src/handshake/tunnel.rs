//! A way through an HTTP proxy to a host and port: `CONNECT` (RFC 9110, §9.3.6); knows no WebSocket.

use alloc::boxed::Box;
use alloc::format;

use super::deadline::Deadline;
use super::http::{HeadReader, Kind};
use super::response::StatusLine;
use super::{ClientRequest, HandshakeError, HeadLimit, Headers, Response, TunnelError};
use crate::buffer::{Input, ReceiveBuf, TransmitBuf};
use crate::timestamp::Timestamp;

/// The request to an HTTP proxy for a tunnel to a server, and the answer.
///
/// The adapters do this by themselves for a [`Connector::proxy`](crate::io::Connector::proxy). With
/// transports of your own: write what [`poll_transmit`](Self::poll_transmit) returns, and append
/// received bytes to [`input`](Self::input), until [`poll_response`](Self::poll_response) returns the
/// response. From then on the transport leads to the server: go on with TLS for `wss`, or with the
/// opening handshake.
///
/// ```
/// use bytes::Buf;
/// use sanswire::handshake::{ClientRequest, Headers, Tunnel};
///
/// let request = ClientRequest::from_url("wss://example.com/chat")?;
/// let mut headers = Headers::new(); // for the proxy alone
/// headers.append("Proxy-Authorization", "Basic dXNlcjpwYXNzd29yZA==")?;
/// let mut tunnel = Tunnel::new(&request, &headers);
/// let output = tunnel.poll_transmit().unwrap();
/// assert!(output.chunk().starts_with(b"CONNECT example.com:443 HTTP/1.1\r\n"));
/// output.advance(output.remaining());
///
/// tunnel.input().extend_from_slice(b"HTTP/1.1 200 Connection established\r\n\r\n");
/// assert_eq!(tunnel.poll_response()?.unwrap().status(), 200);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// ```text
///   Waiting ──2xx──▶ Open
///    │  ▲ └─another status, no HTTP, too late, bytes behind the head──▶ Failed
///    └──┘ 1xx
/// ```
#[derive(Debug)]
pub struct Tunnel {
    head: HeadReader<StatusLine>,
    max_interim_responses: usize,
    /// Interim responses that came.
    /// interim_responses <= max_interim_responses
    interim_responses: usize,
    state: State,
    is_ended: bool,
    deadline: Deadline,
    input: ReceiveBuf,
    output: TransmitBuf,
}

#[derive(Debug)]
enum State {
    Failed(TunnelError),
    Open,
    Waiting,
}

impl Tunnel {
    /// Creates the request for a tunnel to the host and port of `request`, ready to be written.
    ///
    /// `headers` are for the proxy. The limits are those of the request:
    /// [`ClientRequest::head_limits`].
    #[must_use]
    pub fn new(request: &ClientRequest, headers: &Headers) -> Self {
        let (limits, ..) = request.limits();
        let mut output = TransmitBuf::new();
        output.append_with(|out| {
            let to = request.authority();
            // RFC 9112, §3.2.3: the target is the host and the port, and so is `Host`.
            let line = format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n");
            out.extend_from_slice(line.as_bytes());
            headers.encode(out);
            out.extend_from_slice(b"\r\n");
        });
        Self {
            head: HeadReader::new(limits, Kind::Response, StatusLine::parse),
            max_interim_responses: limits.max_interim_responses,
            interim_responses: 0,
            state: State::Waiting,
            is_ended: false,
            deadline: Deadline::new(limits.timeout).after(request.spent()),
            input: ReceiveBuf::new(),
            output,
        }
    }

    /// Returns the bytes to write, or `None` if there are none. Advance the buffer by what was
    /// written.
    #[must_use]
    pub fn poll_transmit(&mut self) -> Option<&mut TransmitBuf> {
        Some(&mut self.output).filter(|output| !output.is_empty())
    }

    /// Returns the response that opens the tunnel, once. `None` before it is complete, and on later
    /// calls. It has no body.
    ///
    /// # Errors
    ///
    /// - [`TunnelError::Refused`]: the proxy answered with a status other than 2xx.
    /// - [`TunnelError::Timeout`]: the answer did not arrive in time.
    /// - Others: what came is not the head of an HTTP response and nothing else.
    ///
    /// Later calls return the same error.
    pub fn poll_response(&mut self) -> Result<Option<Response>, TunnelError> {
        match &self.state {
            State::Failed(error) => return Err(error.clone()),
            State::Open => return Ok(None),
            State::Waiting => {}
        }
        let advanced = self.advance();
        match &advanced {
            Ok(Some(_)) => self.state = State::Open,
            Ok(None) => {}
            Err(error) => self.state = State::Failed(error.clone()),
        }
        advanced
    }

    /// Reports that the proxy sends nothing more.
    pub const fn handle_eof(&mut self) {
        self.is_ended = true;
    }

    /// Advances the clock to `now`, measured from a fixed point of your choice. Then call
    /// [`poll_response`](Self::poll_response).
    ///
    /// The first call starts the wait for the answer, which takes
    /// [`HeadLimits::timeout`](super::HeadLimits::timeout) at most.
    #[doc(alias = "timeout")]
    pub fn handle_timeout(&mut self, now: impl Into<Timestamp>) {
        self.deadline.handle_timeout(now.into());
    }

    /// Returns when to call [`handle_timeout`](Self::handle_timeout), on the same clock. `None` if
    /// there is no deadline. If the time is in the past, call at once.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        match self.state {
            State::Waiting => self.deadline.poll_timeout(),
            State::Failed(_) | State::Open => None,
        }
    }

    /// Returns whether the proxy has opened the tunnel.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self.state, State::Open)
    }

    /// Returns the input buffer, for bytes from the proxy. Bytes behind the answer are an error: a
    /// server says nothing before its client does. What comes after the response was returned does
    /// not belong here.
    pub const fn input(&mut self) -> Input<'_> {
        Input::new(&mut self.input)
    }

    fn advance(&mut self) -> Result<Option<Response>, TunnelError> {
        loop {
            let head = self.head.poll(&mut self.input).map_err(TunnelError::InvalidAnswer)?;
            let Some((line, headers)) = head else {
                if self.is_ended {
                    let is_nothing =
                        self.interim_responses == 0 && self.head.is_untouched(&self.input);
                    return Err(TunnelError::InvalidAnswer(if is_nothing {
                        HandshakeError::NoResponse
                    } else {
                        HandshakeError::EndOfStream
                    }));
                }
                return self.deadline.check().map(|()| None).map_err(TunnelError::Timeout);
            };
            match line.status {
                // RFC 9110, §15.2: "A client MUST be able to parse one or more 1xx responses
                // received prior to a final response"
                100..=199 if self.interim_responses == self.max_interim_responses => {
                    let limit = HeadLimit::InterimResponses(self.max_interim_responses);
                    let error = HandshakeError::LimitExceeded(limit);
                    return Err(TunnelError::InvalidAnswer(error));
                }
                100..=199 => self.interim_responses += 1,
                // §9.3.6: "A client MUST ignore any Content-Length or Transfer-Encoding header
                // fields received in a successful response to CONNECT."
                200..=299 if !self.input.is_empty() => return Err(TunnelError::EarlyBytes),
                200..=299 => return Ok(Some(Response::from_head(line, headers))),
                _ => {
                    let response = Response::from_head(line, headers);
                    return Err(TunnelError::Refused(Box::new(response)));
                }
            }
        }
    }
}
