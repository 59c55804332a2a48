//! Text that is known to be UTF-8 (RFC 6455, §8.1), whole or piece by piece; knows no frames.

use alloc::string::String;
use core::fmt;
use core::ops::Deref;

use bytes::Bytes;

/// Checks text that arrives in pieces for valid UTF-8.
///
/// A piece may end inside a character. The first byte that makes the text invalid is refused at once,
/// not only at the end of the text.
///
/// ```
/// use sanswire::Utf8Validator;
///
/// let mut validator = Utf8Validator::new();
/// validator.push(b"gr\xc3").unwrap();
/// assert!(!validator.is_complete());
/// validator.push(b"\xbc\xc3\x9fe").unwrap();
/// assert!(validator.is_complete());
/// assert!(validator.push(b"\xff").is_err());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Utf8Validator {
    /// The first bytes of a character whose rest has not arrived.
    partial: [u8; 4],
    /// partial_len < 4
    partial_len: u8,
}

/// The error for bytes that are not valid UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidUtf8;

impl Utf8Validator {
    /// Creates a validator at the beginning of a text.
    #[must_use]
    pub const fn new() -> Self {
        Self { partial: [0; 4], partial_len: 0 }
    }

    /// Checks the next bytes of the text.
    ///
    /// # Errors
    ///
    /// [`InvalidUtf8`] if no valid text begins with the bytes pushed so far. Do not use the validator
    /// after an error.
    #[inline]
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), InvalidUtf8> {
        if self.partial_len > 0 {
            return self.push_behind_partial(bytes);
        }
        let (whole, partial) = bytes.split_at(bytes.len() - unfinished_len(bytes));
        if !is_utf8(whole) {
            return Err(InvalidUtf8);
        }
        if partial.is_empty() { Ok(()) } else { self.begin_partial(partial) }
    }

    /// As [`push`](Self::push), of the bytes behind the first `known` of a text, where these are the
    /// ones that were pushed before: a character that they leave unfinished is looked at where it
    /// lies, in one go with what follows.
    pub(crate) fn push_behind(&mut self, text: &[u8], known: usize) -> Result<(), InvalidUtf8> {
        let known = known.saturating_sub(self.partial_len.into());
        *self = Self::new();
        self.push(text.get(known..).unwrap_or_default())
    }

    /// Returns whether the text may end here, which means that no character is unfinished.
    #[inline]
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.partial_len == 0
    }

    fn push_behind_partial(&mut self, bytes: &[u8]) -> Result<(), InvalidUtf8> {
        let missing = char_len(self.partial[0]).saturating_sub(self.partial_len.into());
        let (rest, behind) = bytes.split_at(missing.min(bytes.len()));
        self.extend_partial(rest)?;
        if self.is_complete() { self.push(behind) } else { Ok(()) }
    }

    /// Begins a character with its first bytes, of which more are missing.
    fn begin_partial(&mut self, bytes: &[u8]) -> Result<(), InvalidUtf8> {
        if !begins_character(bytes) {
            return Err(InvalidUtf8);
        }
        for (known, byte) in self.partial.iter_mut().zip(bytes) {
            *known = *byte;
            self.partial_len += 1;
        }
        Ok(())
    }

    /// Adds the next bytes of a character, at most all that are missing of it.
    fn extend_partial(&mut self, bytes: &[u8]) -> Result<(), InvalidUtf8> {
        let known = usize::from(self.partial_len);
        let partial = self.partial.get_mut(..known + bytes.len()).ok_or(InvalidUtf8)?;
        partial[known..].copy_from_slice(bytes);
        match core::str::from_utf8(partial) {
            Ok(_) => *self = Self::new(),
            Err(error) if error.error_len().is_some() => return Err(InvalidUtf8),
            Err(_) => self.partial_len = u8::try_from(known + bytes.len()).unwrap_or_default(),
        }
        Ok(())
    }
}

/// Returns how many bytes at the end are the beginning of a character, or seem to be.
fn unfinished_len(bytes: &[u8]) -> usize {
    let is_first = |byte: &u8| !(0x80..0xc0).contains(byte);
    let Some(behind) = bytes.iter().rev().take(3).position(is_first) else { return 0 };
    let len = behind + 1;
    let first = bytes.get(bytes.len() - len).copied().unwrap_or_default();
    if len < char_len(first) { len } else { 0 }
}

