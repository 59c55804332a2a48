//! A frame to bytes (§5.2, §5.3); decides nothing.

use alloc::vec::Vec;

use super::header::{FIN, Header, MASKED, Opcode};
use super::mask;

/// A frame to encode.
///
/// The length in the header is that of the payload.
///
/// ```
/// use sanswire::frame::{Frame, Opcode};
///
/// let frame =
///     Frame { fin: true, rsv: 0, opcode: Opcode::Text, mask: None, payload: b"Hello" };
/// let mut output = Vec::new();
/// frame.encode(&mut output);
/// assert_eq!(output, b"\x81\x05Hello");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "these are the fields of §5.2")]
pub struct Frame<'a> {
    /// Whether this is the last fragment of its message.
    pub fin: bool,
    /// The reserved bits as in the first byte: RSV1 is `0x40`, RSV2 is `0x20`, RSV3 is `0x10`.
    pub rsv: u8,
    /// The type of the frame.
    pub opcode: Opcode,
    /// The key to mask the payload with, or `None` for a frame without a mask.
    pub mask: Option<[u8; 4]>,
    /// The payload, unmasked.
    pub payload: &'a [u8],
}

impl Frame<'_> {
    /// Appends the encoded frame to `output`.
    ///
    /// This does not check the rules of the RFC. For example, it encodes a Ping of 126 bytes.
    pub fn encode(&self, output: &mut Vec<u8>) {
        encode(output, self.header(), self.payload);
    }

    /// Returns the header of the frame.
    #[must_use]
    pub const fn header(&self) -> Header {
        let Self { fin, rsv, opcode, mask, payload } = *self;
        Header { fin, rsv, opcode, mask, payload_len: payload.len() as u64 }
    }
}

/// Appends a frame to `output`: the header, then `payload`, masked in the copy if the header has a
/// key. The length on the wire is that of `payload`.
#[inline(always)]
pub(crate) fn encode(output: &mut Vec<u8>, header: Header, payload: &[u8]) {
    encode_header(output, &header, payload.len() as u64);
    match header.mask {
        Some(key) => mask::append(output, payload, key),
        None => output.extend_from_slice(payload),
    }
}

/// Appends a header to `output`, for a payload of `len` bytes, whatever `header.payload_len` says.
#[inline(always)]
pub(crate) fn encode_header(output: &mut Vec<u8>, header: &Header, len: u64) {
    let first = header.first_byte();
    let [.., c, d] = len.to_be_bytes();
    // All but the largest frames have a header of one of four lengths, which is no copy of its own.
    match (len, header.mask) {
        (0..=125, None) => output.extend_from_slice(&[first, d]),
        (0..=125, Some([k, l, m, n])) => {
            output.extend_from_slice(&[first, MASKED | d, k, l, m, n]);
        }
        (126..=0xffff, None) => output.extend_from_slice(&[first, 126, c, d]),
        (126..=0xffff, Some([k, l, m, n])) => {
            output.extend_from_slice(&[first, MASKED | 126, c, d, k, l, m, n]);
        }
        (0x1_0000.., _) => {
            let header = Header { payload_len: len, ..*header };
            output.extend_from_slice(&header.encode());
        }
    }
}

/// Appends a message that is one frame, with a payload of 1 to 125 bytes, if there is room for it;
/// returns whether there was.
#[inline(always)]
pub(crate) fn encode_small(output: &mut Vec<u8>, opcode: Opcode, payload: &[u8]) -> bool {
    let [len, ..] = payload.len().to_le_bytes();
    mask::append_small::<false>(output, [FIN | opcode as u8, len], payload, [0; 4])
}

/// As [`encode_small`], masked.
#[inline(always)]
pub(crate) fn encode_small_masked(
    output: &mut Vec<u8>,
    opcode: Opcode,
    payload: &[u8],
    key: [u8; 4],
) -> bool {
    let [len, ..] = payload.len().to_le_bytes();
    mask::append_small::<true>(output, [FIN | opcode as u8, MASKED | len], payload, key)
}
