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
    // Most frames are short: then the header has one of two lengths, and is no copy of its own.
    match (u8::try_from(payload.len()), header.mask) {
        (Ok(len @ ..=125), None) => output.extend_from_slice(&[header.first_byte(), len]),
        (Ok(len @ ..=125), Some([a, b, c, d])) => {
            output.extend_from_slice(&[header.first_byte(), MASKED | len, a, b, c, d]);
        }
        _ => {
            let header = Header { payload_len: payload.len() as u64, ..header };
            output.extend_from_slice(&header.encode());
        }
    }
    match header.mask {
        Some(key) => mask::append(output, payload, key),
        None => output.extend_from_slice(payload),
    }
}
