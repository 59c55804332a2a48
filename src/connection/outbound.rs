//! What a frame is made of on its way out; knows no order and no limits.

use bytes::Bytes;

use crate::frame::{Header, Opcode};

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

    #[inline]
    pub(super) fn as_slice(&self) -> &[u8] {
        match self {
            Source::Borrowed(bytes) => bytes,
            Source::Owned(bytes) => bytes,
        }
    }

    /// Returns the payload shared, copied if it is borrowed.
    pub(super) fn into_shared(self) -> Bytes {
        match self {
            Source::Borrowed(bytes) => Bytes::copy_from_slice(bytes),
            Source::Owned(bytes) => core::mem::take(bytes),
        }
    }
}
