//! The `WebSocket` object of the standard; leaves the protocol to the handshake and the connection.

use alloc::boxed::Box;
use alloc::string::String;

use super::{DomEvent, DomException, Failure};
use crate::buffer::{Input, TransmitBuf};
use crate::close::{CloseCode, MAX_REASON_LEN};
use crate::connection::{
    AfterClose, Config, Connection, Event as Received, PongMode, ReadyState, Reassembly, WhenFull,
};
use crate::handshake::{ClientHandshake, ClientRequest, SubprotocolPolicy};
use crate::message::Message;
use crate::timestamp::Timestamp;
use crate::utf8::Utf8Bytes;

/// A WebSocket as a page has it, without the socket.
///
/// The methods are those of [`Connection`], in the same order:
///
/// 1. `handle_*` says what the transport or the clock did; bytes that arrived are appended to
///    [`input`](Self::input).
/// 2. [`poll_event`](Self::poll_event) until it returns `None`: the events of the standard, one for
///    each task that it queues. The state changes with the event, not before.
/// 3. [`send`](Self::send) and [`close`](Self::close), whenever a page might.
/// 4. [`poll_transmit`](Self::poll_transmit) until it returns `None`. If anything was written, back
///    to 2. Otherwise wait for the transport, at most until [`poll_timeout`](Self::poll_timeout),
///    and back to 1.
///
/// [`DomEvent::Close`] is the end: what [`poll_transmit`](Self::poll_transmit) still returns is to be
/// written, and the transport to be closed.
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
    url: String,
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
    /// The rules of the standard's constructor are those of [`ClientRequest`]: where it refuses
    /// a URL or a subprotocol, a page sees a `SyntaxError`. A server must choose one of the
    /// subprotocols, if any is offered. Of `config`, `reassembly`, `pong`, `after_close` and
    /// `when_full` are the standard's: whole messages, Pongs by itself, none delivered after
    /// `close()`, and an end of the connection when there is no room.
    ///
    /// `nonce` and `seed` must come from the operating system's entropy and be used once; see
    /// [`ClientHandshake::new`] and [`Connection::client`].
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
            url: request.url(),
            opening: Some(Box::new(ClientHandshake::new(&request, nonce))),
            connection: Box::new(Connection::connecting(&config, Some(seed))),
            failure: None,
            last: Last::Other,
            unsent: 0,
        }
    }

    /// Says that the transport could not be connected: a name not found, refused, no TLS.
    ///
    /// Once the connection is established, it is the same as [`handle_eof`](Self::handle_eof).
    pub fn handle_not_connected(&mut self) {
        if self.opening.is_some() {
            self.failure.get_or_insert(Failure::NotConnected);
        }
        self.handle_eof();
    }

    /// Says that the transport delivers nothing more: it has ended, or is lost.
    ///
    /// What still waits in the input is processed first. Then comes the end: clean if the
    /// closing handshake was complete, else a failure.
    pub fn handle_eof(&mut self) {
        if let Some(handshake) = &mut self.opening {
            handshake.handle_eof();
        }
        self.connection.handle_eof();
    }

    /// Says what time it is; see [`Connection::handle_timeout`]. The handshake has its deadline by
    /// it, too.
    pub fn handle_timeout(&mut self, now: impl Into<Timestamp>) {
        let now = now.into();
        if let Some(handshake) = &mut self.opening {
            handshake.handle_timeout(now);
        }
        self.connection.handle_timeout(now);
    }

    /// Returns when to call [`handle_timeout`](Self::handle_timeout), in the time of that; `None`
    /// if there is nothing to wait for. See [`Connection::poll_timeout`].
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

    /// Lends the input, for the bytes that arrive.
    pub const fn input(&mut self) -> Input<'_> {
        match &mut self.opening {
            Some(handshake) => handshake.input(),
            None => self.connection.input(),
        }
    }

    /// Returns the next event, or `None` while the input holds nothing whole, and at the end.
    ///
    /// The events of a failure come when the Close frame that tells the peer has been taken from
    /// [`poll_transmit`](Self::poll_transmit), or the transport is gone.
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

    /// Returns the bytes that are to be written, or `None` if there are none; see
    /// [`Connection::poll_transmit`].
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
    /// If it is closing or closed, nothing is sent, but
    /// [`buffered_amount`](Self::buffered_amount) grows all the same. If there is no room (see
    /// [`Config::max_buffered`]), the socket is flagged as full: it is closing, nothing more is
    /// written, and [`DomEvent::Error`] and [`DomEvent::Close`] follow.
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
    /// While it is connecting, it fails; once it is open, the closing handshake begins behind all
    /// messages sent before; without effect when it is closing or closed. Without a code the Close
    /// frame has no body, except that a reason brings 1000 with it: §5.5.1 knows none without a
    /// code.
    ///
    /// # Errors
    ///
    /// [`DomException::InvalidAccessError`] for the code, else [`DomException::SyntaxError`] for the
    /// reason, whatever the state.
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

    /// Returns `readyState`; its numbers are the standard's constants.
    #[must_use]
    pub fn ready_state(&self) -> ReadyState {
        match (self.last, &self.failure) {
            (Last::Close | Last::Error, _) => ReadyState::Closed,
            (Last::Other, Some(_)) => ReadyState::Closing,
            (Last::Other, None) => self.connection.ready_state(),
        }
    }

    /// Returns `bufferedAmount`: payload bytes that were sent and not handed to the transport yet,
    /// and those that came too late to be sent. It is not reset when the connection closes.
    #[must_use]
    pub fn buffered_amount(&self) -> usize {
        self.unsent.saturating_add(self.connection.buffered_amount())
    }

    /// Returns `url`; see [`ClientRequest::url`].
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns `protocol`: the subprotocol in use, or an empty string.
    #[must_use]
    pub fn protocol(&self) -> &str {
        self.connection.protocol()
    }

    /// Returns `extensions`: the header value that names those in use, or an empty string.
    #[must_use]
    pub fn extensions(&self) -> &str {
        self.connection.extensions()
    }

    /// Returns why the connection failed, from the moment it does; the standard tells scripts no
    /// more than [`DomEvent::Error`] and 1006.
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
                | Failure::Handshake(_)
                | Failure::NotConnected,
            ) => true,
        }
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
                self.failure = Some(Failure::Handshake(error));
                return self.poll_failure();
            }
        }
        self.opening.take()?.open(&mut self.connection)?;
        Some(DomEvent::Open)
    }
}
