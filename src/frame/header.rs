//! The header of a frame (§5.2): all that is known of its bytes, parsed, checked and encoded; knows
//! no payload.

use core::ops::Deref;

use crate::error::ConnectionError;
use crate::role::Role;

/// The opcode of a frame (§5.2). Reserved opcodes have no value of this type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "RFC 6455 defines these; the others are errors")]
#[repr(u8)]
pub enum Opcode {
    /// 0: a further fragment of a message.
    Continuation = 0,
    /// 1: a text message or its first fragment.
    Text = 1,
    /// 2: a binary message or its first fragment.
    Binary = 2,
    /// 8: a Close frame.
    Close = 8,
    /// 9: a Ping.
    Ping = 9,
    /// 10: a Pong.
    Pong = 10,
}

impl Opcode {
    /// Returns whether this is the opcode of a control frame: Close, Ping or Pong (§5.5).
    #[inline]
    #[must_use]
    pub const fn is_control(self) -> bool {
        self as u8 >= 8
    }

    #[inline]
    const fn parse(byte: u8) -> Result<Self, ConnectionError> {
        match byte & 0x0f {
            0 => Ok(Self::Continuation),
            1 => Ok(Self::Text),
            2 => Ok(Self::Binary),
            8 => Ok(Self::Close),
            9 => Ok(Self::Ping),
            10 => Ok(Self::Pong),
            opcode => Err(ConnectionError::ReservedOpcode { opcode }),
        }
    }
}

/// The header of a frame.
///
/// ```
/// use sanswire::frame::{Header, Opcode};
///
/// let (header, len) = Header::parse(b"\x81\x05Hello").unwrap().unwrap();
/// assert_eq!((header.opcode, header.fin, header.payload_len), (Opcode::Text, true, 5));
/// assert_eq!(len, 2);
/// assert_eq!(&header.encode()[..], b"\x81\x05");
/// assert!(Header::parse(b"\x81").unwrap().is_none());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "these are the fields of §5.2")]
pub struct Header {
    /// Whether this is the last fragment of its message.
    pub fin: bool,
    /// The reserved bits as in the first byte: RSV1 is `0x40`, RSV2 is `0x20`, RSV3 is `0x10`.
    pub rsv: u8,
    /// The type of the frame.
    pub opcode: Opcode,
    /// The masking key, or `None` if the payload is not masked.
    pub mask: Option<[u8; 4]>,
    /// The length of the payload in bytes, at most `i64::MAX`.
    pub payload_len: u64,
}

/// The first reserved bit: "Per-Message Compressed" where RFC 7692 was negotiated.
pub(crate) const RSV1: u8 = 0x40;
/// RSV1, RSV2 and RSV3.
pub(super) const RSV: u8 = 0x70;
pub(crate) const FIN: u8 = 0x80;
pub(super) const MASKED: u8 = 0x80;

/// The length of the longest header in bytes: two bytes, a 64-bit length and a masking key.
pub const MAX_HEADER_LEN: usize = 14;

/// The longest payload of a control frame in bytes (§5.5).
pub const MAX_CONTROL_LEN: usize = 125;

