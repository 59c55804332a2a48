//! How a transport's bytes get into a machine that owns them; knows no protocol.

use core::fmt;

use bytes::buf::UninitSlice;
use bytes::{BufMut, BytesMut};

use super::ReceiveBuf;

/// The receive buffer of a [`Connection`](crate::Connection), a driver, a handshake or a decoder. The
/// caller appends the bytes that the peer sent.
///
/// There are three ways to append. None of them fills memory with zeros before each read.
///
/// - [`extend_from_slice`](Self::extend_from_slice) copies bytes that are elsewhere.
/// - [`spare_mut`](Self::spare_mut) and [`commit`](Self::commit) suit `std::io::Read`.
/// - `bytes::BufMut`, after [`prepare`](Self::prepare), suits readers that write into uninitialised
///   memory, such as `tokio::io::AsyncReadExt::read_buf`.
///
/// The size of the spare memory follows the frame that is arriving, so that a large frame is read to
/// its final place and not moved.
///
/// ```
/// use sanswire::{Config, Connection};
///
/// let mut connection = Connection::server(&Config::default());
/// connection.input().extend_from_slice(b"\x81\x85\0\0\0\0Hello");
/// assert_eq!(connection.input().len(), 11);
/// ```
pub struct Input<'a> {
    buf: &'a mut ReceiveBuf,
    /// How much room [`Self::spare_mut`] makes.
    size: usize,
    /// Whether that room was made, and nothing was appended since.
    is_prepared: bool,
}

impl<'a> Input<'a> {
    #[inline]
    pub(crate) const fn new(buf: &'a mut ReceiveBuf) -> Self {
        Self { buf, size: READ_SIZE, is_prepared: false }
    }

    /// As [`new`](Self::new), [prepared](Self::prepare) for a read of `size` bytes.
    #[inline]
    pub(crate) fn prepared(buf: &'a mut ReceiveBuf, size: usize) -> Self {
        buf.prepare(size);
        Self { buf, size, is_prepared: true }
    }

    /// Appends a copy of `bytes`.
    #[inline]
    pub fn extend_from_slice(&mut self, bytes: &[u8]) {
        self.is_prepared = false;
        self.buf.extend_from_slice(bytes);
    }

    /// Reserves room for a read of up to `size` bytes.
    ///
    /// It may reserve another amount:
    ///
    /// - While bytes wait to be processed, at least `size / 4`.
    /// - While a frame is arriving that was made room for, or a large one, only the missing rest of
    ///   it and one header.
    /// - After a large message, enough for another one like it.
    ///
    /// A length that a header announces reserves no more than has arrived so far, or than the last
    /// message of this peer needed.
    #[inline]
    pub fn prepare(&mut self, size: usize) {
        self.size = size;
        self.is_prepared = true;
        self.buf.prepare(size);
    }

    /// Returns initialised memory to read into. Then call [`commit`](Self::commit) with the number of
    /// bytes read.
    ///
    /// Its length is what was [prepared](Self::prepare), or 16 KiB. At most 128 KiB of it is memory
    /// that was not used before, because such memory is filled with zeros first. It is empty only if
    /// 0 bytes were prepared.
    #[inline]
    pub fn spare_mut(&mut self) -> &mut [u8] {
        if self.is_prepared {
            self.buf.prepared_mut(self.size)
        } else {
            self.buf.spare_mut(self.size)
        }
    }

    /// Appends the first `len` bytes of the slice that [`spare_mut`](Self::spare_mut) returned last.
    ///
    /// # Panics
    ///
    /// If `len` is greater than the length of that slice.
    #[inline]
    pub fn commit(&mut self, len: usize) {
        self.is_prepared = false;
        self.buf.commit(len);
    }

    /// Splits off what was prepared, to be filled by somebody who owns it meanwhile.
    pub(crate) fn split_spare(&mut self) -> BytesMut {
        self.buf.split_spare()
    }

    /// Appends what was read in memory that was split off, or in any other.
    pub(crate) fn append(&mut self, memory: BytesMut) {
        self.buf.append(memory);
    }

    /// Returns how many bytes wait to be processed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.buf.len()
    }

    /// Returns whether no bytes wait to be processed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buf.is_empty()
    }
}

#[expect(unsafe_code, reason = "BufMut, for reads without a zero-fill, is an unsafe trait")]
// SAFETY: every method is that of the buffer, which keeps the trait's promises itself.
unsafe impl BufMut for Input<'_> {
    #[inline]
    fn remaining_mut(&self) -> usize {
        self.buf.remaining_mut()
    }

    #[inline]
    unsafe fn advance_mut(&mut self, len: usize) {
        self.is_prepared = false;
        // SAFETY: the caller wrote `len` bytes to what chunk_mut lent, as the trait demands.
        unsafe { self.buf.advance_mut(len) }
    }

    #[inline]
    fn chunk_mut(&mut self) -> &mut UninitSlice {
        self.buf.chunk_mut()
    }
}

impl fmt::Debug for Input<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Input").field("len", &self.len()).finish_non_exhaustive()
    }
}

/// Room for one read: large enough that the system call costs little for each byte, small enough
/// that what was read is still in the cache when it is parsed.
pub(crate) const READ_SIZE: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_stands_behind_what_was_read() {
        let mut buf = ReceiveBuf::new();
        let mut input = Input::prepared(&mut buf, 10);
        input.spare_mut()[..4].copy_from_slice(b"one ");
        input.commit(4);
        input.put_slice(b"two ");
        input.spare_mut()[..5].copy_from_slice(b"three");
        input.commit(5);
        assert_eq!(buf.unread(), b"one two three");
    }
}
