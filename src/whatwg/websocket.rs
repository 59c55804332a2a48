//! The `WebSocket` object of the standard; leaves the protocol to the handshake and the connection.

use alloc::boxed::Box;

use super::{DomEvent, DomException, Failure};
use crate::buffer::{Input, TransmitBuf};
use crate::close::{CloseCode, MAX_REASON_LEN};
use crate::connection::{
    AfterClose, Config, Connection, Event as Received, PongMode, ReadyState, Reassembly, WhenFull,
};
use crate::excerpt::Locator;
use crate::handshake::{ClientHandshake, ClientRequest, SubprotocolPolicy};
use crate::message::Message;
use crate::timestamp::Timestamp;
use crate::utf8::Utf8Bytes;

/// The browser's `WebSocket` object, without the socket.
///
/// Call its methods in this order:
///
/// 1. `handle_*` reports what the transport or the clock did. Append received bytes to
///    [`input`](Self::input).
/// 2. [`poll_event`](Self::poll_event) until it returns `None`. Each event is one task of the
///    standard. The state changes with the event, not before.
/// 3. [`send`](Self::send) and [`close`](Self::close), at any time.
/// 4. [`poll_transmit`](Self::poll_transmit) until it returns `None`. If anything was written, go
///    to 2. Otherwise wait for the transport, until [`poll_timeout`](Self::poll_timeout) at most,
///    and go to 1.
///
/// [`DomEvent::Close`] is the end: write what [`poll_transmit`](Self::poll_transmit) still returns,
/// and close the transport.
///
/// ```
/// use bytes::Buf;
/// use sanswire::handshake::ClientRequest;
/// use sanswire::whatwg::{DomEvent, DomException, WebSocketObject};
/// use sanswire::{Config, ReadyState};
///
/// let request = ClientRequest::new("server.example.com", "/chat")?;
/// // Sixteen and thirty-two random bytes, fresh for each connection.
/// let (nonce, seed) = (*b"the sample nonce", [7; 32]);
/// let mut socket = WebSocketObject::new(&request, &Config::default(), nonce, seed);
/// assert_eq!(socket.url(), "ws://server.example.com/chat");
/// assert_eq!(socket.send("too early"), Err(DomException::InvalidStateError));
///
/// let output = socket.poll_transmit().unwrap();
/// assert!(output.chunk().starts_with(b"GET /chat HTTP/1.1\r\n"));
/// output.advance(output.remaining());
///
/// socket.input().extend_from_slice(
///     b"HTTP/1.1 101 Switching Protocols\r\n\
///       Upgrade: websocket\r\n\
///       Connection: Upgrade\r\n\
///       Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
///       \r\n\
///       \x81\x05Hello",
/// );
/// assert_eq!(socket.poll_event(), Some(DomEvent::Open));
/// assert_eq!(socket.poll_event(), Some(DomEvent::Message("Hello".into())));
///
/// socket.send("Hi")?;
/// assert_eq!(socket.buffered_amount(), 2);
/// assert!(socket.close(Some(1001), None).is_err());
/// socket.close(Some(1000), Some("bye"))?;
/// assert_eq!(socket.ready_state(), ReadyState::Closing);
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct WebSocketObject {
    url: Locator,
    /// Until the connection is established.
    opening: Option<Box<ClientHandshake>>,
    connection: Box<Connection>,
    /// The standard's "fail the WebSocket connection", and its "flag as full".
    failure: Option<Failure>,
    last: Last,
    /// Payload bytes that the connection was not given.
    unsent: usize,
}

/// The last event, as far as it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Last {
    Close,
    Error,
    Other,
}

impl WebSocketObject {
    /// Creates a socket that is connecting, with `request` ready to be written.
    ///
    /// [`ClientRequest`] applies the rules of the standard's constructor: where it refuses a URL or
    /// a subprotocol, a page gets a `SyntaxError`. If subprotocols are offered, the server must
    /// choose one. The standard overrides four fields of `config`: `reassembly` (whole messages),
    /// `pong` (automatic), `after_close` (no messages after `close()`) and `when_full` (the
    /// connection ends).
    ///
    /// `nonce` and `seed` must come from the operating system's entropy and be used once. They make
    /// the key of the handshake and the masking keys.
    #[must_use]
    pub fn new(request: &ClientRequest, config: &Config, nonce: [u8; 16], seed: [u8; 32]) -> Self {
        let config = Config {
            reassembly: Reassembly::Messages,
            pong: PongMode::Automatic,
            after_close: AfterClose::Drop,
            when_full: WhenFull::Refuse,
            ..*config
        };
        // "Establish a WebSocket connection": where protocols were asked for and the response has
        // none, fail.
        let request = request.clone().subprotocol_policy(SubprotocolPolicy::Required);
        Self {
            url: Locator(request.url()),
            opening: Some(Box::new(ClientHandshake::new(&request, nonce))),
            connection: Box::new(Connection::connecting(&config, Some(seed))),
            failure: None,
            last: Last::Other,
            unsent: 0,
        }
    }

