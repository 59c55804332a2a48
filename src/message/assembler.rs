//! Fragments to messages (§5.4), within limits (§10.4); knows nothing of what is sent.

use core::ops::Range;

use bytes::{Bytes, BytesMut};

use super::MessageKind;
use crate::buffer::ReceiveBuf;
use crate::error::ConnectionError;
use crate::frame::{Decoder, Opcode, Piece};
use crate::utf8::Utf8Validator;

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
    decoder: Decoder,
    limits: Limits,
    /// The message in progress: fragmented, or larger than the receive buffer holds.
    kind: Option<MessageKind>,
    /// Of the message in progress.
    utf8: Utf8Validator,
    /// Frames of the message in progress.
    fragments: u64,
    /// Payload bytes that the frames of the message in progress announced. At most
    /// limits.max_message_size, so that sums do not overflow.
    announced: u64,
    /// What has arrived of it; always empty where chunks are delivered.
    data: BytesMut,
}

/// What a receiver accepts of one message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) max_message_size: u64,
    pub(crate) max_fragments: u64,
    /// Whether parts of a message are reported as they arrive.
    pub(crate) chunks: bool,
}

/// What [`Assembler::poll`] found. Positions count from the beginning of the input.
#[derive(Debug)]
pub(crate) enum Received {
    Chunk { kind: MessageKind, is_first: bool, is_last: bool, payload: Range<usize> },
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
    pub(crate) fn new(decoder: Decoder, limits: Limits) -> Self {
        Self {
            decoder,
            limits,
            kind: None,
            utf8: Utf8Validator::new(),
            fragments: 0,
            announced: 0,
            data: BytesMut::new(),
        }
    }

    /// Takes a binary or text message that is one whole frame in `input` and nothing else. A text
    /// is not validated yet.
    #[inline(always)]
    pub(crate) fn poll_message(
        &mut self,
        input: &mut ReceiveBuf,
    ) -> Option<(Opcode, Range<usize>)> {
        if self.kind.is_some() || self.limits.chunks {
            return None;
        }
        self.decoder.poll_message(input, self.limits.max_message_size)
    }

    /// Takes the next message, chunk or control frame, or returns `Ok(None)` if `input` does not
    /// hold all of it.
    pub(crate) fn poll(
        &mut self,
        input: &mut ReceiveBuf,
    ) -> Result<Option<Received>, ConnectionError> {
        while let Some(piece) = self.decoder.poll(input)? {
            let kind = match piece.header.opcode {
                Opcode::Close if piece.is_last => return Ok(Some(Received::Close(piece.payload))),
                Opcode::Ping if piece.is_last => return Ok(Some(Received::Ping(piece.payload))),
                Opcode::Pong if piece.is_last => return Ok(Some(Received::Pong(piece.payload))),
                Opcode::Close | Opcode::Ping | Opcode::Pong => continue,
                Opcode::Binary | Opcode::Continuation | Opcode::Text => self.begin(&piece)?,
            };
            if kind == MessageKind::Text {
                self.validate(input, &piece)?;
            }
            if let Some(received) = self.accept(kind, piece, input) {
                return Ok(Some(received));
            }
        }
        Ok(None)
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
        let limit = self.limits.max_message_size;
        // Cannot overflow: a length is below 2^63, and so is the limit.
        let announced = self.announced + piece.header.payload_len;
        if announced > limit {
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
        self.fragments += 1;
        let limit = self.limits.max_fragments + announced / BYTES_PER_FRAGMENT;
        if self.fragments > limit {
            return Err(ConnectionError::TooManyFragments { limit });
        }
        Ok(kind)
    }

    #[inline]
    fn validate(&mut self, input: &ReceiveBuf, piece: &Piece) -> Result<(), ConnectionError> {
        let fresh = input.range(piece.fresh.clone());
        // §8.1: "When an endpoint is to interpret a byte stream as UTF-8 but finds that the byte
        // stream is not, in fact, a valid UTF-8 stream, that endpoint MUST _Fail the WebSocket
        // Connection_."
        let valid = self.utf8.push(fresh).is_ok();
        if valid && (self.utf8.is_complete() || !piece.header.fin || !piece.is_last) {
            return Ok(());
        }
        Err(ConnectionError::InvalidUtf8)
    }

    /// Adds a piece to the message in progress and returns the message, if that is its end, or the
    /// piece, where pieces are delivered.
    #[inline]
    fn accept(&mut self, kind: MessageKind, piece: Piece, input: &ReceiveBuf) -> Option<Received> {
        let is_last = piece.header.fin && piece.is_last;
        if self.limits.chunks {
            let is_first = piece.is_first && piece.header.opcode != Opcode::Continuation;
            if is_last {
                self.finish();
            }
            if piece.payload.is_empty() && !is_first && !is_last {
                return None;
            }
            return Some(Received::Chunk { kind, is_first, is_last, payload: piece.payload });
        }
        if is_last && self.data.is_empty() {
            self.finish();
            return Some(Received::Message(kind, Source::Input(piece.payload)));
        }
        self.data.extend_from_slice(input.range(piece.payload));
        if !is_last {
            return None;
        }
        self.finish();
        let message = core::mem::take(&mut self.data).freeze();
        Some(Received::Message(kind, Source::Assembled(message)))
    }

    #[inline]
    fn finish(&mut self) {
        self.kind = None;
        self.announced = 0;
        self.fragments = 0;
    }
}

/// Beyond the fragments that a limit allows for any message, one for each so many bytes: what cuts
/// a large message into small frames passes, what sends next to nothing in each does not.
const BYTES_PER_FRAGMENT: u64 = 32;
