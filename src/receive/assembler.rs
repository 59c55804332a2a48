//! Fragments to messages (§5.4), within limits (§10.4); knows nothing of what is sent.

use alloc::boxed::Box;
use alloc::vec::Vec;
#[cfg(feature = "deflate")]
use core::num::NonZeroU16;
use core::ops::Range;

use bytes::Bytes;

use super::whole::{self, Begins, Content, Whole};
use crate::buffer::ReceiveBuf;
use crate::error::ConnectionError;
#[cfg(feature = "deflate")]
use crate::extension::Deflate;
use crate::extension::Inflater;
#[cfg(feature = "deflate")]
use crate::frame::RSV1;
use crate::frame::{FrameReader, Opcode, Part as Piece};
use crate::message::MessageKind;
use crate::role::Role;
use crate::utf8::{Utf8Validator, is_utf8};

/// Takes messages and control frames out of a receive buffer.
///
/// ```text
///                 FIN = 0                     FIN = 0
///          ┌─────────────────────▶ (within) ─────┐
/// FIN = 1 (between)                    ▲─────────┘
///    └─────▶ ▲──────────────────────────┘
///                 continuation, FIN = 1
/// ```
#[derive(Debug)]
pub(crate) struct Assembler {
    decoder: FrameReader,
    /// Below 2^63, so that sums of lengths do not overflow.
    max_message_size: u64,
    max_fragments: u32,
    /// Messages of less than so many bytes may be taken as they lie: 0 within a message, and where
    /// chunks are delivered.
    whole_below: u32,
    /// Whether parts of a message are reported as they arrive.
    chunks: bool,
    /// The message in progress: fragmented, or larger than the receive buffer holds.
    kind: Option<MessageKind>,
    /// Of the message in progress.
    utf8: Utf8Validator,
    /// Frames of the message in progress.
    fragments: u32,
    /// Payload bytes that the frames of the message in progress announced.
    announced: u64,
    /// Whether it is compressed (RFC 7692, §6).
    compressed: bool,
    inflater: Option<Box<Inflater>>,
    /// What has arrived of it; always empty where chunks are delivered.
    data: Vec<u8>,
    /// How long the last message was that was assembled.
    last_len: u32,
}

/// What a receiver accepts of one message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Below 2^63.
    pub(crate) max_message_size: u64,
    pub(crate) max_frame_size: u64,
    pub(crate) max_fragments: u32,
    /// Whether parts of a message are reported as they arrive.
    pub(crate) chunks: bool,
}

/// What [`Assembler::poll`] found. Positions count from the beginning of the input.
#[derive(Debug)]
pub(crate) enum Received {
    Chunk { kind: MessageKind, is_first: bool, is_last: bool, source: Source },
    Close(Range<usize>),
    Message(MessageKind, Source),
    Ping(Range<usize>),
    Pong(Range<usize>),
}

/// Where the payload of a message is.
#[derive(Debug)]
pub(crate) enum Source {
    Assembled(Bytes),
    Input(Range<usize>),
}

impl Assembler {
    pub(crate) fn new(sender: Role, limits: Limits) -> Self {
        let hold = if limits.chunks { 0 } else { HOLD_UP_TO };
        let decoder =
            FrameReader::new(sender).hold_up_to(hold).max_frame_size(limits.max_frame_size);
        let mut assembler = Self {
            decoder,
            max_message_size: limits.max_message_size,
            max_fragments: limits.max_fragments,
            whole_below: 0,
            chunks: limits.chunks,
            kind: None,
            utf8: Utf8Validator::new(),
            fragments: 0,
            announced: 0,
            compressed: false,
            inflater: None,
            data: Vec::new(),
            last_len: 0,
        };
        assembler.note_whole_below();
        assembler
    }

    /// Takes a binary or text message that is one whole frame in `input` and nothing else. A text
    /// may not be validated yet.
    #[inline(always)]
    pub(crate) fn poll_frame(&self, input: &mut ReceiveBuf) -> Option<Whole> {
        whole::take_frame(input, self.decoder.sender(), self.whole_below)
    }

