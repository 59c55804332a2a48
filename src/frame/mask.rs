//! The masking of §5.3: octet *i* of the payload is XORed with octet *i* mod 4 of the key.

use alloc::vec::Vec;
use core::mem::MaybeUninit;

/// Masks or unmasks `payload` in place.
///
/// `offset` says where in the frame's payload the slice begins, so that a payload can be done piece
/// by piece, in pieces of any size.
///
/// ```
/// use sanswire::frame::mask;
///
/// let mut payload = *b"\x7f\x9f\x4d\x51\x58";
/// mask::apply(&mut payload, [0x37, 0xfa, 0x21, 0x3d], 0);
/// assert_eq!(&payload, b"Hello");
/// ```
#[inline]
pub fn apply(payload: &mut [u8], key: [u8; 4], offset: usize) {
    on_widest(payload.len(), apply_words, (payload, rotated(key, offset)));
}

/// Appends a masked copy of `payload` to `output`, in one pass.
///
/// ```
/// use sanswire::frame::mask;
///
/// let mut output = Vec::new();
/// mask::append(&mut output, b"Hello", [0x37, 0xfa, 0x21, 0x3d]);
/// assert_eq!(output, b"\x7f\x9f\x4d\x51\x58");
/// ```
#[expect(
    unsafe_code,
    reason = "to copy, and then to mask the copy, is a second pass: large payloads take twice as long"
)]
#[inline]
pub fn append(output: &mut Vec<u8>, payload: &[u8], key: [u8; 4]) {
    let len = payload.len();
    output.reserve(len);
    on_widest(len, copy_words, (&mut output.spare_capacity_mut()[..len], payload, key));
    // SAFETY: there is room for `len` more bytes, and all of them have been written.
    unsafe { output.set_len(output.len() + len) }
}

/// Masks or unmasks `payload`, word by word.
#[inline(always)]
fn apply_words((payload, key): (&mut [u8], [u8; 4])) {
    let wide = widened(key);
    let (words, rest) = payload.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    let (half, rest) = rest.as_chunks_mut::<4>();
    for word in half {
        *word = (u32::from_ne_bytes(*word) ^ u32::from_ne_bytes(key)).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(key) {
        *byte ^= key;
    }
}

/// Masks `payload` into `output`, which is as long, word by word.
#[inline(always)]
fn copy_words((output, payload, key): (&mut [MaybeUninit<u8>], &[u8], [u8; 4])) {
    let wide = widened(key);
    let (words, rest) = payload.as_chunks::<8>();
    let (slots, last) = output.as_chunks_mut::<8>();
    for (slot, word) in slots.iter_mut().zip(words) {
        *slot = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes().map(MaybeUninit::new);
    }
    for ((slot, byte), key) in last.iter_mut().zip(rest).zip(wide.to_ne_bytes()) {
        slot.write(byte ^ key);
    }
}

/// Does `work`, on `len` bytes, with vectors as wide as it is worth.
#[cfg_attr(
    not(all(feature = "std", target_arch = "x86_64")),
    expect(unused_variables, reason = "only there are wider vectors chosen at run time")
)]
#[inline(always)]
fn on_widest<T>(len: usize, work: impl Fn(T), bytes: T) {
    #[cfg(all(feature = "std", target_arch = "x86_64"))]
    if len >= WIDE_FROM {
        return with_avx2(work, bytes);
    }
    work(bytes);
}

/// Does `work` with the instructions of newer processors, if this is one.
#[cfg(all(feature = "std", target_arch = "x86_64"))]
#[expect(
    unsafe_code,
    reason = "builds for all x86-64 processors have vectors of 16 bytes; of 32, payloads that lie \
              in the cache are masked twice as fast"
)]
#[inline(never)]
fn with_avx2<T>(work: impl Fn(T), bytes: T) {
    #[target_feature(enable = "avx2")]
    fn run<T>(work: impl Fn(T), bytes: T) {
        work(bytes);
    }

    if std::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2.
        unsafe { run(work, bytes) }
    } else {
        work(bytes);
    }
}

/// The key as it applies from `offset` on.
#[inline]
const fn rotated(key: [u8; 4], offset: usize) -> [u8; 4] {
    let bits = match offset & 3 {
        0 => 0,
        1 => 8,
        2 => 16,
        _ => 24,
    };
    u32::from_le_bytes(key).rotate_right(bits).to_le_bytes()
}

#[inline]
const fn widened(key: [u8; 4]) -> u64 {
    let half = u32::from_ne_bytes(key) as u64;
    half << 32 | half
}

/// From this length on, asking for the instructions of the processor is worth it.
#[cfg(all(feature = "std", target_arch = "x86_64"))]
const WIDE_FROM: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The sentence of §5.3, word for word.
    fn oracle(payload: &[u8], key: [u8; 4], offset: usize) -> Vec<u8> {
        payload.iter().enumerate().map(|(i, byte)| byte ^ key[(offset + i) % 4]).collect()
    }

    proptest! {
        #[test]
        fn any_piece_at_any_offset_is_masked_as_the_rfc_says(
            payload in proptest::collection::vec(any::<u8>(), 0..1_200),
            key in any::<[u8; 4]>(),
            offset in any::<usize>(),
            skip in 0..20_usize,
        ) {
            let payload = &payload[skip.min(payload.len())..];
            let offset = offset / 2;
            let mut masked = payload.to_vec();
            apply(&mut masked, key, offset);
            prop_assert_eq!(&masked, &oracle(payload, key, offset));
        }

        #[test]
        fn a_masked_copy_is_a_copy_masked(
            len in 0..10_000_usize,
            key in any::<[u8; 4]>(),
            before in proptest::collection::vec(any::<u8>(), 0..9),
        ) {
            let payload: Vec<u8> = (0..=255).cycle().take(len).collect();
            let mut output = before.clone();
            append(&mut output, &payload, key);
            prop_assert_eq!(&output[..before.len()], &before[..]);
            prop_assert_eq!(&output[before.len()..], &oracle(&payload, key, 0)[..]);
        }
    }
}
