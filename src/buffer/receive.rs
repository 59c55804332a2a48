//! Bytes that came from the peer: those that nobody has consumed, and consumed ones that are kept
//! together. Knows neither transport nor frames.

mod joining;
mod room;

use alloc::vec::Vec;
use core::fmt;
use core::mem::MaybeUninit;
use core::ops::Range;

use bytes::buf::UninitSlice;
use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::spare::{MUCH, MUCH_LESS, SpareInput};

/// The bytes received from a peer and not consumed yet, and consumed ones that are kept.
///
/// The state machine that they are for owns it, and consumes from the front; the transport appends
/// by an [`Input`](super::Input). What the machine keeps of consumed bytes is joined where it lies:
///
/// ```text
///            kept.start    kept.end     cursor      storage.len()
///     ┌──────────┬────────────┬───────────┬──────────────┬─ ─ ─ ─ ─ ─┐
///     │   dead   │    kept    │    gap    │    unread    │   spare
///     └──────────┴────────────┴───────────┴──────────────┴─ ─ ─ ─ ─ ─┘
/// ```
///
/// The machine says how much is missing of a large frame, so that what is lent to a reader is what
/// the frame needs: it is read to where it stays.
///
/// An empty buffer holds no heap memory until something is reserved, and gives back what it holds
/// by [`release_to`](Self::release_to).
#[derive(Default)]
pub(crate) struct ReceiveBuf {
    storage: BytesMut,
    /// Where the unread bytes begin. cursor <= storage.len()
    cursor: usize,
    /// kept.start <= kept.end <= cursor; 0..0 when nothing is kept.
    kept: Range<usize>,
    /// Bytes of the allocation, counted from where `storage` begins, that were written at least
    /// once; 0 when nothing is known. initialised <= storage.capacity()
    initialised: usize,
    /// The size of the allocation that `storage` is, or is what is left of, as far as it matters.
    allocation: u32,
    /// Whether the allocation may be another's, too: messages were taken out of it, or it came from
    /// outside.
    is_shared: bool,
    /// Whether what is lent has room for the rest of the frame that waits here, and a header behind
    /// it: until that is whole, there is nothing to prepare. Said by `prepare`; whatever moves bytes
    /// or changes the room in another way takes it back.
    is_roomy: bool,
    /// How much another message needs like the last one that was taken or kept here, if that was
    /// large; else 0.
    like_last: u32,
    /// Whether memory was released since. Then there is room for another only when it comes.
    is_long_ago: bool,
    /// Where in `storage` what is lent for the next read ends, if there is more; 0 before any was
    /// prepared. Said anew by each `prepare`, so that nobody else need keep it true.
    lent_end: usize,
    /// Bytes appended since the buffer was made.
    received: u64,
    /// How many will have been when the large frame is whole that waits here; not more than
    /// `received` when none does.
    expected: u64,
    /// How long that frame is, as far as it matters.
    expected_len: u32,
}

