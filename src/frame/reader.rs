//! Bytes to frames, part by part (§5.2), in a buffer that somebody else owns; knows the role of the
//! sender but no message.

use core::ops::Range;

use super::header::{Header, Opcode, RSV};
use super::mask;
use crate::buffer::ReceiveBuf;
use crate::error::ConnectionError;
use crate::role::Role;

/// Takes frames out of a [`ReceiveBuf`]: first a header, then its payload, as it arrives.
///
/// A header is checked before one byte of its payload is waited for. A payload is unmasked in place
/// and never copied.
///
/// ```text
///           header                 payload whole
/// (between) ──────▶ (within) ─────────────────────▶ (between)
///                     ▲  └─┐
///                     └────┘ part of the payload
/// ```
#[derive(Debug)]
pub(crate) struct FrameReader {
    sender: Role,
    /// Reserved bits that a negotiated extension gives a meaning to; within `RSV`.
    allowed_rsv: u8,
    max_frame_size: u64,
    frame: Option<Unfinished>,
    /// How much of its payload is worth taking, unless it is the rest. Not 0.
    least: u32,
}

/// A frame whose header has been consumed and whose payload has not.
#[derive(Debug)]
struct Unfinished {
    header: Header,
    /// How much of the payload has not been consumed. left <= header.payload_len
    left: u64,
}

/// A part of the payload of a frame.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    /// Positions in the input of what was consumed, unmasked.
    pub(crate) payload: Range<usize>,
    /// Whether the payload ends with it.
    pub(crate) is_last: bool,
    /// Whether it is known to be ASCII.
    pub(crate) is_ascii: bool,
}

impl FrameReader {
    /// Creates a reader of the frames that `sender` sends. Data frames of more than
    /// `max_frame_size` bytes of payload are refused.
    pub(crate) const fn new(sender: Role, max_frame_size: u64) -> Self {
        Self { sender, allowed_rsv: 0, max_frame_size, frame: None, least: 1 }
    }

    /// Accepts these reserved bits (within `0x70`), as an extension has negotiated them.
    pub(crate) const fn set_allowed_rsv(&mut self, bits: u8) {
        self.allowed_rsv = bits & RSV;
    }

    pub(crate) const fn set_max_frame_size(&mut self, len: u64) {
        self.max_frame_size = len;
    }

    /// Parses and checks the header of the next frame, between two frames; returns it with its own
    /// length, or `Ok(None)` if it has not arrived as a whole. It is still unread then: either
    /// [`take_whole`](Self::take_whole) or [`begin`](Self::begin) consumes it.
    ///
    /// # Errors
    ///
    /// What §5.2 forbids, for the sender's role and the limit. The error is the same however the
    /// bytes were split. Afterwards the reader is of no use.
    #[inline(always)]
    pub(crate) fn parse_header(
        &self,
        input: &ReceiveBuf,
    ) -> Result<Option<(Header, usize)>, ConnectionError> {
        let (header, header_len) = match Header::parse(input.unread()) {
            Ok(Some(parsed)) => parsed,
            Ok(None) => return self.refuse_early(input.unread()).map(|()| None),
            Err(error) => return Err(self.first_fault(input.unread(), error)),
        };
        self.check(&header)?;
        Ok(Some((header, header_len)))
    }

    /// Takes a frame whose header was parsed, if all of its payload has arrived.
    #[inline(always)]
    pub(crate) fn take_whole(
        input: &mut ReceiveBuf,
        header: &Header,
        header_len: usize,
    ) -> Option<Part> {
        let len = usize::try_from(header.payload_len).ok()?;
        let payload = input.consume(header_len.checked_add(len)?)?.start + header_len;
        let payload = payload..payload + len;
        let is_ascii = unmask(input, payload.clone(), header, 0);
        Some(Part { payload, is_last: true, is_ascii })
    }

    /// Consumes a header that was parsed. Of the payload, `least` bytes are worth taking at once, or
    /// the rest of it; all of a control frame.
    pub(crate) fn begin(
        &mut self,
        input: &mut ReceiveBuf,
        header: &Header,
        header_len: usize,
        least: u32,
    ) {
        input.consume(header_len);
        self.least = if header.opcode.is_control() { u32::MAX } else { least };
        self.frame = Some(Unfinished { header: *header, left: header.payload_len });
    }

    /// Takes what has arrived of the payload of the frame, at most `most` bytes, or `None` if that
    /// is too little, and between two frames.
    #[inline]
    pub(crate) fn poll_payload(&mut self, input: &mut ReceiveBuf, most: usize) -> Option<Part> {
        if self.missing(input.len()) > 0 {
            return None;
        }
        let frame = self.frame.as_mut()?;
        let len = usize::try_from(frame.left).map_or(most, |left| left.min(most)).min(input.len());
        let payload = input.consume(len)?;
        let done = frame.header.payload_len.saturating_sub(frame.left);
        let is_ascii = unmask(input, payload.clone(), &frame.header, done);
        frame.left = frame.left.saturating_sub(len as u64);
        let is_last = frame.left == 0;
        if is_last {
            self.frame = None;
        }
        Some(Part { payload, is_last, is_ascii })
    }