    /// Takes the next message, chunk or control frame, or returns `Ok(None)` if `input` does not
    /// hold all of it.
    #[inline]
    pub(crate) fn poll(
        &mut self,
        input: &mut ReceiveBuf,
    ) -> Result<Option<Received>, ConnectionError> {
        match self.look(input) {
            Begins::Part => Ok(None),
            Begins::Unusual => self.poll_pieces(input),
            Begins::Whole => {
                let message = whole::take(input, self.decoder.sender());
                Received::whole(message, input).map(Some)
            }
        }
    }

    /// Looks whether what comes next is a whole message, or waits to be.
    fn look(&self, input: &ReceiveBuf) -> Begins {
        if self.whole_below > 0 {
            return whole::look(input, self.decoder.sender(), self.whole_below, self.max_fragments);
        }
        if self.decoder.is_waiting_for_more(input) { Begins::Part } else { Begins::Unusual }
    }

    fn poll_pieces(&mut self, input: &mut ReceiveBuf) -> Result<Option<Received>, ConnectionError> {
        let polled = self.poll_next_pieces(input);
        self.note_whole_below();
        polled
    }

    fn poll_next_pieces(
        &mut self,
        input: &mut ReceiveBuf,
    ) -> Result<Option<Received>, ConnectionError> {
        loop {
            // A text is validated, and what is compressed is decompressed, as it arrives.
            let is_looked_at = self.kind != Some(MessageKind::Binary) || self.compressed;
            let Some(piece) = self.decoder.poll_within(input, is_looked_at)? else {
                return Ok(None);
            };
            let opcode = piece.header.opcode;
            if opcode.is_control() {
                check_rsv(&piece)?;
                if !piece.is_last {
                    continue;
                }
            }
            let kind = match opcode {
                Opcode::Close => return Ok(Some(Received::Close(piece.payload))),
                Opcode::Ping => return Ok(Some(Received::Ping(piece.payload))),
                Opcode::Pong => return Ok(Some(Received::Pong(piece.payload))),
                Opcode::Binary | Opcode::Continuation | Opcode::Text => self.begin(&piece)?,
            };
            let received = if self.compressed {
                self.accept_compressed(kind, &piece, input)?
            } else {
                self.accept(kind, piece, input)?
            };
            if received.is_some() {
                return Ok(received);
            }
        }
    }

    /// Decompresses what is marked as compressed from now on.
    #[cfg(feature = "deflate")]
    pub(crate) fn set_deflate(&mut self, agreed: Deflate) {
        let inflater = Inflater::new(agreed, self.max_message_size);
        self.inflater = Some(Box::new(inflater));
        self.decoder.set_allowed_rsv(RSV1);
        if self.chunks {
            self.decoder.set_max_piece(COMPRESSED_PIECE);
        }
    }

    /// Gives memory back that is not in use.
    pub(crate) fn release(&mut self) {
        if let Some(inflater) = &mut self.inflater {
            inflater.release();
        }
        if self.data.is_empty() {
            self.data = Vec::new();
        }
    }

    /// Returns whether there is a beginning of a message without its end.
    pub(crate) const fn is_within(&self) -> bool {
        self.kind.is_some() || self.decoder.is_within()
    }

    fn note_whole_below(&mut self) {
        let limit = self.max_message_size.min(self.decoder.largest_frame());
        self.whole_below = match u32::try_from(limit) {
            _ if self.chunks || self.is_within() => 0,
            Ok(limit) => limit.saturating_add(1),
            Err(_) => u32::MAX,
        };
    }