impl Header {
    /// Parses the header at the beginning of `bytes`. Returns it with its encoded length, or
    /// `Ok(None)` if more bytes are needed.
    ///
    /// Errors in the first two bytes are reported before the rest has arrived.
    ///
    /// # Errors
    ///
    /// The header breaks a rule of §5.2 or §5.5 that holds for both roles:
    ///
    /// - [`ConnectionError::ReservedOpcode`]
    /// - [`ConnectionError::LengthNotMinimal`], [`ConnectionError::LengthTopBit`]
    /// - [`ConnectionError::ControlFragmented`], [`ConnectionError::ControlTooLong`]
    ///
    /// Reserved bits and the mask are not checked. [`Decoder`](super::Decoder) checks them.
    #[inline]
    pub fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, ConnectionError> {
        let [first, second, rest @ ..] = bytes else {
            return match bytes {
                [first] => Opcode::parse(*first).map(|_| None),
                _ => Ok(None),
            };
        };
        let opcode = Opcode::parse(*first)?;
        let fin = first & FIN != 0;
        let short = second & !MASKED;
        if opcode.is_control() {
            // §5.5: "All control frames MUST have a payload length of 125 bytes or less and MUST
            // NOT be fragmented."
            if !fin {
                return Err(ConnectionError::ControlFragmented { opcode: opcode as u8 });
            }
            if short > 125 {
                return Err(ConnectionError::ControlTooLong { opcode: opcode as u8 });
            }
        }
        let Some(Length { payload_len, len, rest }) = parse_len(short, rest)? else {
            return Ok(None);
        };
        let (mask, len) = if second & MASKED == 0 {
            (None, len)
        } else {
            let Some(key) = rest.first_chunk() else { return Ok(None) };
            (Some(*key), len + 4)
        };
        Ok(Some((Self { fin, rsv: first & RSV, opcode, mask, payload_len }, len)))
    }

    /// Encodes the header, with the payload length in its shortest form.
    #[inline]
    #[must_use]
    pub fn encode(&self) -> EncodedHeader {
        let mut bytes = [0; MAX_HEADER_LEN];
        bytes[0] = self.first_byte();
        let masked = if self.mask.is_some() { MASKED } else { 0 };
        let [.., a, b] = self.payload_len.to_be_bytes();
        let mut len = match self.payload_len {
            0..=125 => {
                bytes[1] = masked | b;
                2
            }
            126..=0xffff => {
                bytes[1] = masked | 126;
                bytes[2] = a;
                bytes[3] = b;
                4
            }
            _ => {
                bytes[1] = masked | 127;
                bytes[2..10].copy_from_slice(&self.payload_len.to_be_bytes());
                10
            }
        };
        if let Some(key) = self.mask {
            bytes[len..len + 4].copy_from_slice(&key);
            len += 4;
        }
        EncodedHeader { bytes, len }
    }

    /// Returns the first byte on the wire.
    #[inline]
    pub(super) const fn first_byte(&self) -> u8 {
        (if self.fin { FIN } else { 0 }) | (self.rsv & RSV) | self.opcode as u8
    }
}

/// What the second and later bytes of a sound header say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rest {
    /// Where the payload begins, counted from the first byte of the header. The masking key of a
    /// client stands right before it, and may not have arrived.
    pub(crate) start: usize,
    pub(crate) payload_len: u64,
}

impl Rest {
    /// Parses a header whose first byte is known to be sound. One whose length is not whole, or
    /// that breaks a rule, is `None`: [`Header::parse`] finds out which.
    #[inline(always)]
    pub(crate) fn parse(bytes: &[u8], sender: Role) -> Option<Self> {
        let [_, second, rest @ ..] = bytes else { return None };
        let is_masked = match sender {
            Role::Client => MASKED,
            Role::Server => 0,
        };
        // A mask bit that is wrong makes it more than any length.
        let Length { payload_len, len, .. } = parse_len(second ^ is_masked, rest).ok()??;
        let key_len = match sender {
            Role::Client => 4,
            Role::Server => 0,
        };
        Some(Self { start: len + key_len, payload_len })
    }

    /// Returns the masking key at the end of a client's header.
    #[inline(always)]
    pub(crate) fn key(header: &[u8]) -> [u8; 4] {
        header.last_chunk().copied().unwrap_or_default()
    }
}

/// A length that was parsed.
#[derive(Clone, Copy, Debug)]
struct Length<'a> {
    payload_len: u64,
    /// How long the header is before the key.
    len: usize,
    /// What follows.
    rest: &'a [u8],
}

