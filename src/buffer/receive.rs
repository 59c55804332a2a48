//! Bytes that came from the peer and are not consumed yet; knows neither transport nor frames.

use core::fmt;
use core::mem::MaybeUninit;
use core::ops::Range;

use bytes::buf::UninitSlice;
use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::utf8::Utf8Validator;

/// The bytes received from a peer and not consumed yet.
///
/// The state machine that they are for owns it, and consumes from the front; the transport appends
/// by an [`Input`](super::Input). The machine says how much is missing of a large frame, so that
/// what is lent to a reader is what the frame needs: it is read to where it stays.
///
/// An empty buffer holds no heap memory until something is reserved, and gives back what it holds
/// by [`release`](Self::release).
#[derive(Default)]
pub(crate) struct ReceiveBuf {
    /// Everything received; what lies before `start` is consumed.
    storage: BytesMut,
    /// start <= storage.len()
    start: usize,
    /// Bytes of the allocation, counted from where `storage` begins, that were written at least
    /// once; 0 when nothing is known. initialised <= storage.capacity()
    initialised: usize,
    /// The size of the allocation that `storage` is, or is what is left of.
    allocation: usize,
    /// Whether messages were taken out of the allocation.
    is_shared: bool,
    /// How much another message like the last that was taken needs, if that was a large one; else
    /// 0.
    like_last: u32,
    /// Where in `storage` what is lent for the next read ends, if there is more; 0 before any was
    /// prepared. Said anew by each `prepare`, so that nobody else need keep it true.
    lent_end: usize,
    /// Bytes appended since the buffer was made.
    received: u64,
    /// How many will have been when the large frame is whole that waits here; not more than
    /// `received` when none does.
    expected: u64,
    /// The beginning of a text that waits here to be whole.
    text: SeenText,
}

/// Bytes that are known to be the beginning of a text, and what is known of their end.
#[derive(Clone, Debug, Default)]
struct SeenText {
    /// Positions in `ReceiveBuf::storage`. Nobody has changed these bytes since they were seen.
    range: Range<usize>,
    /// What had seen the text before them.
    before: Utf8Validator,
    /// What has seen them, too.
    behind: Utf8Validator,
}

