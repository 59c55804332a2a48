//! What the application wants of an endpoint, and what becomes of a message for which there is no
//! room; frames nothing.

use bytes::Bytes;

use super::{Endpoint, check_close, close_body};
use crate::close::CloseCode;
use crate::connection::allowance::{Allowance, LARGEST, LARGEST_SMALL};
use crate::connection::backlog::Loose;
use crate::connection::config::WhenFull;
use crate::connection::framing::{Compress, Source};
use crate::connection::life::{Phase, SendClose};
use crate::connection::refused::Refused;
use crate::error::{ConnectionError, SendError};
use crate::frame::Opcode;
use crate::message::{Content, Message, MessageKind, Outgoing};
use crate::role::Role;

/// What becomes of a message for which there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::connection) enum Full {
    /// It comes back.
    GiveBack,
    /// What [`WhenFull`] says.
    Judge,
}

impl Endpoint {
    #[inline(always)]
    pub(in crate::connection) fn send(
        &mut self,
        message: Outgoing<'_>,
        compress: Compress,
        full: Full,
    ) -> Result<(), Refused> {
        // Nearly everything is small, and sent while nothing is in the way.
        if self.send_small_of(&message) {
            return Ok(());
        }
        match message.into_content() {
            Content::Borrowed(kind, payload) => {
                match self.send_source(kind, Source::Borrowed(payload), compress) {
                    Ok(()) => Ok(()),
                    Err(error) => self.judge_borrowed(error, full, (kind, payload, compress)),
                }
            }
            Content::Owned(message) => self.send_owned(message, compress, full),
            Content::Shared(kind, payload) => {
                self.send_owned(Message::shared(kind, payload.clone()), compress, full)
            }
            Content::Prepared(prepared) => {
                let sent = match self.check_open() {
                    Ok(()) => self.output().prepared(prepared),
                    Err(error) => Err(error),
                };
                let Err(error) = sent else {
                    self.has_sent = true;
                    return Ok(());
                };
                let keep = || Loose::Prepared(prepared.clone());
                self.judge_refused(error, full, prepared.len(), keep)
                    .map_err(|error| Refused { error, message: None })
            }
        }
    }

    /// Sends a small message if the connection is open and nothing is in the way, without taking it;
    /// returns whether it did.
    #[inline(always)]
    pub(in crate::connection) fn send_small_of(&mut self, message: &Outgoing<'_>) -> bool {
        let (kind, payload) = message.as_data();
        // What is empty would leave no trace in what is noted later.
        (1..=LARGEST_SMALL).contains(&payload.len()) && self.send_small(kind, payload)
    }

    #[inline(always)]
    fn send_owned(
        &mut self,
        mut message: Message,
        compress: Compress,
        full: Full,
    ) -> Result<(), Refused> {
        let kind = message.kind();
        match self.send_source(kind, Source::Owned(message.as_shared_mut()), compress) {
            Ok(()) => Ok(()),
            Err(error) => self.judge_owned(error, full, message, compress),
        }
    }

    #[inline(always)]
    fn send_source(
        &mut self,
        kind: MessageKind,
        mut payload: Source<'_>,
        compress: Compress,
    ) -> Result<(), SendError> {
        let is_medium = (LARGEST_SMALL + 1..=LARGEST).contains(&payload.len());
        if is_medium && self.send_medium(kind, payload.as_slice()) {
            return Ok(());
        }
        if self.life.is_open() && self.output().short_message(kind, payload.reborrow()) {
            self.has_sent = true;
            return Ok(());
        }
        self.send_any(kind, payload, compress)
    }

    /// Sends a small message if the connection is open and nothing is in the way; returns whether it
    /// did.
    #[inline(always)]
    fn send_small(&mut self, kind: MessageKind, payload: &[u8]) -> bool {
        let opcode = kind.opcode();
        match self.role() {
            // Apart: to mask takes more registers, which a server would save for nothing (a tenth).
            Role::Client => self.send_small_as::<true>(opcode, payload),
            Role::Server => self.send_small_as::<false>(opcode, payload),
        }
    }

