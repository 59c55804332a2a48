//! What is known of a message while its frames arrive: its type and text (§5.4, §8.1), and what it
//! may be (§10.4). Holds none of its bytes.

use super::Limits;
use crate::error::ConnectionError;
use crate::frame::{Header, Opcode};
use crate::message::MessageKind;
use crate::utf8::{InvalidUtf8, Utf8Validator};

/// The message in progress, if there is one.
///
/// ```text
///                 FIN = 0                     FIN = 0
///          ┌─────────────────────▶ (within) ─────┐
/// FIN = 1 (between)                    ▲─────────┘
///    └─────▶ ▲──────────────────────────┘
///                 continuation, FIN = 1
/// ```
#[derive(Debug)]
pub(super) struct Progress {
    /// Below 2^63, so that sums of lengths do not overflow.
    max_message_size: u64,
    /// Payload bytes that its frames announced; 0 between messages.
    announced: u64,
    max_fragments: u32,
    /// Its frames, if it is fragmented; 0 between messages.
    fragments: u32,
    is_within: bool,
    kind: MessageKind,
    /// Whether it is compressed (RFC 7692, §6).
    is_compressed: bool,
    /// Has seen all of its text that was kept or assembled.
    utf8: Utf8Validator,
}

impl Progress {
    pub(super) const fn new(limits: &Limits) -> Self {
        Self {
            max_message_size: limits.max_message_size,
            announced: 0,
            max_fragments: limits.max_fragments,
            fragments: 0,
            is_within: false,
            kind: MessageKind::Binary,
            is_compressed: false,
            utf8: Utf8Validator::new(),
        }
    }

    /// Checks the header of a data frame, before its payload.
    #[inline]
    pub(super) fn begin(&mut self, header: &Header) -> Result<(), ConnectionError> {
        let kind = match (header.opcode, self.is_within) {
            // §5.4: "The fragments of one message MUST NOT be interleaved between the fragments of
            // another message".
            (Opcode::Text | Opcode::Binary, true) => {
                let opcode = header.opcode as u8;
                return Err(ConnectionError::UnfinishedMessage { opcode });
            }
            (Opcode::Text, false) => MessageKind::Text,
            (Opcode::Binary, false) => MessageKind::Binary,
            (_, true) => self.kind,
            (_, false) => return Err(ConnectionError::UnexpectedContinuation),
        };
        if self.is_within {
            // RFC 7692, §6: the bit is set on the first fragment of a message or on none.
            check_rsv(header)?;
        } else {
            self.is_compressed = header.rsv != 0;
            self.utf8 = Utf8Validator::new();
        }
        let is_fragment = self.is_within || !header.fin;
        self.is_within = true;
        self.kind = kind;
        self.count(header.payload_len, is_fragment)
    }

    /// Returns how much the message in progress, or the next one, may grow before a limit is met.
    /// What is more is for [`begin`](Self::begin) to judge.
    #[inline]
    pub(super) const fn room(&self) -> Room {
        Room {
            bytes: self.max_message_size.saturating_sub(self.announced),
            fragments: self.max_fragments.saturating_sub(self.fragments),
        }
    }

    /// Prepares for a text that begins.
    #[inline]
    pub(super) const fn begin_text(&mut self) {
        self.utf8 = Utf8Validator::new();
    }

    /// Notes that fragments were added to a message that is not compressed: what there was `room`
    /// for, but for what is `left` of that.
    #[inline]
    pub(super) const fn note_joined(&mut self, kind: MessageKind, room: Room, left: Room) {
        let fragments = room.fragments.saturating_sub(left.fragments);
        if fragments > 0 {
            self.kind = kind;
            self.is_within = true;
            self.is_compressed = false;
            self.fragments = self.fragments.saturating_add(fragments);
            self.announced = self.announced.saturating_add(room.bytes.saturating_sub(left.bytes));
        }
    }

