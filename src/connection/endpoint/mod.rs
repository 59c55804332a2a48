//! One end of an open connection (§5.5, §6.1, §7): what its application, its peer and the clock do
//! to it. Knows nothing of how bytes become messages.

mod clock;
mod sending;

use alloc::borrow::Cow;
use alloc::boxed::Box;
use core::time::Duration;

pub(super) use self::sending::Full;
use crate::buffer::{SpareBuffers, TransmitBuf};
use crate::close::{CloseCode, Closed, MAX_REASON_LEN};
use crate::connection::allowance::Allowance;
use crate::connection::config::{Config, PongMode, WhenFull};
use crate::connection::event::{Discarded, Writable};
use crate::connection::life::{Life, ReadyState, SendClose};
use crate::connection::masking_keys::MaskingKeys;
#[cfg(feature = "split")]
use crate::connection::output::Mark;
use crate::connection::output::Output;
use crate::connection::timers::{Dated, Timers};
use crate::error::{ConnectionError, SendError};
#[cfg(feature = "deflate")]
use crate::extension::Deflater;
use crate::frame::MAX_CONTROL_LEN;
use crate::receive::Arriving;
use crate::role::Role;
use crate::timestamp::Timestamp;
use crate::utf8::Utf8Bytes;

/// Everything of a connection but what arrives.
#[derive(Debug)]
pub(super) struct Endpoint {
    life: Life,
    /// Whether a message has come to its end that the timers do not know of.
    has_received: bool,
    /// Whether input was noted that has not been processed.
    has_noted: bool,
    /// Whether a message was sent that the timers do not know of.
    has_sent: bool,
    /// Whether something has arrived at a time that is told later. Until then, the timers do not know
    /// of it.
    is_behind: bool,
    /// What the short way to send may do.
    allowance: Allowance,
    /// Touched by the short way alone; all others take it from [`Self::output`].
    output: Output,
    rare: Box<Rare>,
}

/// What is not needed for each message. Behind a pointer, so that connections are small.
#[derive(Debug)]
struct Rare {
    timers: Timers,
    pong: PongMode,
    when_full: WhenFull,
    /// What makes the reason in the Close frame of a failure.
    close_reason: Option<fn(ConnectionError) -> Cow<'static, str>>,
    negotiated: Option<Box<Negotiated>>,
}

/// What the opening handshake agreed on.
#[derive(Debug)]
struct Negotiated {
    protocol: Box<str>,
    extensions: Box<str>,
}

/// What a receiver knows when nothing is left to process.
#[derive(Clone, Copy, Debug)]
pub(super) struct Processed {
    /// Bytes of input so far.
    pub(super) received: u64,
    /// The message that is arriving.
    pub(super) arriving: Option<Arriving>,
}

impl Endpoint {
    /// Creates an end whose opening handshake is under way. Only a client has a seed.
    pub(super) fn new(config: &Config, seed: Option<[u8; 32]>) -> Self {
        let role = if seed.is_some() { Role::Client } else { Role::Server };
        let keys = seed.map(|seed| Box::new(MaskingKeys::new(seed)));
        Self {
            life: Life::new(role, config.after_close),
            has_received: false,
            has_noted: false,
            has_sent: false,
            is_behind: false,
            allowance: Allowance::default(),
            output: Output::new(config, keys),
            rare: Box::new(Rare {
                timers: Timers::new(config),
                pong: config.pong,
                when_full: config.when_full,
                close_reason: config.close_reason.function(),
                negotiated: None,
            }),
        }
    }

    /// Opens this end, whose handshake may have left bytes that are to be written first.
    pub(super) fn open(&mut self, output: TransmitBuf) {
        self.life.open();
        self.output().begin_with(output);
    }

    pub(super) fn set_negotiated(&mut self, protocol: &str, extensions: &str) {
        let negotiated = Negotiated { protocol: protocol.into(), extensions: extensions.into() };
        self.rare.negotiated =
            (!protocol.is_empty() || !extensions.is_empty()).then(|| Box::new(negotiated));
    }

    #[cfg(feature = "deflate")]
    pub(super) fn set_deflater(&mut self, deflater: Deflater) {
        self.output().set_deflater(deflater);
    }

    // What the peer did.

    pub(super) fn receive_ping(&mut self, payload: &[u8]) {
        if self.rare.pong == PongMode::Automatic {
            self.output().answer_ping(payload);
        }
    }

    pub(super) fn receive_pong(&mut self, payload: &[u8]) {
        let dated = if self.is_behind { Dated::Later } else { Dated::Now };
        self.rare.timers.note_pong(payload, dated);
    }

    /// Takes the peer's Close frame, and answers it if ours has not been sent.
    pub(super) fn receive_close(&mut self, body: &[u8]) -> Result<(), ConnectionError> {
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
        if self.life.receive_close(code, reason) == SendClose::Yes {
            // §5.5.1: "When sending a Close frame in response, the endpoint typically echos the
            // status code it received." With the reason, as the field does.
            self.output().close_now(body);
        }
        Ok(())
    }

    /// Notes that a message has arrived whole.
    #[inline]
    pub(super) const fn note_received(&mut self) {
        self.has_received = true;
    }

    /// Fails the connection (§7.1.7).
    #[cold]
    pub(super) fn fail(&mut self, error: ConnectionError) -> ConnectionError {
        self.end_allowance();
        if self.life.fail(error) == SendClose::Yes {
            let reason = self.rare.close_reason.map(|make| make(error)).unwrap_or_default();
            let most = (0..=MAX_REASON_LEN).rev().find_map(|len| reason.get(..len));
            let (body, len) = close_body(error.close_code(), most.unwrap_or_default());
            self.output().close_now(body.get(..len).unwrap_or_default());
        }
        error
    }

