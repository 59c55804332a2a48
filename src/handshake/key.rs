//! `Sec-WebSocket-Key` and `Sec-WebSocket-Accept` (RFC 6455, §4.1 and §4.2.2); knows no header
//! list.

use alloc::string::String;

use base64::Engine;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use sha1::{Digest, Sha1};

/// Returns the `Sec-WebSocket-Key` for `nonce`.
///
/// §4.1: "The nonce MUST be selected randomly for each connection."
///
/// ```
/// let key = sanswire::handshake::encode_key(*b"the sample nonce");
/// assert_eq!(key, "dGhlIHNhbXBsZSBub25jZQ==");
/// ```
#[must_use]
pub fn encode_key(nonce: [u8; 16]) -> String {
    STANDARD.encode(nonce)
}

/// Returns the `Sec-WebSocket-Accept` that answers the `Sec-WebSocket-Key` `key`.
///
/// It uses the key as it was sent, and does not check it. [`Request::check`](super::Request::check)
/// does.
///
/// ```
/// let accept = sanswire::handshake::encode_accept("dGhlIHNhbXBsZSBub25jZQ==");
/// assert_eq!(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
/// ```
#[must_use]
pub fn encode_accept(key: impl AsRef<[u8]>) -> String {
    // §4.2.2: "concatenating /key/ […] with the string "258EAFA5-E914-47DA-95CA-C5AB0DC85B11",
    // taking the SHA-1 hash of this concatenated value"
    let hash = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    STANDARD.encode(hash)
}

/// Returns whether `value` is 16 bytes in base64.
pub(super) fn is_key(value: &[u8]) -> bool {
    // §4.2.1: "a base64-encoded value that, when decoded, is 16 bytes in length"
    value.len() == 24 && TOLERANT.decode_slice(value, &mut [0; 18]) == Ok(16)
}

/// The example of a key in §4.1, `AQIDBAUGBwgJCgsMDQ4PEC==`, has bits set behind its last byte.
const TOLERANT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
