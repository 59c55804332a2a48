//! The life of a connection, from its opening handshake's end to its own (§7); knows neither how
//! frames are parsed nor how they are built, and takes no commands.

use alloc::boxed::Box;

use super::config::{AfterClose, Config, Pong, Reassembly, WhenFull};
use super::event::{Drained, Event};
use super::masks::Masks;
use super::outgoing::Outgoing;
use super::timers::Timers;
use crate::buffer::{ReceiveBuf, TransmitBuf};
use crate::close::{CloseCode, Closed, ClosedBy};
use crate::error::ConnectionError;
#[cfg(feature = "deflate")]
use crate::extension::{Deflate, Deflater};
use crate::frame::Decoder;
use crate::message::{
    Assembler, Chunk, Content, Limits, MessageKind, Payload, Received, Source, Text, Whole,
};
use crate::role::Role;
use crate::utf8::{Utf8Bytes, is_utf8};

/// An open WebSocket connection, without the socket.
///
/// There are four kinds of methods, to be called in this order, over and over:
///
/// 1. `handle_*` says what the transport and the clock did: [`handle_eof`](Self::handle_eof),
///    [`handle_timeout`](Self::handle_timeout). Bytes that arrived are appended to a
///    [`ReceiveBuf`].
/// 2. [`poll_event`](Self::poll_event) until it returns `None`: what arrived.
/// 3. Commands, also while an event is held: [`send`](Self::send), [`ping`](Self::ping),
///    [`close`](Self::close), …
/// 4. [`poll_transmit`](Self::poll_transmit) until it returns `None`: what is to be written. If
///    anything was written, back to 2: a closing handshake may be complete now. Otherwise wait for
///    the transport or for the time of [`poll_timeout`](Self::poll_timeout), and back to 1.
///
/// Getters such as [`ready_state`](Self::ready_state) may be called at any time.
///
/// ```text
///                close()                     peer's Close
///        ┌──────────────────▶ Closing ──────────────────────┐
///        │                        │                         ▼
///      Open ─── peer's Close (answered by itself) ─────▶ Closing ──── transport ────▶ Closed
///        │                        │                                     done            ▲
///        │ error, limit, EOF,     │ the same                                            │
///        │ deadline               │                                                     │
///        └────────────────────────┴────────▶ Failed (Closing) ─── Close written ────────┘
/// ```
///
/// [`Event::Closed`] or an error is the end. Then what [`poll_transmit`](Self::poll_transmit) still
/// returns is to be written, and the transport to be closed. A server's end comes as soon as the
/// closing handshake is complete, a client's when the server has closed the transport: §7.1.1 wants
/// the server to go first.
///
/// ```
/// use sanswire::{Config, Connection, Event, ReceiveBuf};
///
/// let mut connection = Connection::server(&Config::default());
/// let mut input = ReceiveBuf::new();
/// input.extend_from_slice(b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"); // "Hello", masked
/// while let Some(event) = connection.poll_event(&mut input)? {
///     if let Event::Text(text) = event {
///         connection.send_text(&text)?;
///     }
/// }
/// use bytes::Buf;
/// let output = connection.poll_transmit().unwrap();
/// assert_eq!(output.chunk(), b"\x81\x05Hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Connection {
    pub(super) role: Role,
    pub(super) phase: Phase,
    pong: Pong,
    pub(super) after_close: AfterClose,
    /// Whether the transport delivers nothing more.
    pub(super) eof: bool,
    /// Whether a message has come to its end that the timers do not know of.
    pub(super) has_received: bool,
    /// Whether a message was sent that the timers do not know of.
    pub(super) has_sent: bool,
    pub(super) assembler: Assembler,
    pub(super) outgoing: Outgoing,
    pub(super) rare: Box<Rare>,
}

/// What is not needed for each message. Behind a pointer, so that connections are small.
#[derive(Debug)]
pub(super) struct Rare {
    pub(super) timers: Timers,
    pub(super) when_full: WhenFull,
    pub(super) negotiated: Option<Box<Negotiated>>,
}