    /// Reports that the transport could not be connected: the name was not found, the connection or
    /// TLS was refused.
    ///
    /// Once the connection is established, it does the same as [`handle_eof`](Self::handle_eof).
    pub fn handle_not_connected(&mut self) {
        if self.opening.is_some() {
            let url = self.place();
            self.failure.get_or_insert(Failure::NotConnected { url });
        }
        self.handle_eof();
    }

    /// Reports that the transport delivers nothing more: it has ended, or is lost.
    ///
    /// Unprocessed input is processed first. Then the end comes: it is clean if the closing
    /// handshake was complete, otherwise a failure.
    pub fn handle_eof(&mut self) {
        if let Some(handshake) = &mut self.opening {
            handshake.handle_eof();
        }
        self.connection.handle_eof();
    }

    /// Advances the clock to `now`, measured from a fixed point of your choice. Deadlines of the
    /// handshake and of the connection depend on it.
    pub fn handle_timeout(&mut self, now: impl Into<Timestamp>) {
        let now = now.into();
        if let Some(handshake) = &mut self.opening {
            handshake.handle_timeout(now);
        }
        self.connection.handle_timeout(now);
    }

    /// Returns when to call [`handle_timeout`](Self::handle_timeout), on the same clock. `None` if
    /// no deadline is set. If the time is in the past, call at once.
    #[doc(alias = "timeout")]
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        if self.is_cut_off() || self.last != Last::Other {
            return None;
        }
        match &self.opening {
            Some(handshake) => handshake.poll_timeout(),
            None => self.connection.poll_timeout(),
        }
    }

    /// Returns the input buffer, for received bytes.
    pub const fn input(&mut self) -> Input<'_> {
        match &mut self.opening {
            Some(handshake) => handshake.input(),
            None => self.connection.input(),
        }
    }

    /// Returns the next event. `None` while no whole message or frame has arrived, and after the
    /// end.
    ///
    /// The events of a failure come when the Close frame for the peer has been taken from
    /// [`poll_transmit`](Self::poll_transmit), or when the transport has ended.
    ///
    /// # Panics
    ///
    /// Never.
    #[must_use = "an event that is not looked at is lost"]
    pub fn poll_event(&mut self) -> Option<DomEvent> {
        let event = match self.last {
            Last::Other => self.poll_failure().or_else(|| self.poll_arrived()),
            // No code that this end has sent: a script sees 1006, whatever the failure was.
            Last::Error => Some(DomEvent::Close {
                code: CloseCode::ABNORMAL,
                reason: Utf8Bytes::default(),
                was_clean: false,
            }),
            Last::Close => None,
        }?;
        self.last = match event {
            DomEvent::Close { .. } => Last::Close,
            DomEvent::Error => Last::Error,
            DomEvent::Message(_) | DomEvent::Open => Last::Other,
        };
        Some(event)
    }

    /// Returns the bytes to write, or `None` if there are none. Advance the buffer by what was
    /// written.
    #[must_use = "bytes that are not written do not reach the peer"]
    pub fn poll_transmit(&mut self) -> Option<&mut TransmitBuf> {
        if self.is_cut_off() {
            return None;
        }
        match &mut self.opening {
            Some(handshake) => handshake.poll_transmit(),
            None => self.connection.poll_transmit(),
        }
    }

    /// Sends a message, if the connection is open.
    ///
    /// If it is closing or closed, nothing is sent, but [`buffered_amount`](Self::buffered_amount)
    /// grows, as in the standard. If there is no room (see [`Config::max_buffered`]), the socket is
    /// "full": it is closing, nothing more is written, and [`DomEvent::Error`] and
    /// [`DomEvent::Close`] follow.
    ///
    /// # Errors
    ///
    /// [`DomException::InvalidStateError`] while it is connecting.
    pub fn send(&mut self, message: impl Into<Message>) -> Result<(), DomException> {
        if self.ready_state() == ReadyState::Connecting {
            return Err(DomException::InvalidStateError);
        }
        let message = message.into();
        let len = message.len();
        if self.failure.is_some() {
            self.unsent = self.unsent.saturating_add(len);
            return Ok(());
        }
        let connection = &mut self.connection;
        // A connection that is closing or closed refuses a message, too, but counts it by itself.
        if connection.ready_state() != ReadyState::Open {
            let _ = connection.commands().send(message);
        } else if connection.commands().send(message).is_err() {
            self.unsent = self.unsent.saturating_add(len);
            self.failure = Some(Failure::Full);
        }
        Ok(())
    }

    /// Closes the connection.
    ///
    /// - While it is connecting, the connection fails.
    /// - While it is open, the closing handshake begins after all messages that were sent before.
    /// - While it is closing or closed, nothing happens.
    ///
    /// Without a code, the Close frame has no body. If there is a reason without a code, the code
    /// is 1000, because a reason needs a code (§5.5.1).
    ///
    /// # Errors
    ///
    /// [`DomException::InvalidAccessError`] for an invalid code, otherwise
    /// [`DomException::SyntaxError`] for an invalid reason, in any state.
    pub fn close(&mut self, code: Option<u16>, reason: Option<&str>) -> Result<(), DomException> {
        if let Some(code) = code.filter(|code| !matches!(code, 1000 | 3000..=4999)) {
            return Err(DomException::InvalidAccessError { code });
        }
        let reason = reason.unwrap_or_default();
        if reason.len() > MAX_REASON_LEN {
            return Err(DomException::SyntaxError { len: reason.len() });
        }
        if self.failure.is_some() {
            return Ok(());
        }
        if self.opening.is_some() {
            self.failure = Some(Failure::ClosedEarly);
            return Ok(());
        }
        // The checks above are narrower than those of the connection.
        let code = code.map_or(CloseCode::NO_STATUS, CloseCode::from);
        let closed = self.connection.commands().close(code, reason);
        debug_assert_eq!(closed, Ok(()));
        Ok(())
    }

    /// Returns `readyState`. Its numbers are the standard's constants.
    #[doc(alias = "readyState")]
    #[must_use]
    pub fn ready_state(&self) -> ReadyState {
        match (self.last, &self.failure) {
            (Last::Close | Last::Error, _) => ReadyState::Closed,
            (Last::Other, Some(_)) => ReadyState::Closing,
            (Last::Other, None) => self.connection.ready_state(),
        }
    }

    /// Returns `bufferedAmount`: how many bytes of payload were sent and not yet taken for the
    /// transport, including those that were sent too late. It is not reset when the connection
    /// closes.
    #[doc(alias = "bufferedAmount")]
    #[must_use]
    pub fn buffered_amount(&self) -> usize {
        self.unsent.saturating_add(self.connection.buffered_amount())
    }

    /// Returns `url`: the URL of the request.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url.0
    }

    /// Returns `protocol`: the negotiated subprotocol, or an empty string.
    #[doc(alias = "subprotocol")]
    #[must_use]
    pub fn protocol(&self) -> &str {
        self.connection.protocol()
    }

    /// Returns `extensions`: the header value that names the negotiated extensions, or an empty
    /// string.
    #[must_use]
    pub fn extensions(&self) -> &str {
        self.connection.extensions()
    }

    /// Returns why the connection failed, as soon as it fails. A script learns no more than
    /// [`DomEvent::Error`] and 1006.
    #[must_use]
    pub const fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    /// Returns whether it has failed in such a way that the peer is told nothing more.
    const fn is_cut_off(&self) -> bool {
        match self.failure {
            None | Some(Failure::Connection(_)) => false,
            Some(
                Failure::ClosedEarly
                | Failure::Full
                | Failure::Handshake { .. }
                | Failure::NotConnected { .. },
            ) => true,
        }
    }

    /// Returns the URL without its query, for errors.
    fn place(&self) -> Box<str> {
        self.url().split('?').next().unwrap_or_default().into()
    }

    /// Reports a failure as soon as the peer needs not be told of it any more.
    fn poll_failure(&self) -> Option<DomEvent> {
        self.failure.as_ref()?;
        let is_over = self.is_cut_off() || self.connection.ready_state() == ReadyState::Closed;
        is_over.then_some(DomEvent::Error)
    }

    /// Returns what the handshake or the connection has to report, unless it has failed.
    fn poll_arrived(&mut self) -> Option<DomEvent> {
        if self.failure.is_some() {
            return None;
        }
        if self.opening.is_some() {
            return self.poll_opening();
        }
        loop {
            match self.connection.poll_event() {
                Ok(Some((Received::Closed(closed), _))) => {
                    let (code, reason, was_clean) = (closed.code, closed.reason, closed.clean);
                    return Some(DomEvent::Close { code, reason, was_clean });
                }
                Ok(Some((event, _))) => {
                    // Pings and Pongs are not a page's business.
                    if let Some(message) = event.into_message() {
                        return Some(DomEvent::Message(message));
                    }
                }
                Ok(None) => return None,
                Err(error) => {
                    self.failure = Some(Failure::Connection(error));
                    return self.poll_failure();
                }
            }
        }
    }

    fn poll_opening(&mut self) -> Option<DomEvent> {
        match self.opening.as_mut()?.poll_response() {
            Ok(Some(_)) => {}
            Ok(None) => return None,
            Err(error) => {
                self.failure = Some(Failure::Handshake { error, url: self.place() });
                return self.poll_failure();
            }
        }
        self.opening.take()?.open(&mut self.connection)?;
        Some(DomEvent::Open)
    }
}