impl ReceiveBuf {
    /// Creates an empty buffer that holds no memory.
    #[must_use]
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Creates an empty buffer with room for `capacity` bytes.
    #[cfg(test)]
    #[must_use]
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        let storage = BytesMut::with_capacity(capacity);
        let allocation = size_of_allocation(&storage);
        Self { allocation, storage, lent_end: usize::MAX, ..Self::default() }
    }

    /// Appends a copy of `bytes`.
    pub(crate) fn extend_from_slice(&mut self, bytes: &[u8]) {
        self.reserve(bytes.len());
        self.storage.extend_from_slice(bytes);
        self.received += bytes.len() as u64;
    }

    /// Returns initialised memory to read into: as much as [`prepare`](Self::prepare) makes room
    /// for, never none unless `size` is 0. What was read becomes part of the buffer by
    /// [`commit`](Self::commit).
    pub(crate) fn spare_mut(&mut self, size: usize) -> &mut [u8] {
        self.prepare(size);
        self.prepared_mut(size)
    }

    /// As [`spare_mut`](Self::spare_mut), where room for a read of `size` bytes was prepared already.
    ///
    /// Memory is zeroed once, when it is first lent, not before each read; for one read no more than
    /// it asks for, and 128 KiB at most.
    #[expect(unsafe_code, reason = "to zero memory for each read doubles what a large one costs")]
    #[inline]
    pub(crate) fn prepared_mut(&mut self, size: usize) -> &mut [u8] {
        let lent = self.lent_len();
        let filled = self.storage.len();
        let known = self.initialised.saturating_sub(filled);
        // What is zeroed is still in the cache when it is read to. The memory may have been another's,
        // who needed more; what a large message needs was said before.
        let is_asked = self.lent_end == usize::MAX;
        let fresh = if is_asked { size.max(self.like_last()) } else { lent };
        let lent = lent.min(known.max(fresh.min(ZEROED_AT_ONCE)));
        let spare = self.storage.spare_capacity_mut();
        let spare = spare.get_mut(..lent).unwrap_or_default();
        if let Some(fresh) = spare.get_mut(known..) {
            fresh.fill(MaybeUninit::new(0));
        }
        self.initialised = self.initialised.max(filled + spare.len());
        // SAFETY: every element was written: those before `known` when they were lent or filled
        // earlier (`initialised` is reset whenever the allocation may have changed), the rest
        // just above. `MaybeUninit<u8>` and `u8` have the same layout.
        unsafe { &mut *(core::ptr::from_mut::<[MaybeUninit<u8>]>(spare) as *mut [u8]) }
    }

    /// Appends the first `len` bytes of the slice that [`spare_mut`](Self::spare_mut) lent last.
    ///
    /// # Panics
    ///
    /// When `len` is more than was lent: the caller claims bytes that nobody wrote.
    #[expect(unsafe_code, reason = "the counterpart of spare_mut")]
    pub(crate) fn commit(&mut self, len: usize) {
        // Without a sum that could overflow.
        let lent = self.initialised.saturating_sub(self.storage.len()).min(self.lent_len());
        assert!(len <= lent, "more bytes committed than were lent");
        let filled = self.storage.len() + len;
        // SAFETY: filled <= initialised <= capacity unless `len` is 0, and all bytes before
        // `initialised` were written.
        unsafe { self.storage.set_len(filled) }
        self.received += len as u64;
    }

    /// Splits off the room that was prepared for a read, to be filled by somebody who owns it
    /// meanwhile. Then there is none here: what is appended before it comes back is copied.
    pub(crate) fn split_spare(&mut self) -> BytesMut {
        self.initialised = 0;
        self.is_roomy = false;
        self.storage.split_off(self.storage.len())
    }

    /// Appends what was read in memory that was [split off](Self::split_spare), or in any other:
    /// without a copy, unless something else is held that does not lie right in front of it.
    pub(crate) fn append(&mut self, memory: BytesMut) {
        self.received += memory.len() as u64;
        self.initialised = 0;
        self.is_roomy = false;
        self.lent_end = usize::MAX;
        self.rewind();
        if self.storage.is_empty() {
            self.is_shared = true;
            self.allocation = size_of_allocation(&memory);
            self.storage = memory;
        } else {
            self.storage.unsplit(memory);
            self.allocation = size_of_allocation(&self.storage);
        }
    }

    /// Gives the memory that holds nothing to `spare`, or frees it: all of it if the buffer is empty
    /// and keeps nothing, and most of it if it holds little in much.
    pub(crate) fn release_to(&mut self, spare: &mut SpareInput) {
        let (held, is_shared) = (self.held(), self.is_shared);
        let allocation = self.allocation as usize;
        self.is_long_ago = true;
        let mut unused = if held == 0 {
            let storage = core::mem::take(&mut self.storage);
            let Self { received, expected, expected_len, like_last, is_long_ago, .. } = *self;
            *self =
                Self { received, expected, expected_len, like_last, is_long_ago, ..Self::new() };
            storage
        } else if allocation > MUCH && held <= allocation / MUCH_LESS {
            self.move_to(BytesMut::with_capacity(held))
        } else {
            return;
        };
        unused.clear();
        if is_shared {
            // All of the allocation, or nothing if a message still lies in it.
            unused = Bytes::from(Vec::from(unused)).into();
        }
        spare.keep(unused);
    }

    /// Goes on in the memory of `spare`, if that is larger and what is held here is little beside it.
    pub(crate) fn reuse(&mut self, spare: &mut SpareInput) {
        let earned = self.like_last as usize;
        let needed = match self.missing() {
            0 => earned,
            missing => self.held().saturating_add(missing).saturating_add(MOST_BEFORE),
        };
        // An announcement alone is none.
        let spare = spare.room_for(if needed <= earned + MOST_BEFORE { needed } else { 0 });
        let room = spare.capacity();
        if self.storage.capacity() == 0 && room > 0 {
            self.storage = core::mem::take(spare);
            self.allocation = size_of_allocation(&self.storage);
            (self.initialised, self.is_shared, self.is_roomy) = (0, false, false);
        } else if room > self.storage.capacity() && self.held() <= room / MUCH_LESS {
            self.move_to(core::mem::take(spare));
        }
    }

    /// Returns how many bytes are unread.
    #[must_use]
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.storage.len().saturating_sub(self.cursor)
    }

    /// Returns whether no bytes are unread.
    #[must_use]
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the unread bytes.
    #[must_use]
    #[inline]
    pub(crate) fn unread(&self) -> &[u8] {
        self.storage.get(self.cursor..).unwrap_or_default()
    }

    /// Returns the unread bytes, without a copy.
    ///
    /// After an upgrade to another protocol, or when a driver is taken apart, these are the bytes
    /// that came behind the last message.
    #[must_use]
    pub(crate) fn into_bytes(self) -> Bytes {
        let Self { mut storage, cursor, .. } = self;
        storage.advance(cursor);
        storage.freeze()
    }

    /// Returns how many bytes were appended since the buffer was made.
    #[inline]
    pub(crate) const fn received(&self) -> u64 {
        self.received
    }

    /// Returns bytes by the positions that [`consume`](Self::consume) and
    /// [`take_kept`](Self::take_kept) return. They hold until anything is kept or appended. A range
    /// that does not lie within the buffer is empty.
    #[inline]
    pub(crate) fn range(&self, range: Range<usize>) -> &[u8] {
        self.storage.get(range).unwrap_or_default()
    }

    /// As [`range`](Self::range), to be changed in place.
    #[inline]
    pub(crate) fn range_mut(&mut self, range: Range<usize>) -> &mut [u8] {
        self.storage.get_mut(range).unwrap_or_default()
    }

    /// Notes that a frame of `len` bytes waits here of which `missing` have not arrived.
    pub(crate) fn expect(&mut self, missing: u64, len: u64) {
        self.expected = self.received.saturating_add(missing);
        self.expected_len = u32::try_from(len).unwrap_or(u32::MAX);
        self.is_roomy = false;
    }

    /// Consumes the next `len` bytes, and returns their positions, or `None` if there are not so
    /// many.
    #[inline]
    pub(crate) fn consume(&mut self, len: usize) -> Option<Range<usize>> {
        let start = self.cursor;
        let end = start.checked_add(len)?;
        if end > self.storage.len() {
            return None;
        }
        self.cursor = end;
        Some(start..end)
    }

    /// As [`consume`](Self::consume), and lends the bytes to be changed in place.
    #[inline(always)]
    pub(crate) fn consume_mut(&mut self, len: usize) -> Option<(Range<usize>, &mut [u8])> {
        let start = self.cursor;
        let bytes = self.storage.get_mut(start..)?.get_mut(..len)?;
        // Nothing overflows: they lie in the buffer.
        self.cursor = start.wrapping_add(len);
        Some((start..self.cursor, bytes))
    }

    /// Keeps bytes that were consumed behind all that is kept, joined to the last of these. A range
    /// where no such bytes lie is as good as empty.
    #[inline]
    pub(crate) fn keep(&mut self, range: Range<usize>) {
        let Range { start, end } = range.clone();
        if range.is_empty() || start < self.kept.end || end > self.cursor {
            return;
        }
        if self.kept.is_empty() {
            self.kept = range;
            return;
        }
        let to = self.kept.end;
        self.move_down(range, to);
        self.kept.end += end - start;
    }

    /// Returns the positions of all that is kept.
    #[inline]
    pub(crate) fn kept(&self) -> Range<usize> {
        self.kept.clone()
    }

    /// Returns the positions of all that was kept, and keeps nothing of it from now on.
    #[inline]
    pub(crate) fn take_kept(&mut self) -> Range<usize> {
        self.note_message(self.kept.len());
        core::mem::take(&mut self.kept)
    }

    /// Notes how long the last message was.
    #[inline]
    fn note_message(&mut self, len: usize) {
        self.like_last = match len {
            0..LARGE => 0,
            len => u32::try_from(len + MOST_BEFORE)
                .map_or(LIKE_LAST_AT_MOST, |len| len.min(LIKE_LAST_AT_MOST)),
        };
        self.is_long_ago = false;
    }

    /// Consumes everything, and keeps nothing.
    pub(crate) fn clear(&mut self) {
        self.cursor = self.storage.len();
        self.kept = 0..0;
        self.expected = 0;
    }

    /// Takes a consumed range out: without a copy where it is a good part of the allocation, as
    /// a copy where it would pin a much larger one.
    pub(crate) fn take(&mut self, range: Range<usize>) -> Bytes {
        let end = range.end;
        let len = self.range(range.clone()).len();
        self.note_message(len);
        let is_apart = self.kept.is_empty() && end <= self.cursor;
        if len < COPY_BELOW || len < self.allocation as usize / MOST_PINNED || !is_apart {
            return Bytes::copy_from_slice(self.range(range));
        }
        self.is_roomy = false;
        let behind = self.storage.as_ptr().wrapping_add(end);
        let mut taken = self.storage.split_to(end).freeze();
        taken.advance(range.start);
        self.cursor -= end;
        let is_rest = self.storage.as_ptr() == behind;
        self.initialised = if is_rest { self.initialised.saturating_sub(end) } else { 0 };
        self.is_shared = true;
        taken
    }
}