    /// Returns how much has to arrive, behind `arrived` unread bytes, before any of the payload of
    /// the frame is taken. 0 between frames.
    #[inline]
    pub(crate) fn missing(&self, arrived: usize) -> u64 {
        self.frame
            .as_ref()
            .map_or(0, |frame| frame.left.min(self.least.into()).saturating_sub(arrived as u64))
    }

    /// Forgets the frame whose payload has not been consumed.
    pub(crate) fn forget(&mut self) {
        self.frame = None;
    }

    /// Returns the header of the frame whose payload has not been consumed.
    #[inline]
    pub(crate) fn header(&self) -> Option<Header> {
        self.frame.as_ref().map(|frame| frame.header)
    }

    /// Returns the opcode of that frame, and how much of its payload has not been consumed.
    pub(crate) fn unfinished(&self) -> Option<(Opcode, u64)> {
        self.frame.as_ref().map(|frame| (frame.header.opcode, frame.left))
    }

    /// Returns the role of the sender.
    #[inline]
    pub(crate) const fn sender(&self) -> Role {
        self.sender
    }

    /// Returns the largest data frame that is accepted, in bytes of payload.
    pub(crate) const fn max_frame_size(&self) -> u64 {
        self.max_frame_size
    }

    /// Returns whether the header of a frame has been consumed and its payload has not.
    #[inline]
    pub(crate) const fn is_within(&self) -> bool {
        self.frame.is_some()
    }

    /// Returns whether the header of a data frame has been consumed and its payload has not.
    #[inline]
    pub(crate) fn is_within_data(&self) -> bool {
        self.frame.as_ref().is_some_and(|frame| !frame.header.opcode.is_control())
    }

    /// Returns whether that frame is the last one of its message.
    #[inline]
    pub(crate) fn is_final(&self) -> bool {
        self.frame.as_ref().is_some_and(|frame| frame.header.fin)
    }

    #[inline]
    fn check(&self, header: &Header) -> Result<(), ConnectionError> {
        self.check_first_bytes(header.rsv, header.mask.is_some())?;
        // A control frame has at most 125 bytes already.
        if header.payload_len > self.max_frame_size && !header.opcode.is_control() {
            let (len, limit) = (header.payload_len, self.max_frame_size);
            return Err(ConnectionError::FrameTooLarge { len, limit });
        }
        Ok(())
    }

    #[inline]
    fn check_first_bytes(&self, rsv: u8, masked: bool) -> Result<(), ConnectionError> {
        if rsv & !self.allowed_rsv != 0 {
            // §5.2: "If a nonzero value is received and none of the negotiated extensions defines
            // the meaning of such a nonzero value, the receiving endpoint MUST _Fail the WebSocket
            // Connection_."
            return Err(ConnectionError::ReservedBits { bits: rsv & !self.allowed_rsv });
        }
        match (self.sender, masked) {
            // §5.1: "The server MUST close the connection upon receiving a frame that is not
            // masked."
            (Role::Client, false) => Err(ConnectionError::MaskMissing),
            // §5.1: "A client MUST close a connection if it detects a masked frame."
            (Role::Server, true) => Err(ConnectionError::MaskUnexpected),
            (Role::Client, true) | (Role::Server, false) => Ok(()),
        }
    }

    /// Of several rules that a header breaks, names the one that its first bytes break, as if they
    /// had come one by one.
    #[cold]
    fn first_fault(&self, bytes: &[u8], error: ConnectionError) -> ConnectionError {
        // The opcode is known one byte before the mask.
        let known = if matches!(error, ConnectionError::ReservedOpcode { .. }) { 1 } else { 2 };
        self.refuse_early(bytes.get(..known).unwrap_or(bytes)).err().unwrap_or(error)
    }

    /// Judges a header that is not whole by what has arrived of it.
    #[cold]
    fn refuse_early(&self, bytes: &[u8]) -> Result<(), ConnectionError> {
        let sound = self.sender == Role::Client;
        match bytes {
            [] => Ok(()),
            [first] => self.check_first_bytes(first & RSV, sound),
            [first, second, ..] => self.check_first_bytes(first & RSV, second & 0x80 != 0),
        }
    }
}

/// Unmasks the bytes after the first `done` bytes of a payload. Returns whether they are known to be
/// ASCII; `false` for opcodes whose payload is not text.
#[inline(always)]
fn unmask(input: &mut ReceiveBuf, range: Range<usize>, header: &Header, done: u64) -> bool {
    let Some(key) = header.mask else { return false };
    let payload = input.range_mut(range);
    // Only the two lowest bits matter.
    let offset = usize::try_from(done & 3).unwrap_or_default();
    match header.opcode {
        Opcode::Continuation | Opcode::Text => mask::apply_to_text(payload, key, offset),
        Opcode::Binary | Opcode::Close | Opcode::Ping | Opcode::Pong => {
            mask::apply(payload, key, offset);
            false
        }
    }
}
