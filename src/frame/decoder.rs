//! Frames for those who want frames: a proxy, a fuzzer, a bench; knows no message.

use core::num::NonZeroU16;

use super::header::Header;
use super::reader::FrameReader;
use crate::buffer::{Input, ReceiveBuf};
use crate::error::ConnectionError;
use crate::role::Role;

/// Parses frames as their bytes arrive.
///
/// Each header is checked and reported before its payload has arrived. The payload of a data frame is
/// reported in pieces as it arrives, unmasked in place and without a copy. The payload of a control
/// frame is reported whole.
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
    max_piece: Option<NonZeroU16>,
    input: ReceiveBuf,
}

/// A frame, or a part of one, as returned by [`Decoder::poll`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Piece<'a> {
    /// The header of the frame. It is the same for all pieces of a frame.
    pub header: Header,
    /// Whether this is the first piece of its frame. The first piece may have no payload, because a
    /// header is reported at once.
    pub is_first: bool,
    /// Whether this is the last piece of its frame.
    pub is_last: bool,
    /// The payload of this piece, unmasked.
    pub payload: &'a [u8],
}

impl Decoder {
    /// Creates a decoder for frames that are sent by `sender`, without a limit for their size.
    #[must_use]
    pub fn new(sender: Role) -> Self {
        let reader = FrameReader::new(sender, u64::MAX);
        Self { reader, max_piece: None, input: ReceiveBuf::new() }
    }

    /// Limits the payload of a data frame to `len` bytes. A larger frame is an error.
    #[must_use]
    pub const fn max_frame_size(mut self, len: u64) -> Self {
        self.reader.set_max_frame_size(len);
        self
    }

    /// Limits the payload of a piece of a data frame to `len` bytes. Larger payloads are reported in
    /// several pieces.
    #[must_use]
    pub const fn max_piece(mut self, len: NonZeroU16) -> Self {
        self.max_piece = Some(len);
        self
    }

    /// Accepts frames with these reserved bits (within `0x70`), for a negotiated extension.
    #[must_use]
    pub const fn allow_rsv(mut self, bits: u8) -> Self {
        self.reader.set_allowed_rsv(bits);
        self
    }

    /// Returns the input, to which the caller appends the bytes that arrive.
    pub const fn input(&mut self) -> Input<'_> {
        Input::new(&mut self.input)
    }

    /// Returns the next piece, or `Ok(None)` if more input is needed.
    ///
    /// # Errors
    ///
    /// A header breaks a rule of §5.2 for the sender's role, or exceeds a limit of this decoder. The
    /// error does not depend on how the bytes were split. Do not use the decoder after an error.
    pub fn poll(&mut self) -> Result<Option<Piece<'_>>, ConnectionError> {
        let is_first = !self.reader.is_within();
        let header = match self.reader.header() {
            Some(header) => header,
            None => match self.reader.parse_header(&self.input)? {
                Some((header, header_len)) => {
                    self.reader.begin(&mut self.input, &header, header_len, 1);
                    header
                }
                None => return Ok(None),
            },
        };
        let most = self.max_piece.map_or(usize::MAX, |most| most.get().into());
        let most = if header.opcode.is_control() { usize::MAX } else { most };
        let (payload, is_last) = match self.reader.poll_payload(&mut self.input, most) {
            Some(part) => (part.payload, part.is_last),
            None if is_first => (0..0, false),
            None => return Ok(None),
        };
        Ok(Some(Piece { header, is_first, is_last, payload: self.input.range(payload) }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Frame, Opcode};
    use alloc::vec::Vec;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn frames() -> impl Strategy<Value = Vec<(Opcode, Vec<u8>)>> {
        let opcode = prop_oneof![
            Just(Opcode::Binary),
            Just(Opcode::Continuation),
            Just(Opcode::Text),
            Just(Opcode::Ping),
            Just(Opcode::Close)
        ];
        let payload = prop_oneof![vec(any::<u8>(), 0..9), vec(any::<u8>(), 100..150)];
        let frame = (opcode, payload).prop_map(|(opcode, mut payload)| {
            payload.truncate(if opcode.is_control() { 125 } else { 200 });
            (opcode, payload)
        });
        vec(frame, 0..6)
    }

    #[test]
    fn a_data_frame_may_be_as_large_as_the_limit_and_no_larger() {
        for len in [10_u8, 11] {
            let mut decoder = Decoder::new(Role::Server).max_frame_size(10);
            decoder.input().extend_from_slice(&[0x82, len]);
            decoder.input().extend_from_slice(&[0; 11][..len.into()]);
            match decoder.poll() {
                Ok(piece) => assert!(piece.is_some() && len == 10),
                Err(error) => {
                    assert!(matches!(error, ConnectionError::FrameTooLarge { limit: 10, .. }));
                    assert_eq!(len, 11);
                }
            }
        }
    }

    proptest! {
        #[test]
        fn frames_come_as_they_were_sent_in_pieces_of_any_size(
            frames in frames(),
            key in any::<Option<[u8; 4]>>(),
            most in any::<Option<NonZeroU16>>(),
            reads in vec(1..60_usize, 1..9),
        ) {
            let most = most.map(|most| most.min(NonZeroU16::new(most.get() % 70 + 1).unwrap()));
            let mut bytes = Vec::new();
            for (opcode, payload) in &frames {
                Frame { fin: true, rsv: 0, opcode: *opcode, mask: key, payload }.encode(&mut bytes);
            }
            let sender = if key.is_some() { Role::Client } else { Role::Server };
            let mut decoder = Decoder::new(sender);
            if let Some(most) = most {
                decoder = decoder.max_piece(most);
            }
            let mut got: Vec<(Opcode, Vec<u8>)> = Vec::new();
            let mut is_done = true;
            let mut rest = &bytes[..];
            for read in reads.into_iter().cycle() {
                let (read, behind) = rest.split_at(read.min(rest.len()));
                decoder.input().extend_from_slice(read);
                rest = behind;
                while let Some(piece) = decoder.poll().unwrap() {
                    let opcode = piece.header.opcode;
                    prop_assert_eq!(piece.is_first, is_done);
                    prop_assert_eq!(piece.header.mask, key);
                    if opcode.is_control() {
                        prop_assert!(piece.is_last || piece.payload.is_empty());
                    } else if let Some(most) = most {
                        prop_assert!(piece.payload.len() <= most.get().into());
                    }
                    if piece.is_first {
                        got.push((opcode, Vec::new()));
                    }
                    got.last_mut().unwrap().1.extend_from_slice(piece.payload);
                    is_done = piece.is_last;
                }
                if rest.is_empty() {
                    break;
                }
            }
            prop_assert!(is_done);
            prop_assert_eq!(got, frames);
        }
    }
}
