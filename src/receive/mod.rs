//! The one owner of the bytes that arrived and of all that is known of them: bytes become frames,
//! frames become messages (§5.4, §6.2, §8.1). Knows nothing of what is sent.

mod assembler;
mod whole;

use core::ops::Range;

use bytes::Bytes;

use crate::buffer::{Input, ReceiveBuf};
use crate::error::ConnectionError;
use crate::message::{MessageKind, Payload};
use crate::role::Role;
use crate::utf8::is_utf8;
use assembler::Assembler;
pub(crate) use assembler::{Limits, Received, Source};
use whole::{Content, Whole};

/// Takes messages and control frames out of what arrives.
#[derive(Debug)]
pub(crate) struct Receiver {
    input: ReceiveBuf,
    assembler: Assembler,
}

/// A validated message that is lent where it lies.
#[derive(Debug)]
pub(crate) struct Short {
    pub(crate) kind: MessageKind,
    pub(crate) payload: Range<usize>,
}

impl Receiver {
    pub(crate) fn new(sender: Role, limits: Limits) -> Self {
        Self { input: ReceiveBuf::new(), assembler: Assembler::new(sender, limits) }
    }

    /// Begins with what arrived behind the opening handshake.
    pub(crate) fn begin_with(&mut self, input: ReceiveBuf) {
        self.input = input;
    }

    #[inline]
    pub(crate) const fn input(&mut self) -> Input<'_> {
        Input::new(&mut self.input)
    }

    /// As [`input`](Self::input), with room for a read of `size` bytes.
    #[inline]
    pub(crate) fn prepared_input(&mut self, size: usize) -> Input<'_> {
        Input::prepared(&mut self.input, size)
    }

    /// Returns how many bytes arrived and are not processed.
    pub(crate) fn unprocessed_len(&self) -> usize {
        self.input.len()
    }

    #[inline(always)]
    pub(crate) fn poll_short(&mut self) -> Result<Option<Short>, ConnectionError> {
        let Some(Whole { content, payload }) = self.assembler.poll_frame(&mut self.input) else {
            return Ok(None);
        };
        if content == Content::Binary {
            return Ok(Some(Short { kind: MessageKind::Binary, payload }));
        }
        if content == Content::Text && !is_utf8(self.input.range(payload.clone())) {
            return Err(ConnectionError::InvalidUtf8);
        }
        Ok(Some(Short { kind: MessageKind::Text, payload }))
    }

    pub(crate) fn poll(&mut self) -> Result<Option<Received>, ConnectionError> {
        self.assembler.poll(&mut self.input)
    }

    #[inline]
    pub(crate) fn bytes(&self, range: Range<usize>) -> &[u8] {
        self.input.range(range)
    }

    #[inline(always)]
    pub(crate) const fn lend_range(&mut self, range: Range<usize>) -> Payload<'_> {
        Payload::lent(&mut self.input, range)
    }

    pub(crate) fn lend(&mut self, source: Source) -> Payload<'_> {
        match source {
            Source::Assembled(bytes) => Payload::owned(bytes),
            Source::Input(range) => self.lend_range(range),
        }
    }

    #[cfg(feature = "deflate")]
    pub(crate) fn set_deflate(&mut self, agreed: crate::extension::Deflate) {
        self.assembler.set_deflate(agreed);
    }

    pub(crate) fn clear(&mut self) {
        self.input.clear();
    }

    pub(crate) fn release(&mut self) {
        self.input.release();
        self.assembler.release();
    }

    pub(crate) const fn received(&self) -> u64 {
        self.input.received()
    }

    pub(crate) fn is_within(&self) -> bool {
        !self.input.is_empty() || self.assembler.is_within()
    }

    pub(crate) fn into_unprocessed(self) -> Bytes {
        self.input.into_bytes()
    }
}