    /// Checks the header of a data frame, before its payload.
    #[inline]
    fn begin(&mut self, piece: &Piece) -> Result<MessageKind, ConnectionError> {
        let kind = match (piece.header.opcode, self.kind) {
            (_, Some(kind)) if !piece.is_first => return Ok(kind),
            // §5.4: "The fragments of one message MUST NOT be interleaved between the fragments of
            // another message".
            (Opcode::Text | Opcode::Binary, Some(_)) => {
                let opcode = piece.header.opcode as u8;
                return Err(ConnectionError::UnfinishedMessage { opcode });
            }
            (Opcode::Text, None) => MessageKind::Text,
            (Opcode::Binary, None) => MessageKind::Binary,
            (_, Some(kind)) => kind,
            (_, None) => return Err(ConnectionError::UnexpectedContinuation),
        };
        if self.kind.is_some() {
            // RFC 7692, §6: the bit is set on the first fragment of a message or on none.
            check_rsv(piece)?;
        } else {
            self.compressed = piece.header.rsv != 0;
        }
        let limit = self.max_message_size;
        let announced = self.announced.saturating_add(piece.header.payload_len);
        // What does not compress grows a little; the limit holds for what it decompresses to.
        if announced > if self.compressed { limit.saturating_mul(2).max(1024) } else { limit } {
            return Err(ConnectionError::MessageTooLarge { limit });
        }
        let is_unfragmented = piece.header.fin && self.kind.is_none();
        if is_unfragmented && piece.is_last {
            return Ok(kind);
        }
        self.announced = announced;
        self.kind = Some(kind);
        if is_unfragmented {
            return Ok(kind);
        }
        self.fragments = self.fragments.saturating_add(1);
        let limit = u64::from(self.max_fragments) + announced / BYTES_PER_FRAGMENT;
        if u64::from(self.fragments) > limit {
            return Err(ConnectionError::TooManyFragments { limit });
        }
        Ok(kind)
    }

    /// Adds a piece to the message in progress and returns the message, if that is its end, or the
    /// piece, where pieces are delivered.
    #[inline]
    fn accept(
        &mut self,
        kind: MessageKind,
        piece: Piece,
        input: &mut ReceiveBuf,
    ) -> Result<Option<Received>, ConnectionError> {
        let is_last = piece.header.fin && piece.is_last;
        if kind == MessageKind::Text {
            self.validate(&piece, input)?;
        }
        if self.chunks {
            return Ok(self.chunk(kind, &piece, Source::Input(piece.payload.clone())));
        }
        if is_last && self.data.is_empty() {
            self.finish();
            return Ok(Some(Received::Message(kind, Source::Input(piece.payload))));
        }
        let payload = input.range(piece.payload);
        if payload.is_empty() && !is_last {
            return Ok(None);
        }
        if self.data.is_empty() {
            // Another one like the last, unless its beginning is much smaller.
            let room = (self.last_len as usize).min(payload.len() * 8);
            self.data.reserve_exact(room);
        }
        self.data.extend_from_slice(payload);
        Ok(if is_last { Some(self.message(kind)) } else { None })
    }

    /// As [`accept`](Self::accept), for a message that is compressed.
    fn accept_compressed(
        &mut self,
        kind: MessageKind,
        piece: &Piece,
        input: &ReceiveBuf,
    ) -> Result<Option<Received>, ConnectionError> {
        let is_last = piece.header.fin && piece.is_last;
        let Some(inflater) = &mut self.inflater else {
            return Err(ConnectionError::ReservedBits { bits: piece.header.rsv });
        };
        let before = self.data.len();
        let inflated = inflater.part(input.range(piece.fresh.clone()), is_last, &mut self.data);
        if kind == MessageKind::Text {
            // What comes before a fault of the stream is looked at first, as it is when it arrives
            // first.
            let fresh = self.data.get(before..).unwrap_or_default();
            validate(&mut self.utf8, fresh, is_last && inflated.is_ok())?;
        }
        inflated?;
        if self.chunks {
            let source = self.take();
            return Ok(self.chunk(kind, piece, source));
        }
        Ok(if is_last { Some(self.message(kind)) } else { None })
    }

    /// Checks what has arrived of a text message with a piece.
    ///
    /// What is seen of a frame that is held is noted in the input: the caller owns that, and might
    /// poll with another one next time, whose bytes must not be lent as text unseen.
    #[inline]
    fn validate(&mut self, piece: &Piece, input: &mut ReceiveBuf) -> Result<(), ConnectionError> {
        let (start, end) = (piece.payload.start, piece.fresh.end);
        let (from, mut utf8) = match input.seen_text(start, self.utf8) {
            Some((seen, utf8)) if seen == piece.fresh.start => (seen, utf8),
            _ => (start, self.utf8),
        };
        let is_end = piece.header.fin && piece.is_last;
        if !(piece.is_ascii && from == piece.fresh.start && utf8.is_complete()) {
            validate(&mut utf8, input.range(from..end), is_end)?;
        }
        if piece.payload.end == end {
            self.utf8 = utf8;
        } else {
            input.note_text(start..end, self.utf8, utf8);
        }
        Ok(())
    }

