//! Masks and unmasks payloads (§5.3): byte *i* of the payload is XORed with byte *i* mod 4 of the key.

use alloc::vec::Vec;
use core::mem::MaybeUninit;

/// Masks or unmasks `payload` in place.
///
/// `offset` is the position of the slice in the payload of the frame, so a payload can be masked in
/// pieces of any size.
///
/// ```
/// use sanswire::frame::mask;
///
/// let mut payload = *b"\x7f\x9f\x4d\x51\x58";
/// mask::apply(&mut payload, [0x37, 0xfa, 0x21, 0x3d], 0);
/// assert_eq!(&payload, b"Hello");
/// ```
#[inline(always)]
pub fn apply(payload: &mut [u8], key: [u8; 4], offset: usize) {
    let _ = apply_and_see::<false>(payload, rotated(key, offset));
}

/// Unmasks like [`apply`], and returns whether the result is ASCII. The check costs next to nothing
/// here, because the bytes are in registers.
#[inline]
pub(crate) fn apply_to_text(payload: &mut [u8], key: [u8; 4], offset: usize) -> bool {
    is_ascii(apply_and_see::<true>(payload, rotated(key, offset)))
}

#[inline(always)]
fn apply_and_see<const SEE: bool>(payload: &mut [u8], key: [u8; 4]) -> u64 {
    if payload.len() < WIDE_FROM {
        apply_words::<SEE>((payload, key))
    } else {
        apply_widely::<SEE>(payload, key)
    }
}

#[inline(never)]
fn apply_widely<const SEE: bool>(payload: &mut [u8], key: [u8; 4]) -> u64 {
    // An aligned vector lies in one line of the cache.
    let unaligned = payload.as_ptr().align_offset(WIDEST).min(payload.len());
    let (first, aligned) = payload.split_at_mut(unaligned);
    let seen = apply_words::<SEE>((first, key));
    seen | widely(apply_words::<SEE>, (aligned, rotated(key, unaligned)))
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
    let bytes = (&mut output.spare_capacity_mut()[..len], payload, key);
    if len < WIDE_FROM {
        copy_words(bytes)
    } else {
        widely(copy_words, bytes)
    }
    // SAFETY: there is room for `len` more bytes, and all of them have been written.
    unsafe { output.set_len(output.len() + len) }
}

/// Appends a header and a copy of a payload of 1 to 128 bytes, masked or not, if there is room;
/// returns whether it did.
#[expect(
    unsafe_code,
    reason = "in safe code there is no way to write what is not initialised but by appending part by \
              part, with calls: a server's small message costs a fifth more, a client's two thirds"
)]
#[inline(always)]
pub(super) fn append_small<const MASKED: bool>(
    output: &mut Vec<u8>,
    header: [u8; 2],
    payload: &[u8],
    key: [u8; 4],
) -> bool {
    let len = if MASKED { 6 } else { 2 } + payload.len();
    let Some(room) = output.spare_capacity_mut().get_mut(..len) else { return false };
    let Some((head, mut body)) = room.split_first_chunk_mut() else { return false };
    put(head, header);
    if MASKED {
        let Some((head, rest)) = body.split_first_chunk_mut() else { return false };
        put(head, key);
        body = rest;
    }
    if !copy_small::<MASKED>(body, payload, key) {
        return false;
    }
    // SAFETY: there is room for `len` more bytes. All of them have been written: the header, the key,
    // and the payload, of which `copy_ends` wrote the first half and the last, and no less.
    unsafe { output.set_len(output.len() + len) }
    true
}

/// Copies a payload of 1 to 128 bytes, masked or not, to `output`, which is as long; returns whether
/// it did.
#[inline(always)]
fn copy_small<const MASKED: bool>(
    output: &mut [MaybeUninit<u8>],
    payload: &[u8],
    key: [u8; 4],
) -> bool {
    let len = payload.len();
    if len < 16 {
        match len {
            0 => false,
            1 => copy_ends::<1, MASKED>(output, payload, key),
            2 | 3 => copy_ends::<2, MASKED>(output, payload, key),
            4..8 => copy_ends::<4, MASKED>(output, payload, key),
            8.. => copy_ends::<8, MASKED>(output, payload, key),
        }
    } else if len < 32 {
        copy_ends::<16, MASKED>(output, payload, key)
    } else if len < 64 {
        copy_ends::<32, MASKED>(output, payload, key)
    } else {
        len <= 128 && copy_ends::<64, MASKED>(output, payload, key)
    }
}

/// Copies a payload of `N` to twice as many bytes, masked or not, to `output`, which is as long: the
/// first `N` bytes and the last, which may overlap. Returns whether it did.
#[inline(always)]
fn copy_ends<const N: usize, const MASKED: bool>(
    output: &mut [MaybeUninit<u8>],
    payload: &[u8],
    key: [u8; 4],
) -> bool {
    if payload.len() > 2 * N || output.len() != payload.len() {
        return false;
    }
    let (Some(first), Some(last)) = (payload.first_chunk::<N>(), payload.last_chunk::<N>()) else {
        return false;
    };
    let (mut first, mut last) = (*first, *last);
    if MASKED {
        mask_chunk(&mut first, key);
        mask_chunk(&mut last, rotated(key, payload.len() - N));
    }
    let Some(slot) = output.first_chunk_mut() else { return false };
    put(slot, first);
    let Some(slot) = output.last_chunk_mut() else { return false };
    put(slot, last);
    true
}

/// Writes bytes where nothing is initialised. `map` of an array may be a call, for which registers
/// are saved in front of all else.
#[inline(always)]
fn put<const N: usize>(slot: &mut [MaybeUninit<u8>; N], bytes: [u8; N]) {
    for (slot, byte) in slot.iter_mut().zip(&bytes) {
        slot.write(*byte);
    }
}

