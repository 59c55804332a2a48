//! What an application wants of a connection (§5.5, §6.1): checks whether it may be, and hands it
//! on; knows nothing of what arrives.

use super::config::WhenFull;
use super::outbound::{Compress, Source};
use super::refused::Refused;
use super::state::{Connection, Phase};
use crate::close::{CloseCode, MAX_REASON_LEN};
use crate::error::{ConnectionError, SendError};
use crate::frame::{MAX_CONTROL_LEN, Opcode};
use crate::message::{Message, MessageKind, Prepared};

impl Connection {
    /// Sends a message.
    ///
    /// A server keeps a large payload by reference. So does a client if nobody else holds it, and
    /// masks it where it lies; otherwise it makes a masked copy.
    ///
    /// # Errors
    ///
    /// [`Refused`] gives the message back: the connection is closing, the output is full, or a
    /// message is being sent in parts. [`Config::when_full`](crate::Config::when_full) has other
    /// answers to a full output.
    #[inline]
    pub fn send(&mut self, message: Message) -> Result<(), Refused> {
        self.send_message(message, Compress::Auto)
    }

    /// Sends a message as it is, also where compression was negotiated.
    ///
    /// When a secret is compressed together with what an attacker can choose, the length of the
    /// result tells how much the two have in common (RFC 7692, §8). Such a message is to be sent
    /// like this.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    #[inline]
    pub fn send_uncompressed(&mut self, message: Message) -> Result<(), Refused> {
        self.send_message(message, Compress::Never)
    }