/// Where a connection is on its way to the end.
#[derive(Debug)]
pub(super) enum Phase {
    Open,
    /// Our Close has been queued, the peer's has not arrived.
    CloseSent,
    /// Both Close frames have been queued or received; the transport is still open.
    Draining(Box<Closed>),
    Failed(Box<Failure>),
    Closed(Box<Closed>),
}

#[derive(Debug)]
pub(super) struct Failure {
    error: ConnectionError,
    pub(super) closed: Closed,
}

/// WHATWG `readyState`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the standard knows these four")]
#[repr(u8)]
pub enum ReadyState {
    /// 0: the opening handshake is under way.
    Connecting = 0,
    /// 1: messages can be sent.
    Open = 1,
    /// 2: the closing handshake is under way, or the connection has failed.
    Closing = 2,
    /// 3: the connection is over.
    Closed = 3,
}

/// What the opening handshake agreed on.
#[derive(Debug)]
pub(super) struct Negotiated {
    pub(super) protocol: Box<str>,
    pub(super) extensions: Box<str>,
}

impl Connection {
    /// Creates the server's end of an open connection, whose handshake was done elsewhere.
    #[must_use]
    pub fn server(config: &Config) -> Self {
        Self::new(Role::Server, config, None, TransmitBuf::new())
    }

    /// Creates the client's end of an open connection, whose handshake was done elsewhere.
    ///
    /// The masking keys of §5.3 are expanded from `seed`, which must come from the operating
    /// system's entropy and be used once.
    #[must_use]
    pub fn client(config: &Config, seed: [u8; 32]) -> Self {
        Self::new(Role::Client, config, Some(Box::new(Masks::new(seed))), TransmitBuf::new())
    }

    /// Creates an end whose handshake has left bytes that are to be written first. Only a client
    /// has a seed.
    #[cfg(feature = "handshake")]
    pub(super) fn opened(config: &Config, seed: Option<[u8; 32]>, output: TransmitBuf) -> Self {
        let role = if seed.is_some() { Role::Client } else { Role::Server };
        Self::new(role, config, seed.map(|seed| Box::new(Masks::new(seed))), output)
    }

    fn new(role: Role, config: &Config, masks: Option<Box<Masks>>, output: TransmitBuf) -> Self {
        let chunks = config.reassembly == Reassembly::Chunks;
        let hold = if chunks { 0 } else { HOLD_UP_TO };
        let decoder =
            Decoder::new(role.peer()).hold_up_to(hold).max_frame_size(config.max_frame_size as u64);
        let limits = Limits {
            max_message_size: (config.max_message_size as u64).min(i64::MAX as u64),
            max_fragments: config.max_fragments,
            chunks,
        };
        Self {
            role,
            phase: Phase::Open,
            pong: config.pong,
            after_close: config.after_close,
            eof: false,
            has_received: false,
            has_sent: false,
            assembler: Assembler::new(decoder, limits),
            outgoing: Outgoing::new(config, masks, output),
            rare: Box::new(Rare {
                timers: Timers::new(config),
                when_full: config.when_full,
                negotiated: None,
            }),
        }
    }

    /// Notes the subprotocol and the value of `Sec-WebSocket-Extensions` that were agreed on, each
    /// possibly empty, for [`protocol`](Self::protocol) and [`extensions`](Self::extensions).
    ///
    /// A connection that comes from a [handshake](crate::handshake) knows them by itself.
    #[must_use]
    pub fn with_negotiated(mut self, protocol: &str, extensions: &str) -> Self {
        let negotiated = Negotiated { protocol: protocol.into(), extensions: extensions.into() };
        self.rare.negotiated =
            (!protocol.is_empty() || !extensions.is_empty()).then(|| Box::new(negotiated));
        self
    }

