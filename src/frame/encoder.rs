//! A frame to bytes (§5.2, §5.3); decides nothing.

use alloc::vec::Vec;

use super::header::{Header, MASKED};
use super::mask;

/// Appends a frame to `output`: the header, then `payload`, masked in the copy if the header has a
/// key.
///
/// The length on the wire is that of `payload`, whatever `header.payload_len` says.
///
/// ```
/// use sanswire::frame::{Header, Opcode, encode};
///
/// let header =
///     Header { fin: true, rsv: 0, opcode: Opcode::Text, mask: None, payload_len: 0 };
/// let mut output = Vec::new();
/// encode(&mut output, header, b"Hello");
/// assert_eq!(output, b"\x81\x05Hello");
/// ```
#[inline]
pub fn encode(output: &mut Vec<u8>, header: Header, payload: &[u8]) {
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