/// Masks a chunk of a size that is known, so that this is no loop: two words of four bytes would take
/// more registers than one of eight; what is larger is a vector anyhow.
#[inline(always)]
fn mask_chunk<const N: usize>(chunk: &mut [u8; N], key: [u8; 4]) {
    if N == 8 {
        for word in chunk.as_chunks_mut().0 {
            *word = (u64::from_ne_bytes(*word) ^ widened(key)).to_ne_bytes();
        }
        return;
    }
    let (words, rest) = chunk.as_chunks_mut::<4>();
    for word in words {
        *word = (u32::from_ne_bytes(*word) ^ u32::from_ne_bytes(key)).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(key) {
        *byte ^= key;
    }
}

/// Masks or unmasks `payload`, word by word, and returns the bits that are set in what comes of it,
/// if they are to be seen.
#[inline(always)]
fn apply_words<const SEE: bool>((payload, key): (&mut [u8], [u8; 4])) -> u64 {
    let Some(last) = payload.last_chunk() else { return apply_bytes(payload, key) };
    // The last word may begin in the one before.
    let last = u64::from_ne_bytes(*last) ^ widened(rotated(key, payload.len()));
    let wide = widened(key);
    let mut seen = last;
    for bytes in payload.as_chunks_mut().0 {
        let word = u64::from_ne_bytes(*bytes) ^ wide;
        *bytes = word.to_ne_bytes();
        if SEE {
            seen |= word;
        }
    }
    if let Some(bytes) = payload.last_chunk_mut() {
        *bytes = last.to_ne_bytes();
    }
    seen
}

/// As [`apply_words`], for what is shorter than a word.
#[inline(always)]
fn apply_bytes(payload: &mut [u8], key: [u8; 4]) -> u64 {
    let mut seen = 0;
    for (byte, key) in payload.iter_mut().zip(widened(key).to_ne_bytes()) {
        *byte ^= key;
        seen |= u64::from(*byte);
    }
    seen
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

/// Does `work` with the widest vectors that the processor has.
#[cfg(all(feature = "std", target_arch = "x86_64"))]
#[expect(
    unsafe_code,
    reason = "builds for all x86-64 processors have vectors of 16 bytes; of 32, payloads that lie \
              in the cache are masked twice as fast"
)]
#[inline(never)]
fn widely<T, R>(work: impl Fn(T) -> R, bytes: T) -> R {
    #[target_feature(enable = "avx2")]
    fn run<T, R>(work: impl Fn(T) -> R, bytes: T) -> R {
        work(bytes)
    }

    if std::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2.
        unsafe { run(work, bytes) }
    } else {
        work(bytes)
    }
}

/// Does `work` with the vectors that every processor has.
#[cfg(not(all(feature = "std", target_arch = "x86_64")))]
fn widely<T, R>(work: impl Fn(T) -> R, bytes: T) -> R {
    work(bytes)
}

/// Returns whether none of the bits is set that ASCII leaves free.
#[inline]
const fn is_ascii(seen: u64) -> bool {
    seen & 0x8080_8080_8080_8080 == 0
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
const WIDE_FROM: usize = 512;

/// The size of the widest vectors.
const WIDEST: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effort;
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
        fn text_is_seen_to_be_ascii_when_it_is(
            len in 0..1_200_usize,
            key in any::<[u8; 4]>(),
            others in proptest::collection::vec(any::<(proptest::sample::Index, u8)>(), 0..2),
            skip in 0..20_usize,
        ) {
            let mut text: Vec<u8> = (0..0x80).cycle().take(len).collect();
            if len > 0 {
                others.iter().for_each(|(index, byte)| text[index.index(len)] = *byte);
            }
            let payload = &text[skip.min(len)..];
            let mut masked = oracle(payload, key, 0);
            prop_assert_eq!(apply_to_text(&mut masked, key, 0), payload.is_ascii());
            prop_assert_eq!(&masked, payload);
        }

        #[test]
        fn a_masked_copy_is_a_copy_masked(
            len in 0..effort::of(10_000, 600),
            key in any::<[u8; 4]>(),
            before in proptest::collection::vec(any::<u8>(), 0..9),
        ) {
            let payload: Vec<u8> = (0..=255).cycle().take(len).collect();
            let mut output = before.clone();
            append(&mut output, &payload, key);
            prop_assert_eq!(&output[..before.len()], &before[..]);
            prop_assert_eq!(&output[before.len()..], &oracle(&payload, key, 0)[..]);
        }

        #[test]
        fn a_small_frame_is_header_key_and_payload_where_there_is_room(
            payload in prop_oneof![
                9 => proptest::collection::vec(any::<u8>(), 1..131),
                1 => Just(Vec::new()),
            ],
            header in any::<[u8; 2]>(),
            key in any::<[u8; 4]>(),
            before in proptest::collection::vec(any::<u8>(), 0..9),
            room in 0..300_usize,
        ) {
            let plain = [&header[..], &payload].concat();
            let masked = [&header[..], &key, &oracle(&payload, key, 0)].concat();
            for (is_masked, frame) in [(false, plain), (true, masked)] {
                let mut output = Vec::with_capacity(before.len() + room);
                output.extend_from_slice(&before);
                let fits = (1..=128).contains(&payload.len())
                    && frame.len() <= output.capacity() - output.len();
                let is_appended = if is_masked {
                    append_small::<true>(&mut output, header, &payload, key)
                } else {
                    append_small::<false>(&mut output, header, &payload, key)
                };
                prop_assert_eq!(is_appended, fits);
                let expected = if fits { [&before[..], &frame].concat() } else { before.clone() };
                prop_assert_eq!(output, expected);
            }
        }
    }
}
