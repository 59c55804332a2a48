//! Bytes to frames, part by part (§5.2), in a buffer that somebody else owns; knows the role of the
//! sender but no message.

use core::num::NonZeroU16;
use core::ops::Range;

use super::header::{Header, Opcode, RSV};
use super::mask;
use crate::buffer::ReceiveBuf;
use crate::error::ConnectionError;
use crate::role::Role;

/// Takes frames out of a [`ReceiveBuf`].
///
/// A header is checked before one byte of its payload is waited for. A payload is unmasked in
/// place, as it arrives or, where nobody could look at its beginning, a good deal at once; it is
/// never copied.
///
/// ```text
///            header whole, payload not            payload whole
/// (between) ──────────────────────────▶ (within) ───────────────▶ (between)
///     └──────────────── header and payload whole ─────────────────────┘
/// ```
#[derive(Debug)]
pub(crate) struct FrameReader {
    sender: Role,
    /// Reserved bits that a negotiated extension gives a meaning to; within `RSV`.
    allowed_rsv: u8,
    /// Frames up to this size are held until they are whole.
    hold: u32,
    max_frame_size: u64,
    /// The largest piece of a frame that is not held.
    max_piece: Option<NonZeroU16>,
    frame: Option<Unfinished>,
}

/// A frame whose header has been consumed and whose payload has not.
#[derive(Debug)]
struct Unfinished {
    header: Header,
    /// How many bytes of the payload are unmasked: they wait in the input if the frame is held,
    /// else they are consumed. unmasked < header.payload_len while the frame is kept
    unmasked: u64,
    /// Whether the payload waits in the input until it is whole.
    is_held: bool,
    /// How many bytes more must arrive before there is something to do, unless these are the last.
    at_once: u32,
}

impl Unfinished {
    /// Returns how much of the payload lies at the beginning of the input, unmasked.
    fn waiting(&self) -> usize {
        if self.is_held { usize::try_from(self.unmasked).unwrap_or_default() } else { 0 }
    }

    fn is_waiting_for_more(&self, input: &ReceiveBuf) -> bool {
        let left = self.header.payload_len - self.unmasked;
        ((input.len() - self.waiting()) as u64) < left.min(self.at_once.into())
    }
}

/// What [`FrameReader::poll`] found: a frame, or the next part of one.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub(crate) struct Part {
    /// The header of the frame, the same for all its pieces.
    pub(crate) header: Header,
    /// Whether this is the first piece of its frame. It may be without payload: a header is
    /// reported at once.
    pub(crate) is_first: bool,
    /// Whether this is the last piece of its frame.
    pub(crate) is_last: bool,
    /// Positions in the input of the payload that was consumed.
    pub(crate) payload: Range<usize>,
    /// Positions of what arrived with this piece: the same, or the newest part of a held frame.
    pub(crate) fresh: Range<usize>,
    /// Whether what arrived is known to be ASCII.
    pub(crate) is_ascii: bool,
}

impl FrameReader {
    /// Creates a decoder for the frames that `sender` sends.
    ///
    /// Control frames come whole; of data frames every piece is reported as it arrives. The size of
    /// frames is not limited.
    #[must_use]
    pub(crate) const fn new(sender: Role) -> Self {
        Self {
            sender,
            allowed_rsv: 0,
            hold: 0,
            max_frame_size: u64::MAX,
            max_piece: None,
            frame: None,
        }
    }

    /// Holds data frames of up to `len` bytes of payload in the input until they are whole.
    ///
    /// A message in one frame is held up to 64 times as much, unless it is compressed: where it
    /// lies it need not be copied. Of a larger one that is binary, at least `len` bytes are
    /// reported at once, or the rest of it, unless there is a [largest piece](Self::max_piece).
    #[must_use]
    pub(crate) const fn hold_up_to(mut self, len: u32) -> Self {
        self.hold = len;
        self
    }