/// Returns whether a character begins with these bytes and has more: the first bytes of each line
/// of table 3-7 of the Unicode standard.
const fn begins_character(bytes: &[u8]) -> bool {
    match *bytes {
        [first] => matches!(first, 0xc2..=0xf4),
        [first, second] => begins_long_character(first, second),
        [first @ 0xf0..=0xff, second, 0x80..=0xbf] => begins_long_character(first, second),
        _ => false,
    }
}

/// Returns whether a character of three or four bytes begins with these two.
const fn begins_long_character(first: u8, second: u8) -> bool {
    match first {
        0xe0 => matches!(second, 0xa0..=0xbf),
        0xed => matches!(second, 0x80..=0x9f),
        0xe1..=0xef => matches!(second, 0x80..=0xbf),
        0xf0 => matches!(second, 0x90..=0xbf),
        0xf1..=0xf3 => matches!(second, 0x80..=0xbf),
        0xf4 => matches!(second, 0x80..=0x8f),
        _ => false,
    }
}

/// Returns how many bytes a character has that begins like this, if any does.
const fn char_len(first: u8) -> usize {
    match first {
        0xf0.. => 4,
        0xe0.. => 3,
        0xc0.. => 2,
        _ => 1,
    }
}

impl fmt::Display for InvalidUtf8 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text is not valid UTF-8: send it as binary")
    }
}

impl core::error::Error for InvalidUtf8 {}

/// An immutable string in shared memory: `bytes::Bytes` that are valid UTF-8.
///
/// It dereferences to `str`. Clones share the text.
///
/// ```
/// use sanswire::Utf8Bytes;
///
/// let text = Utf8Bytes::from("hello");
/// assert_eq!(text.as_str(), "hello");
/// assert!(Utf8Bytes::try_from(bytes::Bytes::from_static(b"\xff")).is_err());
/// ```
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Utf8Bytes {
    /// Valid UTF-8.
    bytes: Bytes,
}

impl Utf8Bytes {
    /// Creates a text from a static string, without a copy.
    #[must_use]
    pub const fn from_static(text: &'static str) -> Self {
        Self { bytes: Bytes::from_static(text.as_bytes()) }
    }

    /// Wraps bytes that a [`Utf8Validator`] has seen from beginning to end.
    pub(crate) const fn from_validated(bytes: Bytes) -> Self {
        Self { bytes }
    }

    /// Copies bytes if they are UTF-8.
    pub(crate) fn validate(bytes: &[u8]) -> Result<Self, InvalidUtf8> {
        let bytes = Bytes::copy_from_slice(bytes);
        Self::try_from(bytes)
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        validated_str(&self.bytes)
    }

    /// Lends the text as shared bytes.
    #[inline]
    pub(crate) const fn as_shared(&self) -> &Bytes {
        &self.bytes
    }

    /// Lends the text as shared bytes, to be taken as they are or left.
    pub(crate) const fn as_shared_mut(&mut self) -> &mut Bytes {
        &mut self.bytes
    }

    /// Converts the text into bytes, without a copy.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.bytes
    }
}

impl Deref for Utf8Bytes {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Utf8Bytes {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<[u8]> for Utf8Bytes {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl From<&str> for Utf8Bytes {
    fn from(text: &str) -> Self {
        Self { bytes: Bytes::copy_from_slice(text.as_bytes()) }
    }
}

/// Does not copy, unless more than half of the capacity of `text` is unused.
impl From<String> for Utf8Bytes {
    fn from(mut text: String) -> Self {
        // What has room to spare would hold it for as long as the text lives.
        if text.capacity() / 2 > text.len() {
            text.shrink_to_fit();
        }
        Self { bytes: text.into() }
    }
}

/// Does not copy if the text is not shared.
impl From<Utf8Bytes> for String {
    fn from(text: Utf8Bytes) -> Self {
        // It is valid, so that the default is never taken.
        Self::from_utf8(text.bytes.into()).unwrap_or_default()
    }
}

impl From<Utf8Bytes> for Bytes {
    fn from(text: Utf8Bytes) -> Self {
        text.bytes
    }
}

impl TryFrom<Bytes> for Utf8Bytes {
    type Error = InvalidUtf8;