    /// Compresses messages as permessage-deflate was negotiated (RFC 7692).
    ///
    /// A connection that comes from a [handshake](crate::handshake) does so by itself. To be called
    /// before anything is sent or received.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn with_deflate(mut self, agreed: Deflate) -> Self {
        self.assembler.set_deflate(agreed);
        self.outgoing.set_deflater(Deflater::new(agreed));
        self
    }

    /// Says that the transport delivers nothing more.
    ///
    /// What is still in the receive buffer is processed first. Then the connection ends: by
    /// [`Event::Closed`] if the closing handshake was complete, else by
    /// [`ConnectionError::UnexpectedEof`].
    pub fn handle_eof(&mut self) {
        self.eof = true;
    }

    /// Returns the next thing that arrived, or `Ok(None)` when `input` holds nothing whole.
    ///
    /// The event borrows `input`, not the connection. The same `input` must be passed each time.
    /// After [`Event::Closed`], `Ok(None)` is all that comes.
    ///
    /// # Errors
    ///
    /// The connection has failed (§7.1.7): by the peer's fault, by a limit, or because the stream
    /// ended. A Close frame with the right code has been queued, nothing more is parsed, and
    /// every later call returns the same error.
    ///
    /// # Panics
    ///
    /// Never.
    #[inline(always)]
    pub fn poll_event<'a>(
        &mut self,
        input: &'a mut ReceiveBuf,
    ) -> Result<Option<Event<'a>>, ConnectionError> {
        // Nearly everything that arrives is a whole message on an open connection.
        if matches!(self.phase, Phase::Open)
            && let Some(Whole { content, payload }) = self.assembler.poll_frame(input)
        {
            self.has_received = true;
            if content == Content::Binary {
                return Ok(Some(Event::Binary(Payload::lent(input, payload))));
            }
            if content == Content::Text && !is_utf8(input.range(payload.clone())) {
                return Err(self.fail(ConnectionError::InvalidUtf8));
            }
            let payload = Payload::lent(input, payload);
            return Ok(Some(Event::Text(Text::from_validated(payload))));
        }
        self.poll_any_event(input)
    }

    /// As [`poll_event`](Self::poll_event), for all that may arrive.
    #[inline(never)]
    fn poll_any_event<'a>(
        &mut self,
        input: &'a mut ReceiveBuf,
    ) -> Result<Option<Event<'a>>, ConnectionError> {
        loop {
            match &self.phase {
                Phase::Open | Phase::CloseSent => {}
                Phase::Draining(_) => return Ok(self.poll_drained(input)),
                Phase::Failed(failure) => return Err(failure.error),
                Phase::Closed(_) => return Ok(None),
            }
            let received = match self.assembler.poll(input) {
                Ok(Some(received)) => received,
                Ok(None) if self.eof => return Err(self.fail(ConnectionError::UnexpectedEof)),
                Ok(None) => match self.settle(input) {
                    Some(error) => return Err(self.fail(error)),
                    None => return Ok(self.poll_room().map(Event::Drained)),
                },
                Err(error) => return Err(self.fail(error)),
            };
            if self.drops_messages() && received.is_message() {
                continue;
            }
            self.has_received |= received.ends_message();
            return Ok(Some(match received {
                Received::Message(MessageKind::Binary, source) => {
                    Event::Binary(payload(input, source))
                }
                Received::Message(MessageKind::Text, source) => {
                    Event::Text(Text::from_validated(payload(input, source)))
                }
                Received::Chunk { kind, is_first, is_last, source } => {
                    let payload = payload(input, source);
                    Event::Chunk(Chunk { kind, is_first, is_last, payload })
                }
                Received::Ping(range) => {
                    if self.pong == Pong::Automatic {
                        self.outgoing.answer_ping(input.range(range.clone()));
                    }
                    Event::Ping(Payload::lent(input, range))
                }
                Received::Pong(range) => {
                    self.rare.timers.note_pong(input.range(range.clone()));
                    Event::Pong(Payload::lent(input, range))
                }
                Received::Close(range) => {
                    if let Err(error) = self.receive_close(input.range(range)) {
                        return Err(self.fail(error));
                    }
                    continue;
                }
            }));
        }
    }

    /// Returns the bytes that are to be written, or `None` if there are none.
    ///
    /// Call it until it returns `None`, or until the transport takes no more: the buffer fills up
    /// again where large messages are sent in fragments.
    #[must_use = "bytes that are not written do not reach the peer"]
    #[inline]
    pub fn poll_transmit(&mut self) -> Option<&mut TransmitBuf> {
        let output = self.outgoing.output();
        if output.is_empty() { None } else { Some(output) }
    }

    /// Gives back memory that is not in use. Worth calling before a connection is left idle.
    ///
    /// Of compression, only what later messages refer to is kept: with takeover the compressor, and
    /// of the decompressor its window.
    pub fn release_memory(&mut self) {
        self.assembler.release();
        self.outgoing.release();
    }

    /// Reports that there is room in the output again.
    fn poll_room(&mut self) -> Option<Drained> {
        if matches!(self.phase, Phase::Open) { self.outgoing.poll_drained() } else { None }
    }

    const fn drops_messages(&self) -> bool {
        matches!((&self.phase, self.after_close), (Phase::CloseSent, AfterClose::Drop))
    }

    /// Takes the peer's Close frame, and answers it if ours has not been sent.
    fn receive_close(&mut self, body: &[u8]) -> Result<(), ConnectionError> {
        let (code, reason) = match body {
            // §7.1.5: "If this Close control frame contains no status code, _The WebSocket
            // Connection Close Code_ is considered to be 1005."
            [] => (CloseCode::NO_STATUS, Utf8Bytes::default()),
            [_] => return Err(ConnectionError::CloseBodyTooShort),
            [high, low, reason @ ..] => {
                let code = CloseCode::from(u16::from_be_bytes([*high, *low]));
                if !code.is_allowed_on_the_wire() {
                    return Err(ConnectionError::InvalidCloseCode { code: code.as_u16() });
                }
                (code, Utf8Bytes::validate(reason).map_err(|_| ConnectionError::InvalidUtf8)?)
            }
        };
        let by = if matches!(self.phase, Phase::Open) {
            // §5.5.1: "When sending a Close frame in response, the endpoint typically echos the
            // status code it received." With the reason, as the field does.
            self.outgoing.close_now(body);
            ClosedBy::Peer
        } else {
            ClosedBy::Local
        };
        self.phase = Phase::Draining(Box::new(Closed { code, reason, by, clean: true }));
        Ok(())
    }

    /// Reports the end once both Close frames are through and the transport is done.
    #[cold]
    fn poll_drained<'a>(&mut self, input: &mut ReceiveBuf) -> Option<Event<'a>> {
        // §5.5.1: after a Close frame, "any further data" is discarded.
        input.clear();
        let Phase::Draining(closed) = &self.phase else { return None };
        // §7.1.1: the server closes the transport first, the client waits for that.
        let done = match self.role {
            Role::Client => self.eof,
            Role::Server => self.eof || self.outgoing.is_empty(),
        };
        if !done {
            return None;
        }
        let closed = closed.clone();
        let event = Event::Closed(Closed::clone(&closed));
        self.phase = Phase::Closed(closed);
        Some(event)
    }

    /// Fails the connection (§7.1.7).
    #[cold]
    pub(super) fn fail(&mut self, error: ConnectionError) -> ConnectionError {
        // Nothing more comes of a peer that has not closed in time.
        self.eof |= matches!(error, ConnectionError::CloseTimeout { .. });
        if matches!(self.phase, Phase::Open) && error != ConnectionError::UnexpectedEof {
            self.outgoing.close_now(&error.close_code().as_u16().to_be_bytes());
        }
        let by =
            if error == ConnectionError::UnexpectedEof { ClosedBy::Peer } else { ClosedBy::Local };
        let (code, reason) = (CloseCode::ABNORMAL, Utf8Bytes::default());
        let closed = Closed { code, reason, by, clean: false };
        self.phase = Phase::Failed(Box::new(Failure { error, closed }));
        error
    }
}

/// Makes a payload of where it is.
#[inline]
fn payload(input: &mut ReceiveBuf, source: Source) -> Payload<'_> {
    match source {
        Source::Assembled(bytes) => Payload::owned(bytes),
        Source::Input(range) => Payload::lent(input, range),
    }
}

/// Frames up to this size wait in the receive buffer until they are whole and are lent from there;
/// larger ones are assembled, so that a receive buffer stays small. Of messages in one frame 64
/// times as much waits there, 1 MiB.
const HOLD_UP_TO: u32 = 16 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_small() {
        assert!(size_of::<Connection>() <= 256, "{}", size_of::<Connection>());
    }
}