#[expect(unsafe_code, reason = "BufMut, for reads without a zero-fill, is an unsafe trait")]
// SAFETY: every method is BytesMut's own, but that a chunk may be shorter than its; the positions
// and `initialised` stay within their bounds when bytes are appended.
unsafe impl BufMut for ReceiveBuf {
    #[inline]
    fn remaining_mut(&self) -> usize {
        self.storage.remaining_mut()
    }

    #[inline]
    unsafe fn advance_mut(&mut self, len: usize) {
        // SAFETY: the caller wrote `len` bytes to what chunk_mut lent, as the trait demands.
        unsafe { self.storage.advance_mut(len) }
        self.received += len as u64;
        self.initialised = self.initialised.max(self.storage.len());
    }

    #[inline]
    fn chunk_mut(&mut self) -> &mut UninitSlice {
        if self.lent_len() == 0 {
            self.prepare_anew(UNASKED);
        }
        let lent = self.lent_len();
        let spare = self.storage.spare_capacity_mut().get_mut(..lent);
        UninitSlice::uninit(spare.unwrap_or_default())
    }
}

impl fmt::Debug for ReceiveBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceiveBuf").field("len", &self.len()).finish_non_exhaustive()
    }
}

/// Returns how much memory was allocated for a buffer of which nothing was taken.
fn size_of_allocation(storage: &BytesMut) -> u32 {
    u32::try_from(storage.capacity()).unwrap_or(u32::MAX)
}