impl ReceiveBuf {
    /// Creates an empty buffer that holds no memory.
    #[must_use]
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Creates an empty buffer with room for `capacity` bytes.
    #[must_use]
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        let storage = BytesMut::with_capacity(capacity);
        let allocation = storage.capacity();
        Self { allocation, storage, lent_end: usize::MAX, ..Self::default() }
    }

    /// Appends a copy of `bytes`.
    pub(crate) fn extend_from_slice(&mut self, bytes: &[u8]) {
        self.reserve(bytes.len());
        self.storage.extend_from_slice(bytes);
        self.received += bytes.len() as u64;
    }

    /// Makes room for at least `additional` bytes behind those that are there.
    ///
    /// Consumed bytes are reclaimed first; the allocation grows only when that is not enough.
    pub(crate) fn reserve(&mut self, additional: usize) {
        self.rewind();
        self.lent_end = usize::MAX;
        if self.spare_len() < additional {
            self.make_room(additional);
        }
    }

    /// Makes room for a read that may bring `size` bytes.
    ///
    /// It is at least a quarter of that where something waits, which need not be moved for each
    /// read then. Where a frame has begun to arrive that is about as large as a read, or larger, it
    /// is what is missing of that, as far as what has arrived allows, whatever length was
    /// announced, and little more; where a large message was taken last, room for another.
    pub(crate) fn prepare(&mut self, size: usize) {
        self.rewind();
        let waiting = self.len();
        let missing = self.missing();
        if missing > 0 && missing >= (size - size / 8).saturating_sub(waiting) {
            return self.prepare_rest(missing, size);
        }
        self.lent_end = usize::MAX;
        if waiting <= MOST_BEFORE && self.start > 0 {
            self.move_to_front();
        }
        let quarter = size.div_ceil(4);
        let (least, room) = match missing {
            // Sooner or later it would be moved.
            1.. if waiting >= LITTLE && self.has_capacity(missing.max(quarter)) => {
                (missing.max(quarter), missing.max(quarter))
            }
            // Room for another like the last from its beginning, or it would be moved later.
            _ if self.like_last() > size && waiting < LITTLE => {
                (self.like_last() - waiting, self.like_last() - waiting)
            }
            _ if waiting > 0 => (quarter, size),
            _ => (size, size),
        };
        if self.spare_len() < least {
            self.make_room(room);
        }
    }

    /// Returns initialised memory to read into: as much as [`prepare`](Self::prepare) makes room
    /// for, never none unless `size` is 0.
    ///
    /// Memory is zeroed once, when it is first lent, not before each read, and 128 KiB at most for
    /// one read. What was read becomes part of the buffer by [`commit`](Self::commit).
    #[expect(unsafe_code, reason = "to zero memory for each read doubles what a large one costs")]
    pub(crate) fn spare_mut(&mut self, size: usize) -> &mut [u8] {
        self.prepare(size);
        let lent = self.lent_len();
        let filled = self.storage.len();
        let known = self.initialised.saturating_sub(filled);
        // What is zeroed is still in the cache when it is read to.
        let lent = lent.min(known.max(ZEROED_AT_ONCE));
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
        self.storage.split_off(self.storage.len())
    }

    /// Appends what was read in memory that was [split off](Self::split_spare), or in any other:
    /// without a copy, unless something else is held that does not lie right in front of it.
    pub(crate) fn append(&mut self, memory: BytesMut) {
        self.received += memory.len() as u64;
        self.initialised = 0;
        self.lent_end = usize::MAX;
        self.rewind();
        if self.storage.is_empty() {
            self.allocation = memory.capacity();
            self.is_shared = false;
            self.storage = memory;
        } else {
            self.storage.unsplit(memory);
            self.allocation = self.storage.capacity();
        }
    }

    /// Gives back the memory that nothing waits in: all of it if the buffer is empty, and most of
    /// it if little waits in much.
    pub(crate) fn release(&mut self) {
        if self.is_empty() {
            *self = Self { received: self.received, ..Self::new() };
        } else if self.len() < LITTLE && self.allocation > MUCH {
            self.move_to(0);
        }
    }

    /// Returns how many bytes wait to be consumed.
    #[must_use]
    pub(crate) fn len(&self) -> usize {
        self.storage.len() - self.start
    }

    /// Returns whether nothing waits to be consumed.
    #[must_use]
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the bytes that wait to be consumed.
    ///
    /// The beginning of a payload that is not whole yet may be unmasked already.
    #[must_use]
    pub(crate) fn as_slice(&self) -> &[u8] {
        self.storage.get(self.start..).unwrap_or_default()
    }

    /// Returns what was not consumed, without a copy.
    ///
    /// After an upgrade to another protocol, or when a driver is taken apart, these are the bytes
    /// that came behind the last message.
    #[must_use]
    pub(crate) fn into_bytes(mut self) -> Bytes {
        let start = self.start;
        self.storage.split_off(start).freeze()
    }

    /// Returns how many bytes were appended since the buffer was made.
    pub(crate) const fn received(&self) -> u64 {
        self.received
    }

    /// Returns the position of the first byte that waits, to be used with [`range`](Self::range).
    #[inline]
    pub(crate) const fn start(&self) -> usize {
        self.start
    }

    /// As [`as_slice`](Self::as_slice), to be changed in place: who does so must consume it by
    /// [`consume_changed`](Self::consume_changed), which forgets what was seen of a text. Never
    /// `None`: a branch that is foreseen costs less than a choice between two slices.
    #[inline]
    pub(crate) fn unread_mut(&mut self) -> Option<&mut [u8]> {
        self.storage.get_mut(self.start..)
    }

    /// Returns bytes by the positions that [`start`](Self::start) counts, consumed or not.
    /// A range that does not lie within the buffer is empty.
    #[inline]
    pub(crate) fn range(&self, range: Range<usize>) -> &[u8] {
        self.storage.get(range).unwrap_or_default()
    }

    /// As [`range`](Self::range), to be changed in place.
    #[inline]
    pub(crate) fn range_mut(&mut self, range: Range<usize>) -> &mut [u8] {
        if range.start < self.text.range.end {
            self.text = SeenText::default();
        }
        self.storage.get_mut(range).unwrap_or_default()
    }

    /// Notes that a frame waits here of which `missing` bytes have not arrived.
    pub(crate) fn expect(&mut self, missing: u64) {
        self.expected = self.received.saturating_add(missing);
    }

    /// Notes that the bytes in `range`, which wait to be consumed, continue a text: a validator
    /// that was `before` has seen them and is `behind` now.
    pub(crate) fn note_text(
        &mut self,
        range: Range<usize>,
        before: Utf8Validator,
        behind: Utf8Validator,
    ) {
        self.text = SeenText { range, before, behind };
    }

    /// Returns how far what begins at `start` has been seen by a validator that was `before` then,
    /// and what that is now.
    pub(crate) fn seen_text(
        &self,
        start: usize,
        before: Utf8Validator,
    ) -> Option<(usize, Utf8Validator)> {
        let text = &self.text;
        let is_that = text.range.start == start && text.range.end > start && text.before == before;
        is_that.then_some((text.range.end, text.behind))
    }

    /// Consumes `len` bytes, or all there are.
    #[inline]
    pub(crate) fn consume(&mut self, len: usize) {
        self.start = self.storage.len().min(self.start + len);
    }

    /// As [`consume`](Self::consume), for a `len` that is known to be there and was changed.
    #[inline]
    pub(crate) fn consume_changed(&mut self, len: usize) {
        self.start += len;
        self.text.range.end = 0;
        debug_assert!(self.start <= self.storage.len());
    }

    /// Consumes everything.
    pub(crate) fn clear(&mut self) {
        self.start = self.storage.len();
    }

    /// Takes a consumed range out: without a copy where it is a good part of the allocation, as
    /// a copy where it would pin a much larger one.
    pub(crate) fn take(&mut self, range: Range<usize>) -> Bytes {
        self.like_last = match range.len() {
            0..LARGE => 0,
            len => u32::try_from(len + MOST_BEFORE)
                .map_or(LIKE_LAST_AT_MOST, |len| len.min(LIKE_LAST_AT_MOST)),
        };
        if range.len() < COPY_BELOW || range.len() < self.allocation / MOST_PINNED {
            return Bytes::copy_from_slice(self.range(range));
        }
        let end = range.end.min(self.start);
        let behind = self.storage.as_ptr().wrapping_add(end);
        let mut taken = self.storage.split_to(end).freeze();
        taken.advance(range.start);
        self.start -= end;
        let is_rest = self.storage.as_ptr() == behind;
        self.initialised = if is_rest { self.initialised.saturating_sub(end) } else { 0 };
        self.is_shared = true;
        self.text = SeenText::default();
        taken
    }

    /// Begins at the front again, if nothing waits.
    #[inline]
    fn rewind(&mut self) {
        if self.start == self.storage.len() {
            self.storage.clear();
            self.start = 0;
            self.text = SeenText::default();
        }
    }

    /// Moves what waits to the front of `storage`.
    fn move_to_front(&mut self) {
        let (start, waiting) = (self.start, self.len());
        self.storage.copy_within(start.., 0);
        self.storage.truncate(waiting);
        self.note_moved(start);
    }

    const fn like_last(&self) -> usize {
        self.like_last as usize
    }

    fn spare_len(&self) -> usize {
        self.storage.capacity() - self.storage.len()
    }

    /// Returns whether `additional` bytes fit behind those that wait, if these are moved to the
    /// front.
    fn has_capacity(&self, additional: usize) -> bool {
        self.storage.capacity() - self.len() >= additional
    }

    /// Returns how much of the frame that waits here has not arrived.
    fn missing(&self) -> usize {
        usize::try_from(self.expected.saturating_sub(self.received)).unwrap_or(usize::MAX)
    }

    /// Makes room for what is `missing` of a large frame, and lends no more than that and the
    /// header behind it: then the next one is read to where it stays, too, instead of being moved
    /// there.
    #[inline]
    fn prepare_rest(&mut self, missing: usize, size: usize) {
        let rest = missing.saturating_add(MOST_BEFORE);
        if self.spare_len() < rest {
            let waiting = self.len();
            let earned = if waiting < LITTLE { size } else { waiting.max(GROW_BY) };
            let earned = earned.max(self.like_last());
            if rest <= earned || self.has_capacity(rest) {
                self.make_room(rest);
            } else if self.spare_len() < size {
                self.make_room(earned);
            }
        }
        self.lent_end = self.storage.len().saturating_add(rest);
    }

    /// Returns how much of the spare memory is lent for a read.
    fn lent_len(&self) -> usize {
        self.storage.capacity().min(self.lent_end).saturating_sub(self.storage.len())
    }

    /// Makes room for `additional` bytes where there is less.
    #[inline(never)]
    fn make_room(&mut self, additional: usize) {
        let waiting = self.len();
        // For each byte that is moved, one was consumed, or one can be read before the next move.
        let is_cheap = self.start > 0 && waiting <= self.start.max(additional);
        if is_cheap && self.has_capacity(additional) {
            return self.move_to_front();
        }
        self.initialised = 0;
        if !self.is_shared && self.start < waiting {
            self.storage.reserve(additional);
            self.allocation = self.storage.capacity();
            return;
        }
        self.storage.advance(self.start);
        self.note_moved(self.start);
        // Once the messages that were taken are gone, all of the allocation is free again.
        if !self.storage.try_reclaim(additional) {
            self.move_to((waiting + additional).max(self.like_last()));
        }
    }

    /// Moves what waits to an allocation of its own, of at least `capacity` bytes.
    fn move_to(&mut self, capacity: usize) {
        let mut storage = BytesMut::with_capacity(capacity.max(self.len()));
        storage.extend_from_slice(self.as_slice());
        self.storage = storage;
        self.note_moved(self.start);
        self.initialised = 0;
        self.allocation = self.storage.capacity();
        self.is_shared = false;
    }

    /// Notes that all that waits has moved by `len` bytes to the front of `storage`.
    fn note_moved(&mut self, len: usize) {
        self.start = 0;
        let Range { start, end } = self.text.range.clone();
        self.text.range = match start.checked_sub(len) {
            Some(start) => start..end.saturating_sub(len),
            None => 0..0,
        };
    }
}

