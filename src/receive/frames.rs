//! The general way: one frame after the other, as much of each as has arrived. What the short ways
//! leave goes on here.

use core::ops::Range;

use super::progress::check_rsv;
use super::{KEPT_AT_ONCE, Place, Received, Receiver, STAYS_UP_TO, Source, spend};
use crate::error::ConnectionError;
use crate::frame::{FrameReader, Header, Opcode, Part, RSV1};
use crate::message::MessageKind;

impl Receiver {
    #[inline(never)]
    pub(super) fn poll_frames(
        &mut self,
        budget: &mut usize,
    ) -> Result<Option<Received>, ConnectionError> {
        let mut left = *budget;
        let polled = self.poll_next_frames(&mut left);
        *budget = left;
        self.short_below = if self.is_begun() { 0 } else { self.short_limit };
        polled
    }

    #[inline(always)]
    fn poll_next_frames(
        &mut self,
        budget: &mut usize,
    ) -> Result<Option<Received>, ConnectionError> {
        loop {
            if *budget == 0 && !self.input.is_empty() {
                return Ok(Some(Received::Paused));
            }
            let (header, is_first, part) = match self.frames.header() {
                Some(header) => (header, false, self.poll_payload(&header, *budget)),
                None => {
                    let Some((header, header_len)) = self.frames.parse_header(&self.input)? else {
                        return Ok(None);
                    };
                    let arrived = self.input.len().saturating_sub(header_len);
                    let missing = header.payload_len.saturating_sub(arrived as u64);
                    let is_first = self.begin(&header)?;
                    let is_taken = missing == 0
                        && header.payload_len <= *budget as u64
                        && self.place != Place::Inflated;
                    let part = if is_taken {
                        FrameReader::take_whole(&mut self.input, &header, header_len)
                    } else {
                        self.begin_unfinished(&header, header_len, missing, *budget)
                    };
                    (header, is_first, part)
                }
            };
            let Some(part) = part else { return Ok(self.chunk_of_header(is_first)) };
            spend(budget, part.payload.len());
            let received = match header.opcode {
                Opcode::Close => Some(Received::Close(part.payload)),
                Opcode::Ping => Some(Received::Ping(part.payload)),
                Opcode::Pong => Some(Received::Pong(part.payload)),
                Opcode::Binary | Opcode::Continuation | Opcode::Text => {
                    let is_last = header.fin && part.is_last;
                    self.accept(part, is_first, is_last, budget)?
                }
            };
            if received.is_some() || self.input.is_empty() {
                return Ok(received);
            }
        }
    }

    /// Checks a header before its payload; returns whether a message begins with it.
    #[inline(always)]
    fn begin(&mut self, header: &Header) -> Result<bool, ConnectionError> {
        if header.opcode.is_control() {
            return check_rsv(header).map(|()| false);
        }
        self.message.begin(header)?;
        self.place = match (self.chunks, self.message.is_compressed()) {
            (_, true) => Place::Inflated,
            (true, false) => Place::Chunks,
            (false, false) if self.message.announced() <= STAYS_UP_TO => Place::Input,
            (false, false) => {
                let kept = self.input.take_kept();
                self.assembly.append(self.input.range(kept));
                Place::Assembly
            }
        };
        Ok(header.opcode != Opcode::Continuation)
    }

    /// Begins a frame that is not taken as a whole, and takes what may be taken of it.
    fn begin_unfinished(
        &mut self,
        header: &Header,
        header_len: usize,
        missing: u64,
        budget: usize,
    ) -> Option<Part> {
        let least = match (self.place, self.message.kind()) {
            (Place::Chunks | Place::Inflated, _) | (_, MessageKind::Text) => 1,
            (Place::Assembly, MessageKind::Binary) => COPIED_AT_ONCE,
            (Place::Input, MessageKind::Binary) => KEPT_AT_ONCE,
        };
        self.frames.begin(&mut self.input, header, header_len, least);
        if self.place == Place::Input {
            self.input.expect(missing, header.payload_len);
        }
        self.poll_payload(header, budget)
    }

    /// Takes what may be taken of the payload of a frame that was begun.
    fn poll_payload(&mut self, header: &Header, budget: usize) -> Option<Part> {
        let most = match self.place {
            _ if header.opcode.is_control() => usize::MAX,
            Place::Assembly | Place::Chunks | Place::Input => budget,
            Place::Inflated if self.chunks => budget.min(COMPRESSED_CHUNK),
            Place::Inflated => budget.min(COMPRESSED_PART),
        };
        self.frames.poll_payload(&mut self.input, most)
    }