    fn try_from(bytes: Bytes) -> Result<Self, InvalidUtf8> {
        if is_utf8(&bytes) { Ok(Self { bytes }) } else { Err(InvalidUtf8) }
    }
}

/// Implements the comparison of a type that has `as_str` with strings, in both directions.
macro_rules! eq_str {
    ($text:ty, $($string:ty),+) => {
        $(
            impl PartialEq<$string> for $text {
                fn eq(&self, other: &$string) -> bool {
                    let other: &str = other;
                    self.as_str() == other
                }
            }

            impl PartialEq<$text> for $string {
                fn eq(&self, other: &$text) -> bool {
                    other == self
                }
            }
        )+
    };
}

pub(crate) use eq_str;

eq_str!(Utf8Bytes, str, &str, String);

impl fmt::Debug for Utf8Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Utf8Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.as_str(), f)
    }
}

/// Returns whether `bytes` are a whole valid text.
#[inline(never)]
pub(crate) fn is_utf8(bytes: &[u8]) -> bool {
    (bytes.len() <= SHORT && is_ascii(bytes)) || is_multi_byte_utf8(bytes)
}

/// As [`is_utf8`], of bytes that are known not to be all ASCII.
#[inline(never)]
pub(crate) fn is_multi_byte_utf8(bytes: &[u8]) -> bool {
    let mut block = [0; BLOCK];
    // The library looks at less than a block byte by byte: with zeros behind it, it is one. A
    // character that they cut short is as invalid as one that ends too early.
    match block.get_mut(..bytes.len()) {
        Some(begin) => {
            begin.copy_from_slice(bytes);
            simdutf8::basic::from_utf8(&block).is_ok()
        }
        None => {
            #[cfg(all(
                any(target_arch = "x86", target_arch = "x86_64"),
                any(feature = "std", target_feature = "avx2")
            ))]
            if let Some(is_valid) = by_avx2(bytes) {
                return is_valid;
            }
            simdutf8::basic::from_utf8(bytes).is_ok()
        }
    }
}

/// Returns whether `bytes` are valid, if the processor has AVX2. Of more than a block, the
/// library's `from_utf8` would then compute addresses behind the end of the allocation, to prefetch
/// from them, which is undefined behaviour (0.1.5); what it validates streams with does not. Where
/// nobody can ask for AVX2, the library does not use it either.
#[cfg(all(
    any(target_arch = "x86", target_arch = "x86_64"),
    any(feature = "std", target_feature = "avx2")
))]
#[expect(unsafe_code, reason = "the library leaves it to the caller to ask for AVX2")]
#[inline]
fn by_avx2(bytes: &[u8]) -> Option<bool> {
    use simdutf8::basic::imp::ChunkedUtf8Validator;
    use simdutf8::basic::imp::x86::avx2::ChunkedUtf8ValidatorImp;

    #[target_feature(enable = "avx2")]
    fn run(bytes: &[u8]) -> bool {
        // SAFETY: whoever calls this has AVX2.
        unsafe { ChunkedUtf8ValidatorImp::new().finalize(Some(bytes)).is_ok() }
    }

    #[cfg(not(target_feature = "avx2"))]
    if !std::is_x86_feature_detected!("avx2") {
        return None;
    }
    // SAFETY: the processor has AVX2, or the build is for those only that have.
    Some(unsafe { run(bytes) })
}

/// Returns whether `bytes` are ASCII. That of the standard library stops at the first that is not,
/// which takes longer if there is none.
#[inline]
fn is_ascii(bytes: &[u8]) -> bool {
    let (words, rest) = bytes.as_chunks::<8>();
    let seen = words.iter().fold(0, |seen, word| seen | u64::from_ne_bytes(*word));
    seen & 0x8080_8080_8080_8080 == 0 && rest.is_ascii()
}

/// How many bytes are validated at once.
const BLOCK: usize = 64;

/// Of a text up to this length, it costs next to nothing to see first whether it is ASCII.
const SHORT: usize = 256;