/// Parses a length in any of its three forms: `short` is the second byte of the header without the
/// mask bit, `rest` what follows. `None` if it has not arrived, or `short` has more than seven bits.
#[inline(always)]
fn parse_len(short: u8, rest: &[u8]) -> Result<Option<Length<'_>>, ConnectionError> {
    match short {
        0..=125 => Ok(Some(Length { payload_len: u64::from(short), len: 2, rest })),
        126 => {
            let Some((long, rest)) = rest.split_first_chunk() else { return Ok(None) };
            let len = u64::from(u16::from_be_bytes(*long));
            if len < 126 {
                // §5.2: "the minimal number of bytes MUST be used to encode the length"
                return Err(ConnectionError::LengthNotMinimal { len });
            }
            Ok(Some(Length { payload_len: len, len: 4, rest }))
        }
        127 => {
            let Some((long, rest)) = rest.split_first_chunk() else { return Ok(None) };
            let len = u64::from_be_bytes(*long);
            // §5.2: "the most significant bit MUST be 0"
            if len >> 63 != 0 {
                return Err(ConnectionError::LengthTopBit { len });
            }
            if len <= 0xffff {
                return Err(ConnectionError::LengthNotMinimal { len });
            }
            Ok(Some(Length { payload_len: len, len: 10, rest }))
        }
        128.. => Ok(None),
    }
}

/// An encoded header. It dereferences to its bytes.
#[derive(Clone, Copy, Debug)]
pub struct EncodedHeader {
    bytes: [u8; MAX_HEADER_LEN],
    /// 2 <= len <= MAX_HEADER_LEN
    len: usize,
}

impl Deref for EncodedHeader {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn header() -> impl Strategy<Value = Header> {
        let len = prop_oneof![0..300_u64, 65_000..66_000_u64, 0..=i64::MAX as u64];
        let data = (0..3_u8, any::<bool>(), len);
        let control = (8..11_u8, Just(true), 0..126_u64);
        (prop_oneof![data, control], 0..8_u8, any::<Option<[u8; 4]>>()).prop_map(
            |((opcode, fin, payload_len), rsv, mask)| Header {
                fin,
                rsv: rsv << 4,
                opcode: Opcode::parse(opcode).unwrap(),
                mask,
                payload_len,
            },
        )
    }

    proptest! {
        #[test]
        fn a_header_survives_the_wire_and_needs_every_byte(header in header()) {
            let encoded = header.encode();
            prop_assert_eq!(Header::parse(&encoded), Ok(Some((header, encoded.len()))));
            for len in 0..encoded.len() {
                prop_assert_eq!(Header::parse(&encoded[..len]), Ok(None));
            }
        }

        #[test]
        fn both_ways_to_parse_agree(bytes in any::<[u8; 14]>(), len in 0..15_usize) {
            let mut bytes = bytes;
            // Lengths of all forms, and all that comes near them.
            bytes[1] |= if bytes[0] & 0x40 == 0 { 0x7c } else { 0 };
            bytes[0] = 0x82;
            let bytes = &bytes[..len];
            for (sender, is_masked) in [(Role::Client, true), (Role::Server, false)] {
                let whole = match Header::parse(bytes) {
                    Ok(Some((header, len))) if header.mask.is_some() == is_masked => {
                        Some((header.mask.unwrap_or_default(), len, header.payload_len))
                    }
                    _ => None,
                };
                let rest = Rest::parse(bytes, sender).and_then(|Rest { start, payload_len }| {
                    let header = bytes.get(..start)?;
                    let key = if is_masked { Rest::key(header) } else { [0; 4] };
                    Some((key, start, payload_len))
                });
                prop_assert_eq!(rest, whole);
            }
        }

        #[test]
        fn what_is_parsed_encodes_to_the_same_bytes(bytes in any::<[u8; 14]>()) {
            if let Ok(Some((header, len))) = Header::parse(&bytes) {
                prop_assert_eq!(&header.encode()[..], &bytes[..len]);
            }
        }
    }
}