    /// Counts a frame that announces `len` bytes.
    #[inline]
    fn count(&mut self, len: u64, is_fragment: bool) -> Result<(), ConnectionError> {
        let limit = self.max_message_size;
        let announced = self.announced.saturating_add(len);
        // What does not compress grows a little; the limit holds for what it decompresses to.
        if announced > if self.is_compressed { limit.saturating_mul(2).max(1024) } else { limit } {
            return Err(ConnectionError::MessageTooLarge { limit });
        }
        self.announced = announced;
        if !is_fragment {
            return Ok(());
        }
        self.fragments = self.fragments.saturating_add(1);
        let limit = u64::from(self.max_fragments) + announced / BYTES_PER_FRAGMENT;
        if u64::from(self.fragments) > limit {
            return Err(ConnectionError::TooManyFragments { limit });
        }
        Ok(())
    }

    /// Checks the next bytes of a text, which may be known to be ASCII.
    #[inline]
    pub(super) fn validate(
        &mut self,
        bytes: &[u8],
        is_ascii: bool,
        is_end: bool,
    ) -> Result<(), ConnectionError> {
        if is_ascii && self.utf8.is_complete() {
            return Ok(());
        }
        let pushed = self.utf8.push(bytes);
        self.judge(pushed, is_end)
    }

    /// As [`validate`](Self::validate), of the bytes of `text` behind the first `known`, which are
    /// all that has been validated of it.
    #[inline]
    pub(super) fn validate_behind(
        &mut self,
        text: &[u8],
        known: usize,
        is_ascii: bool,
        is_end: bool,
    ) -> Result<(), ConnectionError> {
        if is_ascii && self.utf8.is_complete() {
            return Ok(());
        }
        let pushed = self.utf8.push_behind(text, known);
        self.judge(pushed, is_end)
    }

    #[inline]
    fn judge(
        &mut self,
        pushed: Result<(), InvalidUtf8>,
        is_end: bool,
    ) -> Result<(), ConnectionError> {
        // §8.1: "When an endpoint is to interpret a byte stream as UTF-8 but finds that the byte
        // stream is not, in fact, a valid UTF-8 stream, that endpoint MUST _Fail the WebSocket
        // Connection_."
        if pushed.is_err() || (is_end && !self.utf8.is_complete()) {
            // Whatever else is made of it, it is no text any more.
            self.kind = MessageKind::Binary;
            return Err(ConnectionError::InvalidUtf8);
        }
        Ok(())
    }

    /// Notes that the message is whole.
    #[inline]
    pub(super) const fn finish(&mut self) {
        self.is_within = false;
        self.announced = 0;
        self.fragments = 0;
    }

    /// Returns the type of the message in progress, or of the last one.
    #[inline]
    pub(super) const fn kind(&self) -> MessageKind {
        self.kind
    }

    #[inline]
    pub(super) const fn is_within(&self) -> bool {
        self.is_within
    }

    #[inline]
    pub(super) const fn is_compressed(&self) -> bool {
        self.is_compressed
    }

    /// Returns how many bytes of payload the message is known to have.
    #[inline]
    pub(super) const fn announced(&self) -> u64 {
        self.announced
    }

    #[cfg(feature = "deflate")]
    pub(super) const fn max_message_size(&self) -> u64 {
        self.max_message_size
    }
}

/// How much a message may grow.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    pub(super) bytes: u64,
    pub(super) fragments: u32,
}

/// Refuses reserved bits that have a meaning on other frames only.
#[inline]
pub(super) const fn check_rsv(header: &Header) -> Result<(), ConnectionError> {
    match header.rsv {
        0 => Ok(()),
        bits => Err(ConnectionError::ReservedBits { bits }),
    }
}

/// Beyond the fragments that a limit allows for any message, one for each so many bytes: what cuts
/// a large message into small frames passes, what sends next to nothing in each does not.
const BYTES_PER_FRAGMENT: u64 = 32;