    #[inline(never)]
    fn send_small_as<const MASKED: bool>(&mut self, opcode: Opcode, payload: &[u8]) -> bool {
        self.send_allowed::<MASKED>(opcode, payload)
            || self.allow_and_send::<MASKED>(opcode, payload)
    }

    /// Sends a small message for which all has been decided and made ready before; returns whether
    /// that is so. Calls nothing, so that this needs no stack.
    #[inline(always)]
    fn send_allowed<const MASKED: bool>(&mut self, opcode: Opcode, payload: &[u8]) -> bool {
        let frame = payload.len() + if MASKED { 6 } else { 2 };
        let Some(left) = self.allowance.without(frame, payload.len()) else { return false };
        if !self.output.is_ready::<MASKED>(frame) {
            return false;
        }
        debug_assert!(self.life.is_open() && self.output.is_clear(), "{self:?}");
        self.allowance = left;
        self.has_sent = true;
        // Last: what is kept until then would take registers that have to be saved (a tenth).
        let is_put = self.output.put_small::<MASKED>(opcode, payload);
        debug_assert!(is_put, "{self:?}");
        is_put
    }

    /// Decides whether small messages may be sent without more ado, and sends one.
    #[inline(never)]
    fn allow_and_send<const MASKED: bool>(&mut self, opcode: Opcode, payload: &[u8]) -> bool {
        self.allow(payload.len() + if MASKED { 6 } else { 2 });
        self.send_allowed::<MASKED>(opcode, payload)
    }

    /// As [`send_small`](Self::send_small), for larger messages that are copied.
    #[inline(never)]
    fn send_medium(&mut self, kind: MessageKind, payload: &[u8]) -> bool {
        let header = match self.role() {
            Role::Client => 8,
            Role::Server => 4,
        };
        let frame = header + payload.len();
        let mut left = self.allowance.without(frame, payload.len());
        if left.is_none() {
            self.allow(frame);
            left = self.allowance.without(frame, payload.len());
        }
        let Some(left) = left else { return false };
        debug_assert!(self.life.is_open() && self.output.is_clear(), "{self:?}");
        self.output.put_medium(kind, payload);
        self.allowance = left;
        self.has_sent = true;
        true
    }

    /// Allows messages to be sent the short way, if the connection is open and nothing is in the
    /// way of the next one, whose frame has so many bytes.
    #[inline(always)]
    fn allow(&mut self, frame: usize) {
        self.end_allowance();
        if self.life.is_open() {
            self.allowance = Allowance::new(self.output.allow(frame));
        }
    }

    /// As [`send_source`](Self::send_source), the long way.
    #[inline(never)]
    fn send_any(
        &mut self,
        kind: MessageKind,
        payload: Source<'_>,
        compress: Compress,
    ) -> Result<(), SendError> {
        self.check_open()?;
        self.output().message(kind, payload, compress)?;
        self.has_sent = true;
        Ok(())
    }

    #[cold]
    #[inline(never)]
    fn judge_borrowed(
        &mut self,
        error: SendError,
        full: Full,
        (kind, payload, compress): (MessageKind, &[u8], Compress),
    ) -> Result<(), Refused> {
        let keep = || Loose::Message(kind, Bytes::copy_from_slice(payload), compress);
        self.judge_refused(error, full, payload.len(), keep)
            .map_err(|error| Refused { error, message: None })
    }

    #[cold]
    #[inline(never)]
    fn judge_owned(
        &mut self,
        error: SendError,
        full: Full,
        mut message: Message,
        compress: Compress,
    ) -> Result<(), Refused> {
        let (kind, len, payload) = (message.kind(), message.len(), message.as_shared_mut());
        let keep = || Loose::Message(kind, Source::Owned(payload).into_shared(), compress);
        self.judge_refused(error, full, len, keep)
            .map_err(|error| Refused { error, message: Some(message) })
    }

