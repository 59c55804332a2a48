//! What a frame is made of on its way out, and what of it is copied; knows no order and no limits.

use alloc::vec::Vec;

use bytes::{Bytes, BytesMut};

use crate::buffer::TransmitBuf;
use crate::frame::{Header, MAX_HEADER_LEN, Opcode, encode, encode_header, mask};

/// What the first byte of a frame says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flags {
    pub(super) opcode: Opcode,
    pub(super) rsv: u8,
    pub(super) fin: bool,
}

/// Whether a message may be compressed, where that was negotiated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compress {
    Auto,
    Never,
}

/// A payload on its way out.
pub(super) enum Source<'a> {
    Borrowed(&'a [u8]),
    /// An empty one is left where it is taken; where it is refused, it stays.
    Owned(&'a mut Bytes),
}

impl Flags {
    pub(super) const fn control(opcode: Opcode) -> Self {
        Self { opcode, rsv: 0, fin: true }
    }

    #[inline]
    pub(super) const fn header(self, mask: Option<[u8; 4]>, len: usize) -> Header {
        let Self { opcode, rsv, fin } = self;
        Header { fin, rsv, opcode, mask, payload_len: len as u64 }
    }
}

impl Source<'_> {
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.as_slice().len()
    }

    /// Lends the same payload, to those who may not take it.
    #[inline]
    pub(super) fn reborrow(&mut self) -> Source<'_> {
        match self {
            Source::Borrowed(bytes) => Source::Borrowed(bytes),
            Source::Owned(bytes) => Source::Owned(bytes),
        }
    }

    #[inline]
    pub(super) fn as_slice(&self) -> &[u8] {
        match self {
            Source::Borrowed(bytes) => bytes,
            Source::Owned(bytes) => bytes,
        }
    }

    /// Returns the payload shared; copied if it is borrowed, or so small that it would rather pin
    /// something larger.
    pub(super) fn into_shared(self) -> Bytes {
        match self {
            Source::Borrowed(bytes) => Bytes::copy_from_slice(bytes),
            Source::Owned(bytes) if bytes.len() < SPLICE_FROM => {
                Bytes::copy_from_slice(&core::mem::take(bytes))
            }
            Source::Owned(bytes) => core::mem::take(bytes),
        }
    }

    /// Appends a frame with this payload.
    #[inline(always)]
    pub(super) fn put(self, flags: Flags, key: Option<[u8; 4]>, output: &mut TransmitBuf) {
        let len = self.len();
        match (self, key) {
            (Source::Owned(payload), None) if len >= SPLICE_FROM => {
                refer(core::mem::take(payload), flags.header(None, len), output);
            }
            (payload, key) if len >= SPLICE_FROM => payload.put_large(flags, key, output),
            (payload, key) => payload.pack(flags.header(key, len), output),
        }
    }

    /// Appends a frame with a copy of its payload, or with the payload itself, masked where it
    /// lies.
    #[inline(never)]
    fn put_large(self, flags: Flags, key: Option<[u8; 4]>, output: &mut TransmitBuf) {
        let header = flags.header(key, self.len());
        match (self, key) {
            (Source::Owned(payload), Some(key)) if is_masked_in_place(payload) => {
                let mut own = BytesMut::from(core::mem::take(payload));
                mask::apply(&mut own, key, 0);
                refer(own.freeze(), header, output);
            }
            (payload, _) if payload.len() >= ALONE_FROM => {
                let mut frame = Vec::with_capacity(MAX_HEADER_LEN + payload.len());
                encode(&mut frame, header, payload.as_slice());
                output.splice(frame.into());
            }
            (payload, _) => payload.pack(header, output),
        }
    }

    /// Appends a frame with a copy of its payload, packed with others.
    #[inline(always)]
    fn pack(&self, header: Header, output: &mut TransmitBuf) {
        output.append_with(|packed| encode(packed, header, self.as_slice()));
    }
}

/// Returns whether a payload is masked where it lies, which nobody else may see.
fn is_masked_in_place(payload: &Bytes) -> bool {
    payload.len() >= MASK_IN_PLACE_FROM && payload.is_unique()
}

/// Appends a frame by reference to its payload.
#[inline]
fn refer(payload: Bytes, header: Header, output: &mut TransmitBuf) {
    let len = payload.len() as u64;
    output.append_with(|packed| encode_header(packed, &header, len));
    output.splice(payload);
}

/// A server's payload of this size and more is kept by reference rather than copied.
pub(super) const SPLICE_FROM: usize = 4096;

/// A client's payload of this size and more is masked where it lies if nobody else holds it. Below,
/// a masked copy is made faster.
const MASK_IN_PLACE_FROM: usize = 16 << 10;

/// A frame that copies a payload of this size and more has memory of its own: it is not moved to
/// the front when a part of it has been written, and given back as soon as it has been written
/// whole.
const ALONE_FROM: usize = 128 << 10;