    /// Refuses data frames of more than `len` bytes of payload.
    #[must_use]
    pub(crate) const fn max_frame_size(mut self, len: u64) -> Self {
        self.max_frame_size = len;
        self
    }

    /// Reports at most `len` bytes at once of frames that are not held.
    #[must_use]
    pub(crate) const fn max_piece(mut self, len: NonZeroU16) -> Self {
        self.max_piece = Some(len);
        self
    }

    /// Accepts these reserved bits (within `0x70`), as an extension has negotiated them.
    #[must_use]
    pub(crate) const fn allow_rsv(mut self, bits: u8) -> Self {
        self.allowed_rsv = bits & RSV;
        self
    }

    /// As [`allow_rsv`](Self::allow_rsv), for a decoder in use.
    #[cfg(feature = "deflate")]
    pub(crate) const fn set_allowed_rsv(&mut self, bits: u8) {
        self.allowed_rsv = bits & RSV;
    }

    /// As [`max_piece`](Self::max_piece), for a decoder in use.
    #[cfg(feature = "deflate")]
    pub(crate) const fn set_max_piece(&mut self, len: NonZeroU16) {
        self.max_piece = Some(len);
    }

    /// Takes the next piece, or returns `Ok(None)` if `input` holds nothing new.
    ///
    /// All pieces of a connection must be polled from the same input.
    ///
    /// # Errors
    ///
    /// What §5.2 forbids, for the sender's role and this decoder's limits. The error is the same
    /// however the bytes were split. Afterwards the decoder is of no use.
    #[inline]
    pub(crate) fn poll(&mut self, input: &mut ReceiveBuf) -> Result<Option<Part>, ConnectionError> {
        self.poll_within(input, true)
    }

    /// As [`poll`](Self::poll), by who knows whether anybody looks at the beginning of fragments
    /// that continue a message.
    #[inline]
    pub(crate) fn poll_within(
        &mut self,
        input: &mut ReceiveBuf,
        is_looked_at: bool,
    ) -> Result<Option<Part>, ConnectionError> {
        let is_first = self.frame.is_none();
        if is_first {
            let (header, header_len) = match Header::parse(input.as_slice()) {
                Ok(Some(parsed)) => parsed,
                Ok(None) => return self.refuse_early(input.as_slice()).map(|()| None),
                Err(error) => return Err(self.first_fault(input.as_slice(), error)),
            };
            self.check(&header)?;
            input.consume(header_len);
            if let Some(piece) = self.poll_whole(input, &header) {
                return Ok(Some(piece));
            }
            self.begin(input, header, is_looked_at);
        }
        Ok(self.poll_begun(input, is_first))
    }

    /// Returns whether nothing can be done before more of the frame arrives that is unfinished.
    pub(crate) fn is_waiting_for_more(&self, input: &ReceiveBuf) -> bool {
        self.frame.as_ref().is_some_and(|frame| frame.is_waiting_for_more(input))
    }

    /// Returns who sends the frames.
    #[inline]
    pub(crate) const fn sender(&self) -> Role {
        self.sender
    }

    /// Returns the largest data frame that is accepted, in bytes of payload.
    pub(crate) const fn largest_frame(&self) -> u64 {
        self.max_frame_size
    }

    /// Returns whether the header of a frame has been consumed and its payload has not.
    pub(crate) const fn is_within(&self) -> bool {
        self.frame.is_some()
    }

    /// Returns whether the payload of a frame waits in the input until it is whole.
    fn holds(&self, header: &Header) -> bool {
        let len = header.payload_len;
        match (header.opcode, header.fin, header.rsv) {
            (Opcode::Close | Opcode::Ping | Opcode::Pong, ..) => true,
            (Opcode::Binary | Opcode::Text, true, 0) => len <= u64::from(self.hold) * HOLD_WHOLE,
            (Opcode::Binary | Opcode::Continuation | Opcode::Text, ..) => {
                len <= u64::from(self.hold)
            }
        }
    }