    pub(super) fn handle_eof(&mut self) {
        self.life.note_eof();
    }

    /// Reports the end once both Close frames are through and the transport is done.
    pub(super) fn poll_closed(&mut self) -> Option<Closed> {
        self.life.end(self.output.is_empty())
    }

    /// Reports that there is room in the output again.
    pub(super) fn poll_writable(&mut self) -> Option<Writable> {
        if self.life.is_open() { self.output().poll_writable() } else { None }
    }

    // What is to be written.

    #[inline]
    pub(super) fn poll_transmit(&mut self) -> Option<&mut TransmitBuf> {
        // What has been sent the short way is in the buffer: it ends only when that is lent.
        if self.output.is_empty() {
            return None;
        }
        let output = self.output().output();
        if output.is_empty() { None } else { Some(output) }
    }

    pub(super) fn reuse_memory(&mut self, spare: &mut SpareBuffers) {
        // Or small messages that follow one another would all take the long way.
        if self.output.is_written() {
            self.output().reuse(spare);
        }
    }

    pub(super) fn release_memory_to(&mut self, spare: &mut SpareBuffers) {
        self.output().release_to(spare);
    }

    /// Reports what was accepted and is never sent, once; at the end of the transport all that
    /// waits.
    pub(super) fn poll_discarded(&mut self, is_over: bool) -> Option<Discarded> {
        self.output().poll_discarded(is_over)
    }

    // What can be asked.

    #[inline]
    pub(super) const fn life(&self) -> &Life {
        &self.life
    }

    pub(super) const fn role(&self) -> Role {
        self.life.role()
    }

    pub(super) fn ready_state(&self) -> ReadyState {
        self.life.ready_state(self.output.is_empty())
    }

    pub(super) fn buffered_amount(&self) -> usize {
        self.output.buffered_amount() + self.allowance.payload()
    }

    pub(super) fn protocol(&self) -> &str {
        self.rare.negotiated.as_ref().map_or("", |negotiated| &negotiated.protocol)
    }

    pub(super) fn extensions(&self) -> &str {
        self.rare.negotiated.as_ref().map_or("", |negotiated| &negotiated.extensions)
    }

    pub(super) fn round_trip_time(&self) -> Option<Duration> {
        self.rare.timers.round_trip()
    }

    /// Returns whether [`Event::Writable`](super::Event::Writable) is the next event that is there
    /// without more input.
    pub(super) fn is_writable(&self) -> bool {
        self.life.is_open() && self.output.is_writable()
    }

    /// Returns whether less waits to be written than may.
    pub(super) fn has_room(&self) -> bool {
        self.output.has_room()
    }

    /// Returns whether anything waits to be written.
    pub(super) fn has_output(&self) -> bool {
        !self.output.is_empty()
    }

    #[cfg(feature = "split")]
    pub(super) fn mark(&mut self) -> Mark {
        self.output().mark()
    }

    #[cfg(feature = "split")]
    pub(super) fn has_written(&self, mark: &Mark) -> Result<bool, Discarded> {
        self.output.has_written(mark)
    }

    /// Returns whether something discarded is to be reported.
    pub(super) fn has_discarded(&self) -> bool {
        self.output.has_discarded()
    }

    pub(super) fn when_full(&self) -> WhenFull {
        self.rare.when_full
    }

    /// Returns the time that was told last.
    pub(super) fn now(&self) -> Timestamp {
        self.rare.timers.now()
    }

    #[inline]
    pub(super) fn wants_read(&self) -> bool {
        !self.life.is_open() || !self.output.is_high()
    }

    /// Lends the output to what may change it, or what stands in the way of messages: the short way
    /// is closed.
    #[inline]
    fn output(&mut self) -> &mut Output {
        self.end_allowance();
        &mut self.output
    }

    /// Closes the short way, and notes what has passed it.
    #[inline]
    fn end_allowance(&mut self) {
        let payload = self.allowance.end();
        if payload > 0 {
            self.output.note_allowed(payload);
        }
    }
}

/// Judges what a Close frame of `role` is to say; returns the code that it gets, 1005 for none.
pub(crate) fn check_close(
    role: Role,
    code: CloseCode,
    reason: &str,
) -> Result<CloseCode, SendError> {
    let invalid = SendError::InvalidCloseCode { code: code.as_u16() };
    let sent = code.as_sent_by(role).ok_or(invalid)?;
    if reason.len() > MAX_REASON_LEN {
        return Err(SendError::ReasonTooLong { len: reason.len() });
    }
    // §5.5.1: without a code there is no place for a reason. Browsers send 1000 with it.
    Ok(if sent == CloseCode::NO_STATUS && !reason.is_empty() { CloseCode::NORMAL } else { sent })
}

/// Returns the body of a Close frame (§5.5.1), the code in network byte order and then the reason,
/// and its length. `reason` is at most 123 bytes. The body of 1005 is empty.
fn close_body(code: CloseCode, reason: &str) -> ([u8; MAX_CONTROL_LEN], usize) {
    let mut body = [0; MAX_CONTROL_LEN];
    if code == CloseCode::NO_STATUS {
        return (body, 0);
    }
    let (head, tail) = body.split_at_mut(2);
    head.copy_from_slice(&code.as_u16().to_be_bytes());
    for (slot, byte) in tail.iter_mut().zip(reason.bytes()) {
        *slot = byte;
    }
    (body, MAX_CONTROL_LEN.min(2 + reason.len()))
}