#[expect(unsafe_code, reason = "BufMut, for reads without a zero-fill, is an unsafe trait")]
// SAFETY: every method is BytesMut's own, but that a chunk may be shorter than its; `start` and
// `initialised` stay within their bounds when bytes are appended.
unsafe impl BufMut for ReceiveBuf {
    fn remaining_mut(&self) -> usize {
        self.storage.remaining_mut()
    }

    unsafe fn advance_mut(&mut self, len: usize) {
        // SAFETY: the caller wrote `len` bytes to what chunk_mut lent, as the trait demands.
        unsafe { self.storage.advance_mut(len) }
        self.received += len as u64;
        self.initialised = self.initialised.max(self.storage.len());
    }

    fn chunk_mut(&mut self) -> &mut UninitSlice {
        let mut lent = self.lent_len();
        if lent == 0 {
            self.prepare(UNASKED);
            lent = self.lent_len();
        }
        let chunk = self.storage.chunk_mut();
        let lent = lent.min(chunk.len());
        &mut chunk[..lent]
    }
}

impl fmt::Debug for ReceiveBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceiveBuf").field("len", &self.len()).finish_non_exhaustive()
    }
}

/// A payload below this is copied out: cheaper than sharing the allocation.
const COPY_BELOW: usize = 2048;