/// A payload below this is copied out: cheaper than sharing the allocation.
const COPY_BELOW: usize = 2048;

/// How many times its own length a payload may pin: what an application keeps or sends back counts by
/// its length.
const MOST_PINNED: usize = 2;

/// A message of this size is worth a read of its own.
const LARGE: usize = 16 << 10;

/// What comes before a payload: the longest header.
const MOST_BEFORE: usize = 14;

/// The most that is allocated because of what the last message was like.
const LIKE_LAST_AT_MOST: u32 = (1 << 20) + 14;

/// How much memory is zeroed for one read.
const ZEROED_AT_ONCE: usize = 128 << 10;

/// What a reader that asks for memory without preparing any gets.
const UNASKED: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effort;
    use alloc::vec;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    #[test]
    fn consumed_bytes_are_reclaimed_before_the_buffer_grows() {
        let mut input = ReceiveBuf::with_capacity(64);
        let capacity = input.storage.capacity();
        for round in 0..100_u8 {
            input.extend_from_slice(&[round; 40]);
            assert_eq!(input.unread(), [round; 40]);
            input.consume(40);
        }
        assert_eq!(input.storage.capacity(), capacity);
    }

    #[test]
    fn spare_bytes_are_committed_only_as_far_as_they_were_read() {
        let mut input = ReceiveBuf::new();
        let spare = input.spare_mut(100);
        assert!(spare.len() >= 100 && spare.iter().all(|&byte| byte == 0));
        spare[..3].copy_from_slice(b"abc");
        input.commit(3);
        assert_eq!(input.unread(), b"abc");
        // The second loan keeps what the first one zeroed and starts behind what was read.
        input.spare_mut(10)[0] = b'd';
        input.commit(1);
        assert_eq!(input.unread(), b"abcd");
    }

    #[test]
    fn a_read_of_any_size_gets_some_room() {
        for size in 1..10 {
            let mut input = ReceiveBuf::with_capacity(64);
            input.extend_from_slice(&vec![7; input.storage.capacity()]);
            assert!(!input.spare_mut(size).is_empty(), "{size}");
        }
    }

    #[test]
    fn a_large_frame_is_read_with_the_header_behind_it_and_no_more() {
        let mut input = ReceiveBuf::with_capacity(64 << 10);
        input.extend_from_slice(&[7; 100]);
        input.expect(20_000, 20_000);
        assert_eq!(input.spare_mut(16 << 10).len(), 20_000 + MOST_BEFORE);
        input.commit(20_000 + MOST_BEFORE);
        input.consume(20_100);
        // That is moved to where there is room for what follows.
        input.prepare(16 << 10);
        assert_eq!(input.chunk_mut().len(), (64 << 10) - MOST_BEFORE);
    }

    #[test]
    fn room_for_a_frame_that_waits_is_made_once() {
        for (len, sizes) in [(5_000, [16 << 10, 1]), (20_000, [16 << 10, 72 << 10])] {
            let mut input = ReceiveBuf::new();
            input.spare_mut(16 << 10)[..100].fill(7);
            input.commit(100);
            input.expect(len - 100, len);
            let end = input.spare_mut(sizes[0]).as_ptr_range().end;
            let address = input.unread().as_ptr();
            while input.missing() > 0 {
                // Whatever size is asked for, the same memory is lent but for what was read.
                let lent = input.spare_mut(sizes[1]);
                assert_eq!(lent.as_ptr_range().end, end);
                assert!(input.lent_len() >= input.missing() + MOST_BEFORE);
                let len = input.missing().min(700);
                input.commit(len);
                assert_eq!(input.unread().as_ptr(), address);
            }
            // Behind it, there is room for what is asked for.
            input.consume(input.len());
            assert!(input.spare_mut(sizes[1]).len() >= sizes[1]);
        }
    }

    #[test]
    fn a_buffer_is_small() {
        // With 8 bytes more, each of 10,000 tokio tasks touches more lines of the cache.
        assert!(size_of::<ReceiveBuf>() <= 104, "{}", size_of::<ReceiveBuf>());
    }

    #[test]
    fn a_header_makes_nobody_hold_what_it_announces() {
        let mut input = ReceiveBuf::new();
        input.extend_from_slice(&[7; 4]);
        input.expect(1 << 40, 1 << 40);
        input.prepare(16 << 10);
        assert!(input.storage.capacity() <= 17 << 10);
    }

    #[test]
    #[should_panic(expected = "more bytes committed")]
    fn more_than_was_lent_cannot_be_committed() {
        let mut input = ReceiveBuf::new();
        let lent = input.spare_mut(10).len();
        input.commit(lent + 1);
    }

    #[test]
    #[should_panic(expected = "more bytes committed")]
    fn a_commit_cannot_overflow_into_what_is_there() {
        let mut input = ReceiveBuf::new();
        input.extend_from_slice(b"abc");
        input.spare_mut(10);
        input.commit(usize::MAX - 1);
    }

    #[test]
    fn all_ways_to_append_mix() {
        let mut input = ReceiveBuf::new();
        input.put_slice(b"one ");
        input.extend_from_slice(b"two ");
        input.spare_mut(6)[..6].copy_from_slice(b"three ");
        input.commit(6);
        input.put_slice(b"four");
        assert_eq!(input.unread(), b"one two three four");
        input.consume(4);
        assert_eq!(input.into_bytes(), b"two three four".as_slice());
    }

    #[test]
    fn what_is_left_of_an_allocation_does_not_make_a_small_range_large() {
        let mut input = ReceiveBuf::with_capacity(32_768);
        input.extend_from_slice(&[7; 20_000]);
        input.consume(20_000);
        drop(input.take(0..17_000));
        let address = input.range(0..1).as_ptr();
        assert_ne!(input.take(0..3_000).as_ptr(), address);
    }

    #[test]
    fn a_small_range_is_copied_and_a_large_one_is_shared() {
        let mut input = ReceiveBuf::with_capacity(16_384);
        input.extend_from_slice(&[7; 9_500]);
        let address = input.unread().as_ptr();
        input.consume(8_500);
        let small = input.take(0..10);
        assert_ne!(small.as_ptr(), address);
        let large = input.take(0..8_500);
        assert_eq!(large.as_ptr(), address);
        assert_eq!(input.unread(), [7; 1_000]);
        input.spare_mut(50_000)[..2].copy_from_slice(b"xy");
        input.commit(2);
        assert_eq!(input.len(), 1_002);
        assert_eq!(large, vec![7; 8_500]);
    }

    #[test]
    fn what_is_shared_is_2_kib_and_half_of_the_allocation_at_least() {
        for (room, len, is_shared) in [
            (4_000, 2_047, false),
            (4_000, 2_048, true),
            (16_384, 8_191, false),
            (16_384, 8_192, true),
        ] {
            let mut input = ReceiveBuf::with_capacity(room);
            input.extend_from_slice(&[7; 9_000][..len]);
            let address = input.unread().as_ptr();
            input.consume(len);
            assert_eq!(input.take(0..len).as_ptr() == address, is_shared, "{len} of {room}");
        }
    }

    #[test]
    fn a_little_that_waits_does_not_hold_much() {
        let mut input = ReceiveBuf::with_capacity(1 << 20);
        input.extend_from_slice(&[1; 100]);
        input.consume(90);
        let mut spare = SpareInput::default();
        input.release_to(&mut spare);
        assert!(input.storage.capacity() < 100 && spare.usual.capacity() == 0);
        assert_eq!(input.unread(), [1; 10]);
        input.spare_mut(16)[0] = 2;
        input.commit(1);
        assert_eq!(input.unread(), [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2]);
    }

    #[test]
    fn large_spare_memory_goes_to_who_had_as_large_a_message_before() {
        for (earned, is_given) in [(600_000, true), (599_999, false), (100_000, false), (0, false)]
        {
            let mut spare = SpareInput::default();
            spare.keep(BytesMut::with_capacity(700_000));
            let room = spare.large.capacity();
            let mut input = ReceiveBuf::new();
            input.extend_from_slice(&[7; 100]);
            input.like_last = earned;
            input.expect(600_000 - 100, 600_000);
            input.reuse(&mut spare);
            assert_eq!(input.storage.capacity() >= room, is_given, "{earned}");
            assert_eq!(spare.large.capacity(), if is_given { 0 } else { room }, "{earned}");
            assert_eq!(input.unread(), [7; 100]);
        }
    }

    /// What no test writes otherwise.
    const OTHERS: u8 = 0xff;

    /// Memory for so many bytes that somebody else has filled, and left.
    fn others(len: usize) -> SpareInput {
        let (mut other, mut spare) = (ReceiveBuf::new(), SpareInput::default());
        other.spare_mut(len).fill(OTHERS);
        other.commit(len / 2);
        other.put_bytes(OTHERS, len - len / 2);
        other.consume(len);
        other.release_to(&mut spare);
        assert!(spare.usual.is_empty() && spare.usual.capacity() >= len);
        spare
    }

    #[test]
    fn nobody_sees_what_another_has_received() {
        let (mut input, mut spare) = (ReceiveBuf::new(), others(20_000));
        input.extend_from_slice(b"little");
        let address = spare.usual.as_ptr();
        input.reuse(&mut spare);
        assert!(spare.usual.capacity() == 0 && input.unread().as_ptr() == address);
        let lent = input.spare_mut(16_384);
        assert!(lent.len() >= 16_384 && lent.iter().all(|&byte| byte == 0));
        // What a reader claims that has read nothing.
        input.commit(10);
        assert_eq!(input.unread(), b"little\0\0\0\0\0\0\0\0\0\0");
    }

    #[test]
    #[should_panic(expected = "more bytes committed")]
    fn what_was_lent_before_other_memory_came_cannot_be_committed() {
        let (mut input, mut spare) = (ReceiveBuf::new(), others(20_000));
        let _ = input.spare_mut(100);
        input.reuse(&mut spare);
        input.commit(1);
    }

    #[test]
    fn memory_goes_to_who_has_less() {
        let (mut input, mut spare) = (ReceiveBuf::with_capacity(30_000), others(20_000));
        input.reuse(&mut spare);
        assert!(input.storage.capacity() >= 30_000 && spare.usual.capacity() >= 20_000);
        // And not to who would have to move much.
        let (mut input, mut spare) = (ReceiveBuf::new(), others(20_000));
        input.extend_from_slice(&[7; 10_000]);
        input.reuse(&mut spare);
        assert!(spare.usual.capacity() >= 20_000);
        input.consume(10_000);
        input.release_to(&mut spare);
        assert!(spare.usual.capacity() >= 20_000);
    }

    #[test]
    fn no_more_is_zeroed_of_a_large_buffer_than_was_asked_for() {
        let (mut input, mut spare) = (ReceiveBuf::new(), SpareInput::default());
        spare.keep(BytesMut::with_capacity(100_000));
        input.reuse(&mut spare);
        assert_eq!(input.spare_mut(16_384).len(), 16_384);
        assert_eq!(input.spare_mut(72_000).len(), 72_000);
        // What is zeroed is lent again.
        assert_eq!(input.spare_mut(16_384).len(), 72_000);
    }

    #[test]
    fn what_stands_between_fragments_takes_no_room() {
        let mut input = ReceiveBuf::with_capacity(4 << 10);
        let capacity = input.storage.capacity();
        let mut kept = 0;
        while kept < 1_000 {
            // A header and a payload, and the beginning of the next.
            input.extend_from_slice(&[7; 19]);
            let payload = input.consume(18).unwrap().end;
            input.keep(payload - 1..payload);
            kept += 1;
            input.consume(1);
            assert_eq!(input.kept().len(), kept);
        }
        assert_eq!(input.storage.capacity(), capacity);
    }

    #[test]
    fn what_does_not_lie_within_is_empty_and_changes_nothing() {
        let mut input = ReceiveBuf::new();
        input.extend_from_slice(b"one two three");
        let one = input.consume(3).unwrap();
        input.keep(one.clone());
        input.consume(1);
        assert_eq!(input.consume(10), None);
        #[expect(clippy::reversed_empty_ranges, reason = "it is wrong on purpose")]
        for wrong in [1..2, 2..1, 3..5, 5..9, 20..30, usize::MAX..0, 4..usize::MAX] {
            input.keep(wrong.clone());
            assert_eq!(input.range(input.kept()), b"one");
            assert_eq!(input.unread(), b"two three");
        }
        for (skip, len) in [(5, 5), (10, 0), (0, 10), (usize::MAX, 1), (1, usize::MAX)] {
            let mut joining = input.begin_joining();
            assert_eq!(joining.keep(skip, len), None);
            let ends = joining.end();
            input.end_joining(ends);
            assert_eq!(input.range(input.kept()), b"one");
            assert_eq!(input.unread(), b"two three");
        }
        assert_eq!(input.range(9..40), b"");
        assert_eq!(input.range(40..50), b"");
        assert_eq!(input.take(9..40), b"".as_slice());
        assert_eq!(input.range(input.kept()), b"one");
    }

    /// What drivers, decoders and applications do to a buffer.
    #[derive(Clone, Debug)]
    enum Step {
        Append(usize),
        Clear,
        Consume(usize),
        Expect(u64, u64),
        Join(Vec<(usize, usize)>),
        Keep { from: usize, len: usize },
        Put { size: usize, len: usize },
        Read { size: usize, len: usize },
        Release,
        Reuse,
        Take { from: usize, len: usize, keeps: bool },
        TakeKept { takes: bool },
    }

    fn step() -> impl Strategy<Value = Step> {
        let len = || prop_oneof![0..40_usize, 0..5_000_usize, 0..effort::of(70_000, 9_000)];
        // What is expected is zeroed, which Miri does byte by byte.
        let most_expected = effort::of(200_000, 3_000) as u64;
        prop_oneof![
            len().prop_map(Step::Append),
            len().prop_map(Step::Consume),
            (0..most_expected, 0..most_expected)
                .prop_map(|(missing, more)| Step::Expect(missing, missing + more)),
            proptest::collection::vec((0..15_usize, 0..40_usize), 0..9).prop_map(Step::Join),
            (0..15_usize, len()).prop_map(|(from, len)| Step::Keep { from, len }),
            any::<bool>().prop_map(|takes| Step::TakeKept { takes }),
            proptest::bool::weighted(0.1).prop_map(|clears| if clears {
                Step::Clear
            } else {
                Step::Release
            }),
            (1..effort::of(20_000, 3_000), len()).prop_map(|(size, len)| Step::Put { size, len }),
            (1..effort::of(20_000, 3_000), len()).prop_map(|(size, len)| Step::Read { size, len }),
            Just(Step::Release),
            Just(Step::Reuse),
            (0..20_usize, len(), any::<bool>()).prop_map(|(from, len, keeps)| Step::Take {
                from,
                len,
                keeps
            }),
        ]
    }

    proptest! {
        #[test]
        fn nothing_is_lost_or_changed_however_it_comes_and_goes(
            steps in proptest::collection::vec(step(), 1..effort::of(60, 20)),
        ) {
            let filled = effort::of(20_000, 2_000);
            let (mut input, mut spare) = (ReceiveBuf::new(), others(filled));
            let mut waiting = Vec::new();
            let mut arrived = 0;
            let mut fresh = |len: usize| -> Vec<u8> {
                arrived += len;
                effort::bytes(arrived - len, len)
            };
            let mut taken_out: Vec<(Bytes, Vec<u8>)> = Vec::new();
            let mut kept: Vec<u8> = Vec::new();
            for step in steps {
                match step {
                    Step::Clear => {
                        input.clear();
                        waiting.clear();
                        kept.clear();
                    }
                    Step::Join(frames) => {
                        let mut joining = input.begin_joining();
                        for (from, len) in frames {
                            let is_there = from + len <= waiting.len();
                            prop_assert_eq!(joining.unread(), &waiting[..]);
                            let joined = joining.keep(from, len).map(|bytes| bytes.to_vec());
                            let frame = waiting.get(from..from + len);
                            prop_assert_eq!(joined.as_deref(), frame);
                            if is_there {
                                kept.extend(waiting.drain(..from + len).skip(from));
                            }
                        }
                        let ends = joining.end();
                        input.end_joining(ends);
                    }
                    Step::Keep { from, len } => {
                        if let Some(frame) = input.consume(from + len) {
                            input.keep(frame.start + from..frame.end);
                            kept.extend(waiting.drain(..from + len).skip(from));
                        } else {
                            prop_assert!(from + len > waiting.len());
                        }
                    }
                    Step::TakeKept { takes } => {
                        let range = input.take_kept();
                        prop_assert_eq!(input.range(range.clone()), &kept[..]);
                        if takes {
                            taken_out.push((input.take(range), kept.clone()));
                        }
                        kept.clear();
                    }
                    Step::Append(len) => {
                        let bytes = fresh(len);
                        input.extend_from_slice(&bytes);
                        waiting.extend(bytes);
                    }
                    Step::Consume(len) => {
                        input.consume(len);
                        if len <= waiting.len() {
                            waiting.drain(..len);
                        }
                    }
                    Step::Expect(missing, len) => input.expect(missing, len),
                    Step::Put { size, len } => {
                        input.prepare(size);
                        prop_assert!(input.chunk_mut().len() > 0);
                        let bytes = fresh(len);
                        input.put_slice(&bytes);
                        waiting.extend(bytes);
                    }
                    Step::Read { size, len } => {
                        let lent = input.spare_mut(size);
                        prop_assert!(!lent.is_empty() && !lent.contains(&OTHERS));
                        let bytes = fresh(len.min(lent.len()));
                        lent[..bytes.len()].copy_from_slice(&bytes);
                        input.commit(bytes.len());
                        waiting.extend(bytes);
                    }
                    Step::Release => input.release_to(&mut spare),
                    Step::Reuse => {
                        input.reuse(&mut spare);
                        spare = others(filled);
                    }
                    // A frame: a header and a payload.
                    Step::Take { from, len, keeps } if from + len <= waiting.len() => {
                        let start = input.consume(from + len).unwrap().start + from;
                        let taken = input.take(start..start + len);
                        let bytes: Vec<u8> = waiting.drain(..from + len).skip(from).collect();
                        prop_assert_eq!(&taken, &bytes);
                        if keeps {
                            taken_out.push((taken, bytes));
                        }
                    }
                    Step::Take { .. } => {}
                }
                prop_assert_eq!(input.unread(), &waiting[..]);
                prop_assert_eq!(input.range(input.kept()), &kept[..]);
                prop_assert!(input.initialised <= input.storage.capacity());
            }
            // Nothing has been written to what was taken.
            for (taken, bytes) in taken_out {
                prop_assert_eq!(taken, bytes);
            }
        }
    }
}
