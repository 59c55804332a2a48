//! Bytes that came from the peer and are not consumed yet; knows neither transport nor protocol.

use core::fmt;
use core::mem::MaybeUninit;
use core::ops::Range;

use bytes::buf::UninitSlice;
use bytes::{BufMut, Bytes, BytesMut};

/// The bytes received from a peer and not consumed yet.
///
/// A driver owns one for each connection, appends what it reads, and hands it to a state machine,
/// which consumes from the front. From outside it is append-only: nobody can touch bytes that are
/// half processed. Three ways to append, none of which zero-fills before each read:
///
/// - [`BufMut`], for readers that write into uninitialised memory (`tokio::io::AsyncReadExt::read_buf`),
/// - [`spare_mut`](Self::spare_mut) and [`commit`](Self::commit), for `std::io::Read`,
/// - [`extend_from_slice`](Self::extend_from_slice), for bytes that lie elsewhere.
///
/// An empty `ReceiveBuf` holds no heap memory until something is reserved, and gives back what it
/// holds by [`release`](Self::release).
///
/// ```
/// use sanswire::ReceiveBuf;
///
/// let mut input = ReceiveBuf::new();
/// input.extend_from_slice(b"\x81\x05Hello");
/// assert_eq!(input.len(), 7);
/// ```
#[derive(Default)]
pub struct ReceiveBuf {
    /// Everything received; what lies before `start` is consumed.
    storage: BytesMut,
    /// start <= storage.len()
    start: usize,
    /// Bytes of the allocation, counted from where `storage` begins, that were written at least
    /// once; 0 when nothing is known. initialised <= storage.capacity()
    initialised: usize,
    /// The size of the allocation that `storage` is what is left of.
    allocation: usize,
    /// Bytes appended since the buffer was made.
    received: u64,
}

impl ReceiveBuf {
    /// Creates an empty buffer that holds no memory.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates an empty buffer with room for `capacity` bytes.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        let storage = BytesMut::with_capacity(capacity);
        Self { allocation: storage.capacity(), storage, ..Self::default() }
    }

    /// Appends a copy of `bytes`.
    pub fn extend_from_slice(&mut self, bytes: &[u8]) {
        self.reserve(bytes.len());
        self.storage.extend_from_slice(bytes);
        self.received += bytes.len() as u64;
    }

    /// Makes room for at least `additional` bytes behind those that are there.
    ///
    /// Consumed bytes are reclaimed first; the allocation grows only when that is not enough.
    pub fn reserve(&mut self, additional: usize) {
        if self.start == self.storage.len() {
            self.storage.clear();
            self.start = 0;
        }
        if self.storage.capacity() - self.storage.len() >= additional {
            return;
        }
        if self.start > 0 {
            self.storage.copy_within(self.start.., 0);
            self.storage.truncate(self.storage.len() - self.start);
            self.start = 0;
        }
        if self.storage.capacity() - self.storage.len() < additional {
            self.storage.reserve(additional);
            self.initialised = 0;
            self.allocation = self.storage.capacity();
        }
    }

    /// Returns at least `at_least` bytes of initialised memory to read into.
    ///
    /// Memory is zeroed once, when it is first lent, not before each read. What was read becomes
    /// part of the buffer by [`commit`](Self::commit).
    #[expect(
        unsafe_code,
        reason = "std::io::Read wants initialised memory; zeroing it for each \
                                    read doubles the cost of bulk transfers"
    )]
    pub fn spare_mut(&mut self, at_least: usize) -> &mut [u8] {
        self.reserve(at_least);
        let filled = self.storage.len();
        let known = self.initialised.saturating_sub(filled);
        let spare = self.storage.spare_capacity_mut();
        if let Some(fresh) = spare.get_mut(known..) {
            fresh.fill(MaybeUninit::new(0));
        }
        self.initialised = filled + spare.len();
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
    pub fn commit(&mut self, len: usize) {
        // Without a sum that could overflow.
        let lent = self.initialised.saturating_sub(self.storage.len());
        assert!(len <= lent, "more bytes committed than were lent");
        let filled = self.storage.len() + len;
        // SAFETY: filled <= initialised <= capacity unless `len` is 0, and all bytes before
        // `initialised` were written.
        unsafe { self.storage.set_len(filled) }
        self.received += len as u64;
    }

    /// Gives the memory back if the buffer is empty.
    pub fn release(&mut self) {
        if self.is_empty() {
            *self = Self { received: self.received, ..Self::new() };
        }
    }

    /// Returns how many bytes wait to be consumed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.storage.len() - self.start
    }

    /// Returns whether nothing waits to be consumed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the bytes that wait to be consumed.
    ///
    /// The beginning of a payload that is not whole yet may be unmasked already.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        self.storage.get(self.start..).unwrap_or_default()
    }

    /// Returns what was not consumed, without a copy.
    ///
    /// After an upgrade to another protocol, or when a driver is taken apart, these are the bytes
    /// that came behind the last message.
    #[must_use]
    pub fn into_bytes(mut self) -> Bytes {
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

    /// As [`as_slice`](Self::as_slice), to be changed in place. Never `None`: a branch that is
    /// foreseen costs less than a choice between two slices.
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
        self.storage.get_mut(range).unwrap_or_default()
    }

    /// Consumes `len` bytes, or all there are.
    #[inline]
    pub(crate) fn consume(&mut self, len: usize) {
        self.start = self.storage.len().min(self.start + len);
    }

    /// As [`consume`](Self::consume), for a `len` that is known to be there.
    #[inline]
    pub(crate) fn consume_some(&mut self, len: usize) {
        self.start += len;
        debug_assert!(self.start <= self.storage.len());
    }

    /// Consumes everything.
    pub(crate) fn clear(&mut self) {
        self.start = self.storage.len();
    }

    /// Takes a consumed range out: without a copy where it is a good part of the allocation, as
    /// a copy where it would pin a much larger one.
    pub(crate) fn take(&mut self, range: Range<usize>) -> Bytes {
        if range.len() < COPY_BELOW || range.len() < self.allocation / MOST_PINNED {
            return Bytes::copy_from_slice(self.range(range));
        }
        let end = range.end.min(self.start);
        let taken = self.storage.split_to(end).freeze();
        self.start -= end;
        self.initialised = 0;
        taken.slice(range.start..end)
    }
}

#[expect(
    unsafe_code,
    reason = "the kernel writes into spare capacity without a zero-fill; \
                                BufMut can only be implemented by an unsafe impl"
)]
// SAFETY: every method is BytesMut's own; `start` and `initialised` stay within their bounds when
// bytes are appended.
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
        if self.storage.capacity() == self.storage.len() {
            self.reserve(GROW_BY);
        }
        self.storage.chunk_mut()
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

/// What a reader that asks for memory without reserving any gets.
const GROW_BY: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

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
}