/// How many times its own length a payload may pin.
const MOST_PINNED: usize = 8;

/// What may be moved for each read.
const LITTLE: usize = 4 << 10;

/// What is not held for a little that waits, once nothing more comes.
const MUCH: usize = 32 << 10;

/// A message of this size is worth a read of its own.
const LARGE: usize = 16 << 10;

/// What comes before a payload: the longest header.
const MOST_BEFORE: usize = 14;

/// The most that is allocated because of what the last message was like.
const LIKE_LAST_AT_MOST: u32 = (1 << 20) + 14;

/// Where a large frame has begun to arrive, at least so much room is made at once.
const GROW_BY: usize = 56 << 10;

/// How much memory is zeroed for one read.
const ZEROED_AT_ONCE: usize = 128 << 10;

/// What a reader that asks for memory without preparing any gets.
const UNASKED: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    #[test]
    fn consumed_bytes_are_reclaimed_before_the_buffer_grows() {
        let mut input = ReceiveBuf::with_capacity(64);
        let capacity = input.storage.capacity();
        for round in 0..100_u8 {
            input.extend_from_slice(&[round; 40]);
            assert_eq!(input.as_slice(), [round; 40]);
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
        assert_eq!(input.as_slice(), b"abc");
        // The second loan keeps what the first one zeroed and starts behind what was read.
        input.spare_mut(10)[0] = b'd';
        input.commit(1);
        assert_eq!(input.as_slice(), b"abcd");
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
        input.expect(20_000);
        assert_eq!(input.spare_mut(16 << 10).len(), 20_000 + MOST_BEFORE);
        input.commit(20_000 + MOST_BEFORE);
        input.consume(20_100);
        // That is moved to where there is room for what follows.
        assert_eq!(input.spare_mut(16 << 10).len(), (64 << 10) - MOST_BEFORE);
    }

    #[test]
    fn a_buffer_is_small() {
        // With 8 bytes more, each of 10,000 tokio tasks touches more lines of the cache.
        assert!(size_of::<ReceiveBuf>() <= 120, "{}", size_of::<ReceiveBuf>());
    }

    #[test]
    fn a_header_makes_nobody_hold_what_it_announces() {
        let mut input = ReceiveBuf::new();
        input.extend_from_slice(&[7; 4]);
        input.expect(1 << 40);
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
        assert_eq!(input.as_slice(), b"one two three four");
        input.consume(4);
        assert_eq!(input.into_bytes(), b"two three four".as_slice());
    }

    #[test]
    fn what_is_left_of_an_allocation_does_not_make_a_small_range_large() {
        let mut input = ReceiveBuf::with_capacity(32_768);
        input.extend_from_slice(&[7; 16_000]);
        input.consume(16_000);
        drop(input.take(0..12_000));
        let address = input.range(0..1).as_ptr();
        assert_ne!(input.take(0..3_000).as_ptr(), address);
    }

    #[test]
    fn a_small_range_is_copied_and_a_large_one_is_shared() {
        let mut input = ReceiveBuf::with_capacity(16_384);
        input.extend_from_slice(&[7; 9_000]);
        let address = input.as_slice().as_ptr();
        input.consume(8_000);
        let small = input.take(0..10);
        assert_ne!(small.as_ptr(), address);
        let large = input.take(0..8_000);
        assert_eq!(large.as_ptr(), address);
        assert_eq!(input.as_slice(), [7; 1_000]);
        input.spare_mut(50_000)[..2].copy_from_slice(b"xy");
        input.commit(2);
        assert_eq!(input.len(), 1_002);
        assert_eq!(large, vec![7; 8_000]);
    }

    #[test]
    fn a_little_that_waits_does_not_hold_much() {
        let mut input = ReceiveBuf::with_capacity(1 << 20);
        input.extend_from_slice(&[1; 100]);
        input.consume(90);
        input.release();
        assert!(input.storage.capacity() < 100);
        assert_eq!(input.as_slice(), [1; 10]);
        input.spare_mut(16)[0] = 2;
        input.commit(1);
        assert_eq!(input.as_slice(), [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2]);
    }

    /// What drivers, decoders and applications do to a buffer.
    #[derive(Clone, Debug)]
    enum Step {
        Append(usize),
        Consume(usize),
        Expect(u64),
        Put { size: usize, len: usize },
        Read { size: usize, len: usize },
        Release,
        Take { from: usize, len: usize, keeps: bool },
    }

    fn step() -> impl Strategy<Value = Step> {
        let len = || prop_oneof![0..40_usize, 0..5_000_usize, 0..70_000_usize];
        prop_oneof![
            len().prop_map(Step::Append),
            len().prop_map(Step::Consume),
            (0..200_000_u64).prop_map(Step::Expect),
            (1..20_000_usize, len()).prop_map(|(size, len)| Step::Put { size, len }),
            (1..20_000_usize, len()).prop_map(|(size, len)| Step::Read { size, len }),
            Just(Step::Release),
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
            steps in proptest::collection::vec(step(), 1..60),
        ) {
            let mut input = ReceiveBuf::new();
            let mut waiting = Vec::new();
            let mut arrived = 0_u64;
            let mut fresh = |len: usize| -> Vec<u8> {
                let from = arrived;
                arrived += len as u64;
                (from..arrived).map(|at| (at % 251) as u8).collect()
            };
            let mut kept: Vec<(Bytes, Vec<u8>)> = Vec::new();
            for step in steps {
                match step {
                    Step::Append(len) => {
                        let bytes = fresh(len);
                        input.extend_from_slice(&bytes);
                        waiting.extend(bytes);
                    }
                    Step::Consume(len) => {
                        input.consume(len);
                        waiting.drain(..len.min(waiting.len()));
                    }
                    Step::Expect(missing) => input.expect(missing),
                    Step::Put { size, len } => {
                        input.prepare(size);
                        prop_assert!(input.chunk_mut().len() > 0);
                        let bytes = fresh(len);
                        input.put_slice(&bytes);
                        waiting.extend(bytes);
                    }
                    Step::Read { size, len } => {
                        let spare = input.spare_mut(size);
                        prop_assert!(!spare.is_empty());
                        let bytes = fresh(len.min(spare.len()));
                        spare[..bytes.len()].copy_from_slice(&bytes);
                        input.commit(bytes.len());
                        waiting.extend(bytes);
                    }
                    Step::Release => input.release(),
                    // A frame: a header and a payload.
                    Step::Take { from, len, keeps } if from + len <= waiting.len() => {
                        let start = input.start() + from;
                        input.consume(from + len);
                        let taken = input.take(start..start + len);
                        let bytes: Vec<u8> = waiting.drain(..from + len).skip(from).collect();
                        prop_assert_eq!(&taken, &bytes);
                        if keeps {
                            kept.push((taken, bytes));
                        }
                    }
                    Step::Take { .. } => {}
                }
                prop_assert_eq!(input.as_slice(), &waiting[..]);
                prop_assert!(input.initialised <= input.storage.capacity());
            }
            // Nothing has been written to what was taken.
            for (taken, bytes) in kept {
                prop_assert_eq!(taken, bytes);
            }
        }
    }
}