    /// Adds a part to the message in progress and returns the message, if that is its end, or the
    /// part, where parts are delivered.
    #[inline(always)]
    fn accept(
        &mut self,
        part: Part,
        is_first: bool,
        is_last: bool,
        budget: &mut usize,
    ) -> Result<Option<Received>, ConnectionError> {
        if self.place == Place::Input {
            self.keep(part, is_last)?;
            return Ok(if is_last { self.deliver_kept(budget) } else { None });
        }
        let Part { payload, is_ascii, .. } = part;
        if self.place == Place::Inflated {
            self.inflate(payload.clone(), is_last, budget)?;
        } else if self.message.kind() == MessageKind::Text {
            self.message.validate(self.input.range(payload.clone()), is_ascii, is_last)?;
        }
        let is_due = is_last || self.chunks;
        let source = match self.place {
            Place::Chunks | Place::Input => Source::Input(payload),
            Place::Assembly if is_last && self.assembly.is_empty() => Source::Input(payload),
            Place::Assembly => {
                self.assembly.append(self.input.range(payload));
                if !is_last {
                    return Ok(None);
                }
                Source::Assembled(self.assembly.take())
            }
            Place::Inflated if is_due => Source::Assembled(self.assembly.take()),
            Place::Inflated => return Ok(None),
        };
        Ok(self.deliver(source, is_first, is_last, budget))
    }

    /// Joins a part to what is kept in the input, and validates it if it is text, together with the
    /// character that it may begin within.
    #[inline(always)]
    pub(super) fn keep(&mut self, part: Part, is_last: bool) -> Result<(), ConnectionError> {
        let known = self.input.kept().len();
        self.input.keep(part.payload);
        if self.message.kind() == MessageKind::Text {
            let text = self.input.range(self.input.kept());
            self.message.validate_behind(text, known, part.is_ascii, is_last)?;
        }
        Ok(())
    }

    /// Decompresses a part of the message in progress.
    fn inflate(
        &mut self,
        payload: Range<usize>,
        is_last: bool,
        budget: &mut usize,
    ) -> Result<(), ConnectionError> {
        let Some(inflater) = &mut self.inflater else {
            return Err(ConnectionError::ReservedBits { bits: RSV1 });
        };
        let data = self.assembly.data_mut();
        let before = data.len();
        let inflated = inflater.part(self.input.range(payload), is_last, data);
        let fresh = data.get(before..).unwrap_or_default();
        if self.message.kind() == MessageKind::Text {
            // What comes before a fault of the stream is looked at first, as it is when it arrives
            // first.
            self.message.validate(fresh, false, is_last && inflated.is_ok())?;
        }
        spend(budget, fresh.len().saturating_add(inflated?).saturating_mul(INFLATED));
        Ok(())
    }

    /// Returns the first chunk of a message, without payload, where that has not arrived with the
    /// header.
    fn chunk_of_header(&mut self, is_first: bool) -> Option<Received> {
        if !(self.chunks && is_first) {
            return None;
        }
        self.deliver(Source::Input(0..0), true, false, &mut 0)
    }

    /// Returns the message that is kept in the input.
    #[inline]
    pub(super) fn deliver_kept(&mut self, budget: &mut usize) -> Option<Received> {
        let source = Source::Input(self.input.take_kept());
        self.deliver(source, false, true, budget)
    }

    /// Returns a message, or a chunk unless there is nothing in it.
    #[inline]
    fn deliver(
        &mut self,
        source: Source,
        is_first: bool,
        is_last: bool,
        budget: &mut usize,
    ) -> Option<Received> {
        let kind = self.message.kind();
        if is_last {
            self.message.finish();
        }
        let len = source.len();
        spend(budget, len);
        if !self.chunks {
            return Some(Received::Message(kind, source));
        }
        if len == 0 && !is_first && !is_last {
            return None;
        }
        Some(Received::Chunk { kind, is_first, is_last, source })
    }
}

/// The same of a payload that is copied.
const COPIED_AT_ONCE: u32 = 16 << 10;

/// How much more a byte takes that is inflated than one that is unmasked.
pub(super) const INFLATED: usize = 8;

/// How much is decompressed at once: what comes of it is at most about a thousand times as much.
pub(super) const COMPRESSED_PART: usize = 4 << 10;

/// The same, where it is delivered as it comes.
const COMPRESSED_CHUNK: usize = 1 << 10;