    /// Does with a message of `len` bytes that was refused what is to be done with it; where it is
    /// taken all the same, as `keep` makes it.
    #[cold]
    fn judge_refused(
        &mut self,
        error: SendError,
        full: Full,
        len: usize,
        keep: impl FnOnce() -> Loose,
    ) -> Result<(), SendError> {
        let (queued, limit) = match error {
            SendError::Full { queued, limit } => (queued, limit),
            SendError::Closed => {
                // WHATWG `send()`: in CLOSING and CLOSED, bufferedAmount grows all the same.
                self.output().note_unsent(len);
                return Err(error);
            }
            SendError::CompressionFailed
            | SendError::Connecting
            | SendError::ControlTooLong { .. }
            | SendError::Dropped { .. }
            | SendError::InvalidCloseCode { .. }
            | SendError::InvalidUtf8
            | SendError::MessageInProgress
            | SendError::NoMessageInProgress
            | SendError::ReasonTooLong { .. } => return Err(error),
        };
        match (full, self.rare.when_full) {
            (Full::GiveBack, _) | (Full::Judge, WhenFull::Refuse) => Err(error),
            (Full::Judge, WhenFull::Close(wanted)) => {
                let may_be_sent = wanted.may_be_sent_by(self.role());
                let code = if may_be_sent { wanted } else { CloseCode::POLICY_VIOLATION };
                self.fail(ConnectionError::PeerTooSlow { code, queued, limit });
                self.output().note_unsent(len);
                Err(SendError::Closed)
            }
            (Full::Judge, WhenFull::DropNewest) => {
                self.output().note_dropped(len);
                Err(SendError::Dropped { queued, limit })
            }
            (Full::Judge, WhenFull::DropOldest) => {
                self.output().replace_oldest(keep());
                self.has_sent = true;
                Ok(())
            }
        }
    }

    pub(in crate::connection) fn begin(
        &mut self,
        kind: MessageKind,
        compress: Compress,
    ) -> Result<(), SendError> {
        self.check_open()?;
        self.output().begin(kind, compress)
    }

    pub(in crate::connection) fn send_chunk(&mut self, payload: &[u8]) -> Result<(), SendError> {
        self.check_open()?;
        self.output().chunk(payload)?;
        self.has_sent = true;
        Ok(())
    }

    pub(in crate::connection) fn finish(&mut self) -> Result<(), SendError> {
        self.check_open()?;
        self.output().finish()?;
        self.has_sent = true;
        Ok(())
    }

    pub(in crate::connection) fn ping(&mut self, payload: &[u8]) -> Result<(), SendError> {
        self.check_open()?;
        self.output().control(Opcode::Ping, payload)?;
        self.rare.timers.note_ping(payload);
        Ok(())
    }

    pub(in crate::connection) fn pong(&mut self, payload: &[u8]) -> Result<(), SendError> {
        self.check_open()?;
        self.output().control(Opcode::Pong, payload)
    }

    pub(in crate::connection) fn close(
        &mut self,
        code: CloseCode,
        reason: &str,
    ) -> Result<(), SendError> {
        let code = check_close(self.role(), code, reason)?;
        if self.life.begin_close() == SendClose::Yes {
            let (body, len) = close_body(code, reason);
            self.output().close(body.get(..len).unwrap_or_default());
        }
        Ok(())
    }

    pub(in crate::connection) fn close_and_deliver(
        &mut self,
        code: CloseCode,
        reason: &str,
    ) -> Result<(), SendError> {
        let was_open = self.life.is_open();
        self.close(code, reason)?;
        if was_open {
            self.life.deliver_late();
        }
        Ok(())
    }

    #[inline]
    const fn check_open(&self) -> Result<(), SendError> {
        match self.life.phase() {
            Phase::Open => Ok(()),
            Phase::Connecting => Err(SendError::Connecting),
            Phase::CloseSent | Phase::AwaitingEof(_) | Phase::Failed(_) | Phase::Closed(_) => {
                Err(SendError::Closed)
            }
        }
    }
}