    /// Takes the payload of a frame that has arrived as a whole, as most have when their header is
    /// looked at.
    #[inline]
    fn poll_whole(&self, input: &mut ReceiveBuf, header: &Header) -> Option<Part> {
        let most = self.max_piece.map_or(usize::MAX, |most| most.get().into());
        let len = usize::try_from(header.payload_len).ok()?;
        if len > input.len().min(most) {
            return None;
        }
        let payload = input.start()..input.start() + len;
        let is_ascii = unmask(input.range_mut(payload.clone()), header, 0);
        input.consume(len);
        let fresh = payload.clone();
        let (header, is_first, is_last) = (*header, true, true);
        Some(Part { header, is_first, is_last, payload, fresh, is_ascii })
    }

    fn begin(&mut self, input: &mut ReceiveBuf, header: Header, is_looked_at: bool) {
        let is_held = self.holds(&header);
        if is_held {
            input.expect(header.payload_len.saturating_sub(input.len() as u64));
        }
        let is_looked_at = match header.opcode {
            Opcode::Binary => header.rsv != 0,
            Opcode::Continuation => is_looked_at,
            Opcode::Close | Opcode::Ping | Opcode::Pong | Opcode::Text => true,
        };
        let at_once = match is_held {
            _ if is_looked_at => 1,
            true => AT_ONCE,
            false if self.max_piece.is_some() => 1,
            false => self.hold.max(1),
        };
        self.frame = Some(Unfinished { header, unmasked: 0, is_held, at_once });
    }

    /// Unmasks what has arrived of a frame since the last call. The header is reported at once.
    #[inline]
    fn poll_begun(&mut self, input: &mut ReceiveBuf, is_first: bool) -> Option<Part> {
        let frame = self.frame.as_mut()?;
        let is_waiting = frame.is_waiting_for_more(input);
        if is_waiting && !is_first {
            return None;
        }
        let header = frame.header;
        let waiting = frame.waiting();
        let arrived = if is_waiting { 0 } else { input.len() - waiting };
        let most = match self.max_piece {
            Some(most) if !frame.is_held => usize::from(most.get()),
            _ => usize::MAX,
        };
        let left = header.payload_len - frame.unmasked;
        let len = usize::try_from(left).map_or(arrived, |left| left.min(arrived)).min(most);
        let start = input.start();
        let fresh = start + waiting..start + waiting + len;
        // Only the two lowest bits matter.
        let offset = usize::try_from(frame.unmasked & 3).unwrap_or_default();
        let is_ascii = unmask(input.range_mut(fresh.clone()), &header, offset);
        let is_last = len as u64 == left;
        let payload = if is_last || !frame.is_held { start..fresh.end } else { start..start };
        frame.unmasked += len as u64;
        if is_last {
            self.frame = None;
        }
        input.consume(payload.len());
        Some(Part { header, is_first, is_last, payload, fresh, is_ascii })
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

impl Part {
    /// Returns the payload of this piece, unmasked.
    ///
    /// It lies in `input` until bytes are appended there, and is empty for a frame that is held
    /// until it is whole.
    #[must_use]
    pub(crate) fn payload<'a>(&self, input: &'a ReceiveBuf) -> &'a [u8] {
        input.range(self.payload.clone())
    }
}

/// Unmasks a part of the payload of a frame, and returns whether it is known to be ASCII: of what
/// cannot be text, nobody wants to know.
fn unmask(payload: &mut [u8], header: &Header, offset: usize) -> bool {
    match (header.mask, header.opcode) {
        (Some(key), Opcode::Continuation | Opcode::Text) => {
            mask::apply_to_text(payload, key, offset)
        }
        (Some(key), Opcode::Binary | Opcode::Close | Opcode::Ping | Opcode::Pong) => {
            mask::apply(payload, key, offset);
            false
        }
        (None, _) => false,
    }
}

/// How much more is held of a message in one frame.
const HOLD_WHOLE: u64 = 64;

/// How much is unmasked at once of what waits anyway: little enough that it is still in the cache.
const AT_ONCE: u32 = 64 << 10;