    fn chunk(&mut self, kind: MessageKind, piece: &Piece, source: Source) -> Option<Received> {
        let is_first = piece.is_first && piece.header.opcode != Opcode::Continuation;
        let is_last = piece.header.fin && piece.is_last;
        if is_last {
            self.finish();
        }
        if source.is_empty() && !is_first && !is_last {
            return None;
        }
        Some(Received::Chunk { kind, is_first, is_last, source })
    }

    fn message(&mut self, kind: MessageKind) -> Received {
        self.finish();
        Received::Message(kind, self.take())
    }

    /// Takes what was assembled: without a copy, unless less than half of the buffer is used.
    fn take(&mut self) -> Source {
        let capacity = self.data.capacity();
        self.last_len =
            u32::try_from(self.data.len()).unwrap_or(LIKE_LAST_AT_MOST).min(LIKE_LAST_AT_MOST);
        if self.data.len() > capacity / 2 {
            return Source::Assembled(core::mem::take(&mut self.data).into());
        }
        let bytes = Bytes::copy_from_slice(&self.data);
        if capacity > SMALL {
            self.data = Vec::new();
        }
        self.data.clear();
        Source::Assembled(bytes)
    }

    #[inline]
    fn finish(&mut self) {
        self.kind = None;
        self.announced = 0;
        self.fragments = 0;
    }
}

impl Received {
    /// Validates a message.
    fn whole(message: Whole, input: &ReceiveBuf) -> Result<Self, ConnectionError> {
        let Whole { content, payload } = message;
        let kind = match content {
            Content::Text if !is_utf8(input.range(payload.clone())) => {
                return Err(ConnectionError::InvalidUtf8);
            }
            Content::Ascii | Content::Text => MessageKind::Text,
            Content::Binary => MessageKind::Binary,
        };
        Ok(Self::Message(kind, Source::Input(payload)))
    }

    pub(crate) const fn is_message(&self) -> bool {
        matches!(self, Self::Chunk { .. } | Self::Message(..))
    }

    pub(crate) const fn ends_message(&self) -> bool {
        matches!(self, Self::Chunk { is_last: true, .. } | Self::Message(..))
    }
}

impl Source {
    fn is_empty(&self) -> bool {
        match self {
            Self::Assembled(bytes) => bytes.is_empty(),
            Self::Input(range) => range.is_empty(),
        }
    }
}

/// Checks the next bytes of a text message.
#[inline]
fn validate(utf8: &mut Utf8Validator, bytes: &[u8], is_end: bool) -> Result<(), ConnectionError> {
    // §8.1: "When an endpoint is to interpret a byte stream as UTF-8 but finds that the byte
    // stream is not, in fact, a valid UTF-8 stream, that endpoint MUST _Fail the WebSocket
    // Connection_."
    if utf8.push(bytes).is_err() || (is_end && !utf8.is_complete()) {
        return Err(ConnectionError::InvalidUtf8);
    }
    Ok(())
}

/// Refuses reserved bits that have a meaning on other frames only.
fn check_rsv(piece: &Piece) -> Result<(), ConnectionError> {
    match piece.header.rsv {
        0 => Ok(()),
        bits => Err(ConnectionError::ReservedBits { bits }),
    }
}

/// Frames up to this size wait in the receive buffer until they are whole and are lent from there.
const HOLD_UP_TO: u32 = 16 << 10;

/// Beyond the fragments that a limit allows for any message, one for each so many bytes: what cuts
/// a large message into small frames passes, what sends next to nothing in each does not.
const BYTES_PER_FRAGMENT: u64 = 32;

/// The most that is allocated because of what the last message was like.
const LIKE_LAST_AT_MOST: u32 = 1 << 20;

/// A buffer up to this size may be kept from one message to the next.
const SMALL: usize = 4 << 10;

/// Where compressed messages are delivered in parts, they are decompressed by this many bytes at
/// once: what comes of them is at most about a thousand times as much.
#[cfg(feature = "deflate")]
const COMPRESSED_PIECE: NonZeroU16 = NonZeroU16::new(1024).unwrap();