/// Returns bytes as text that were seen to be valid from beginning to end.
///
/// Private to the crate. There are two kinds of callers. A [`Utf8Bytes`] holds its bytes alone, and
/// is made of a text, of what [`is_utf8`] has accepted, or of a text that was received. A text that
/// was received is lent by the `Receiver`, which owns the bytes: it has seen each of them in the
/// order of the message, when they were unmasked and before they were joined, and found the message
/// complete before it was lent.
#[inline]
#[expect(
    unsafe_code,
    reason = "the bytes were validated as they arrived; doing it again at each \
                                look would double the cost of text"
)]
pub(crate) fn validated_str(bytes: &[u8]) -> &str {
    debug_assert!(core::str::from_utf8(bytes).is_ok());
    // SAFETY: a message that is one frame was accepted as a whole, by `is_utf8` or by `mask`, which
    // looked at each bit and found ASCII. Of any other, `Progress` has one `Utf8Validator` for each
    // byte that `Receiver` keeps or assembles: it accepts what is fresh, before that is joined to
    // the rest or where it was joined to it, what is seen to be ASCII counts where the text so far
    // is complete, what it refuses is no text any more, and the message is lent only if it is at its
    // end. The `Receiver` owns its buffers, and nobody else changes
    // them: they are appended to behind the bytes that it keeps, which are moved as they are; and
    // what is lent borrows the buffer, or was taken out of it.
    unsafe { core::str::from_utf8_unchecked(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effort;
    use alloc::boxed::Box;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    /// The oracle: after each byte, is there still a valid text that begins like this?
    fn first_bad_byte(bytes: &[u8]) -> Option<usize> {
        (1..=bytes.len())
            .find(|&len| {
                core::str::from_utf8(&bytes[..len]).is_err_and(|error| error.error_len().is_some())
            })
            .map(|len| len - 1)
    }

    fn nearly_text() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            ".{0,20}".prop_map(String::into_bytes),
            proptest::collection::vec(any::<u8>(), 0..4),
            Just(b"\xed\xa0\x80".to_vec()),
            Just(b"\xf4\x90".to_vec()),
            Just(b"\xc0\xaf".to_vec()),
            Just(b"\xf0\x9f\x98".to_vec()),
        ];
        proptest::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat())
    }

    /// Miri sees whether anything reaches behind the end.
    #[test]
    fn a_text_may_end_where_its_memory_ends() {
        for len in [63, 64, 65, 127, 128, 129, 191, 192, 200, 320, 999] {
            let mut text: Box<[u8]> = "\u{e4}".repeat(len).into_bytes()[..len / 2 * 2].into();
            assert!(is_multi_byte_utf8(&text), "{len}");
            for at in [text.len() - 1, text.len() / 2, 0] {
                let right = core::mem::replace(&mut text[at], 0xff);
                assert!(!is_multi_byte_utf8(&text), "{len}, {at}");
                text[at] = right;
            }
            assert!(!is_multi_byte_utf8(&text[..text.len() - 1]), "{len}, cut short");
        }
    }

    #[test]
    fn what_may_begin_a_character_is_what_the_standard_library_waits_for() {
        let is_begun = |bytes: &[u8]| {
            core::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
                && unfinished_len(bytes) == bytes.len()
        };
        assert!(!begins_character(b""));
        for first in (0..=255).step_by(effort::of(1, 5)) {
            assert_eq!(begins_character(&[first]), is_begun(&[first]), "{first:x}");
            for second in (0..=255).step_by(effort::of(1, 43)) {
                let two = [first, second];
                assert_eq!(begins_character(&two), is_begun(&two), "{two:x?}");
                for third in [0, 0x7f, 0x80, 0xa5, 0xbf, 0xc0, 0xff] {
                    let three = [first, second, third];
                    assert_eq!(begins_character(&three), is_begun(&three), "{three:x?}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn pieces_of_any_size_agree_with_the_standard_library(
            bytes in nearly_text(),
            sizes in proptest::collection::vec(1..9_usize, 0..200),
        ) {
            let mut validator = Utf8Validator::new();
            let mut joined = Utf8Validator::new();
            let mut rest = &bytes[..];
            let mut result = Ok(());
            for size in sizes.into_iter().chain(core::iter::once(usize::MAX)) {
                let (piece, behind) = rest.split_at(size.min(rest.len()));
                let arrived = bytes.len() - behind.len();
                result = validator.push(piece);
                let known = arrived - piece.len();
                prop_assert_eq!(joined.push_behind(&bytes[..arrived], known), result);
                if result.is_ok() {
                    prop_assert_eq!(joined, validator);
                }
                // It fails with the piece that holds the first bad byte, not later.
                let bad = first_bad_byte(&bytes).is_some_and(|bad| bad < arrived);
                prop_assert_eq!(result.is_err(), bad);
                if bad { break; }
                rest = behind;
            }
            let whole = result.is_ok() && validator.is_complete();
            prop_assert_eq!(whole, core::str::from_utf8(&bytes).is_ok());
        }
    }
}
