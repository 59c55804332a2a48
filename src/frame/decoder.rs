//! Frames for those who want frames: a proxy, a fuzzer, a bench; knows no message.

use core::num::NonZeroU16;

use super::header::Header;
use super::reader::FrameReader;
use crate::buffer::{Input, ReceiveBuf};
use crate::error::ConnectionError;
use crate::role::Role;

/// Takes frames out of the bytes that arrive.
///
/// A header is checked before one byte of its payload is waited for. Control frames come whole; of
/// data frames every piece is reported as it arrives, unmasked in place and never copied.
///
/// ```
/// use sanswire::Role;
/// use sanswire::frame::{Decoder, Opcode};
///
/// let mut decoder = Decoder::new(Role::Client);
/// decoder.input().extend_from_slice(b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
/// let piece = decoder.poll()?.unwrap();
/// assert_eq!(piece.header.opcode, Opcode::Text);
/// assert!(piece.is_first && piece.is_last);
/// assert_eq!(piece.payload, b"Hello");
/// assert!(decoder.poll()?.is_none());
/// # Ok::<(), sanswire::ConnectionError>(())
/// ```
#[derive(Debug)]
pub struct Decoder {
    reader: FrameReader,
    input: ReceiveBuf,
}

/// What [`Decoder::poll`] found: a frame, or the next part of one.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Piece<'a> {
    /// The header of the frame, the same for all its pieces.
    pub header: Header,
    /// Whether this is the first piece of its frame. It may be without payload: a header is
    /// reported at once.
    pub is_first: bool,
    /// Whether this is the last piece of its frame.
    pub is_last: bool,
    /// The payload of this piece, unmasked.
    pub payload: &'a [u8],
}

impl Decoder {
    /// Creates a decoder for the frames that `sender` sends. The size of frames is not limited.
    #[must_use]
    pub fn new(sender: Role) -> Self {
        Self { reader: FrameReader::new(sender), input: ReceiveBuf::new() }
    }

    /// Refuses data frames of more than `len` bytes of payload.
    #[must_use]
    pub fn max_frame_size(mut self, len: u64) -> Self {
        self.reader = self.reader.max_frame_size(len);
        self
    }

    /// Reports at most `len` bytes at once of data frames.
    #[must_use]
    pub fn max_piece(mut self, len: NonZeroU16) -> Self {
        self.reader = self.reader.max_piece(len);
        self
    }

    /// Accepts these reserved bits (within `0x70`), as an extension has negotiated them.
    #[must_use]
    pub fn allow_rsv(mut self, bits: u8) -> Self {
        self.reader = self.reader.allow_rsv(bits);
        self
    }

    /// Lends the input, for the bytes that arrive.
    pub const fn input(&mut self) -> Input<'_> {
        Input::new(&mut self.input)
    }

    /// Takes the next piece, or returns `Ok(None)` if the input holds nothing new.
    ///
    /// # Errors
    ///
    /// What §5.2 forbids, for the sender's role and this decoder's limits. The error is the same
    /// however the bytes were split. Afterwards the decoder is of no use.
    pub fn poll(&mut self) -> Result<Option<Piece<'_>>, ConnectionError> {
        let Some(part) = self.reader.poll(&mut self.input)? else { return Ok(None) };
        Ok(Some(Piece {
            header: part.header,
            is_first: part.is_first,
            is_last: part.is_last,
            payload: self.input.range(part.payload),
        }))
    }
}