    /// Sends a message that was framed once for many connections.
    ///
    /// A server appends it by reference where it is large, and by one copy where it is small; a
    /// client masks a copy. Nothing is compressed: where permessage-deflate was negotiated, the
    /// message leaves in the form that was [compressed for it](Prepared#compression), or as it is.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn send_prepared(&mut self, prepared: &Prepared) -> Result<(), SendError> {
        if !matches!(self.phase, Phase::Open) {
            self.outgoing.note_unsent(prepared.len());
            return Err(SendError::Closed);
        }
        match self.outgoing.prepared(prepared) {
            Ok(()) => {
                self.has_sent = true;
                Ok(())
            }
            Err(error) => self.judge_refused(error, prepared.len()),
        }
    }

    /// Returns whether less waits to be written than may.
    #[cfg(feature = "tokio")]
    pub(crate) fn has_room(&self) -> bool {
        self.outgoing.has_room()
    }

    /// Sends a binary message, copied.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    #[inline]
    pub fn send_binary(&mut self, payload: &[u8]) -> Result<(), SendError> {
        self.send_source(MessageKind::Binary, Source::Borrowed(payload), Compress::Auto)
    }

    /// Sends a text message, copied.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    #[inline]
    pub fn send_text(&mut self, text: &str) -> Result<(), SendError> {
        self.send_source(MessageKind::Text, Source::Borrowed(text.as_bytes()), Compress::Auto)
    }

    /// Begins a message that is sent in parts, by [`send_chunk`](Self::send_chunk) and
    /// [`finish`](Self::finish).
    ///
    /// # Errors
    ///
    /// [`SendError::MessageInProgress`], [`SendError::Full`], [`SendError::Closed`].
    pub fn begin(&mut self, kind: MessageKind) -> Result<(), SendError> {
        self.check_open()?;
        self.outgoing.begin(kind, Compress::Auto)
    }

    /// As [`begin`](Self::begin), for a message that is not to be compressed; see
    /// [`send_uncompressed`](Self::send_uncompressed).
    ///
    /// # Errors
    ///
    /// As [`begin`](Self::begin).
    pub fn begin_uncompressed(&mut self, kind: MessageKind) -> Result<(), SendError> {
        self.check_open()?;
        self.outgoing.begin(kind, Compress::Never)
    }

    /// Sends the next part of a message, as a fragment of its own (§5.4).
    ///
    /// Parts of a text message may end inside a character.
    ///
    /// # Errors
    ///
    /// [`SendError::NoMessageInProgress`], [`SendError::InvalidUtf8`], [`SendError::Full`],
    /// [`SendError::Closed`]. Nothing was sent; the message is still in progress.
    pub fn send_chunk(&mut self, payload: &[u8]) -> Result<(), SendError> {
        self.check_open()?;
        self.outgoing.chunk(payload)?;
        self.has_sent = true;
        Ok(())
    }

    /// Finishes a message that is sent in parts.
    ///
    /// # Errors
    ///
    /// [`SendError::NoMessageInProgress`], [`SendError::Closed`], or [`SendError::InvalidUtf8`]
    /// when a text would end inside a character: the message is still in progress then.
    pub fn finish(&mut self) -> Result<(), SendError> {
        self.check_open()?;
        self.outgoing.finish()?;
        self.has_sent = true;
        Ok(())
    }

    /// Sends a Ping with up to 125 bytes (§5.5.2).
    ///
    /// # Errors
    ///
    /// [`SendError::ControlTooLong`], [`SendError::Full`], [`SendError::Closed`].
    pub fn ping(&mut self, payload: &[u8]) -> Result<(), SendError> {
        self.check_open()?;
        self.outgoing.control(Opcode::Ping, payload)?;
        self.rare.timers.note_ping(payload);
        Ok(())
    }

    /// Sends a Pong with up to 125 bytes, asked for or not (§5.5.3).
    ///
    /// # Errors
    ///
    /// As [`ping`](Self::ping).
    pub fn pong(&mut self, payload: &[u8]) -> Result<(), SendError> {
        self.check_open()?;
        self.outgoing.control(Opcode::Pong, payload)
    }

    /// Begins the closing handshake (§7.1.2), behind all messages sent before.
    ///
    /// A message that is being sent in parts is left unfinished. Without effect on a connection
    /// that is closing or closed.
    ///
    /// # Errors
    ///
    /// [`SendError::InvalidCloseCode`] for a code that this role may not send, and
    /// [`SendError::ReasonTooLong`], whatever the state.
    pub fn close(&mut self, code: impl Into<CloseCode>, reason: &str) -> Result<(), SendError> {
        let code = code.into();
        if !code.may_be_sent_by(self.role()) {
            return Err(SendError::InvalidCloseCode { code: code.as_u16() });
        }
        if reason.len() > MAX_REASON_LEN {
            return Err(SendError::ReasonTooLong { len: reason.len() });
        }
        let (body, len) = close_body(code, reason);
        self.begin_close(body.get(..len).unwrap_or_default());
        Ok(())
    }

    /// Begins the closing handshake with a Close frame that has neither code nor reason; otherwise
    /// as [`close`](Self::close).
    pub fn close_without_code(&mut self) {
        self.begin_close(&[]);
    }

    fn send_message(&mut self, mut message: Message, compress: Compress) -> Result<(), Refused> {
        self.send_source(message.kind(), Source::Owned(message.as_shared_mut()), compress)
            .map_err(|error| Refused { error, message })
    }

    #[inline(always)]
    fn send_source(
        &mut self,
        kind: MessageKind,
        payload: Source<'_>,
        compress: Compress,
    ) -> Result<(), SendError> {
        let len = payload.len();
        if !matches!(self.phase, Phase::Open) {
            // WHATWG `send()`: in CLOSING and CLOSED, bufferedAmount grows all the same.
            self.outgoing.note_unsent(len);
            return Err(SendError::Closed);
        }
        match self.outgoing.message(kind, payload, compress) {
            Ok(()) => {
                self.has_sent = true;
                Ok(())
            }
            Err(error) => self.judge_refused(error, len),
        }
    }

    /// Does with a message of `len` bytes that was refused what [`WhenFull`] says.
    #[cold]
    fn judge_refused(&mut self, error: SendError, len: usize) -> Result<(), SendError> {
        let SendError::Full { queued, limit } = error else { return Err(error) };
        match self.rare.when_full {
            WhenFull::Close(wanted) => {
                let may_be_sent = wanted.may_be_sent_by(self.role());
                let code = if may_be_sent { wanted } else { CloseCode::POLICY_VIOLATION };
                self.fail(ConnectionError::PeerTooSlow { code, queued, limit });
                self.outgoing.note_unsent(len);
                Err(SendError::Closed)
            }
            WhenFull::Drop => {
                self.outgoing.note_dropped(len);
                Ok(())
            }
            WhenFull::Refuse => Err(error),
        }
    }

    #[inline]
    const fn check_open(&self) -> Result<(), SendError> {
        match self.phase {
            Phase::Open => Ok(()),
            Phase::CloseSent | Phase::Draining(_) | Phase::Failed(_) | Phase::Closed(_) => {
                Err(SendError::Closed)
            }
        }
    }

    fn begin_close(&mut self, body: &[u8]) {
        if matches!(self.phase, Phase::Open) {
            self.outgoing.close(body);
            self.phase = Phase::CloseSent;
        }
    }
}

/// Returns the body of a Close frame (§5.5.1), the code in network byte order and then the reason,
/// and its length. `reason` is at most 123 bytes.
fn close_body(code: CloseCode, reason: &str) -> ([u8; MAX_CONTROL_LEN], usize) {
    let mut body = [0; MAX_CONTROL_LEN];
    let (head, tail) = body.split_at_mut(2);
    head.copy_from_slice(&code.as_u16().to_be_bytes());
    for (slot, byte) in tail.iter_mut().zip(reason.bytes()) {
        *slot = byte;
    }
    (body, MAX_CONTROL_LEN.min(2 + reason.len()))
}
