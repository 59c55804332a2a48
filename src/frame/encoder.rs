//! A frame to bytes (§5.2, §5.3); decides nothing.

use alloc::vec::Vec;

use super::header::Header;
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
    let header = Header { payload_len: payload.len() as u64, ..header };
    output.extend_from_slice(&header.encode());
    match header.mask {
        Some(key) => mask::append(output, payload, key),
        None => output.extend_from_slice(payload),
    }
}
