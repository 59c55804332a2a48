//! Buffers that nobody uses, on their way from one connection to the next; knows no connection.

use core::fmt;

use bytes::BytesMut;

use super::TransmitBuf;

/// Unused memory, kept for the next connection that needs it: a buffer for input and one for output,
/// and what the last large message lay in.
///
/// A connection that waits holds no buffers. Where many connections take turns, each would allocate
/// its buffers at the beginning of a turn and free them at the end. With spare buffers for each thread,
/// they take turns with the same ones:
///
/// ```
/// use sanswire::{Config, Connection, SpareBuffers};
///
/// fn turn(connection: &mut Connection, spare: &mut SpareBuffers) {
///     connection.reuse_memory(spare);
///     // Read, poll events and write, until there is nothing to do.
///     connection.release_memory_to(spare);
/// }
///
/// let mut spare = SpareBuffers::default();
/// for connection in &mut [(); 10].map(|()| Connection::server(&Config::default())) {
///     turn(connection, &mut spare);
/// }
/// ```
///
/// It starts empty, and never holds more than 1.3 MiB: 128 KiB for each of the two, 1 MiB for a large
/// message once one was received, and a few KiB of bookkeeping. A connection that needs more
/// allocates it and frees it.
///
/// No connection sees what another one has received or sent. Only memory that counts as
/// uninitialised is handed over, so [`Input::spare_mut`](crate::Input::spare_mut) fills it
/// with zeros first.
#[derive(Default)]
pub struct SpareBuffers {
    pub(crate) input: SpareInput,
    /// Empty.
    pub(crate) output: TransmitBuf,
}

impl fmt::Debug for SpareBuffers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpareBuffers").finish_non_exhaustive()
    }
}

/// Memory to read into; all of it empty, and no message lies in its allocations.
#[derive(Default)]
pub(crate) struct SpareInput {
    pub(super) usual: BytesMut,
    /// What the last large message lay in.
    pub(super) large: BytesMut,
}

impl SpareInput {
    /// Returns the memory for who needs `len` bytes at once, as far as that is known. It may be too
    /// small.
    pub(super) fn room_for(&mut self, len: usize) -> &mut BytesMut {
        // Not what is much too large: a message would be copied out of it.
        let is_apt = |room: usize| len <= room && room / 2 <= len;
        if len > self.usual.capacity() && is_apt(self.large.capacity()) {
            &mut self.large
        } else {
            &mut self.usual
        }
    }

    /// Keeps memory, or frees it if it is too large, or of the usual size and smaller than what is
    /// here.
    pub(super) fn keep(&mut self, memory: BytesMut) {
        let room = memory.capacity();
        if room > KEEP_AT_MOST && room <= KEEP_LARGE_AT_MOST {
            self.large = memory;
        } else if room <= KEEP_AT_MOST && room >= self.usual.capacity() {
            self.usual = memory;
        }
    }
}

/// The largest buffer that is kept: more than is read at once, and than answers to that take.
pub(super) const KEEP_AT_MOST: usize = 128 << 10;

/// The largest that is kept for large messages: a little more than is allocated for another one.
const KEEP_LARGE_AT_MOST: usize = (1 << 20) + 1024;

/// A buffer is given up for what is so many times smaller than itself.
pub(super) const MUCH_LESS: usize = 8;

/// What is not held for a little that waits, once nothing more comes.
pub(super) const MUCH: usize = 32 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_kept_as_the_usual_or_as_the_large_by_its_size() {
        let mut spare = SpareInput::default();
        for (room, usual, large) in [
            (1_000, 1_000, 0),
            (999, 1_000, 0),
            (KEEP_AT_MOST, KEEP_AT_MOST, 0),
            (KEEP_AT_MOST + 1, KEEP_AT_MOST, KEEP_AT_MOST + 1),
            ((1 << 20) + 1_024, KEEP_AT_MOST, (1 << 20) + 1_024),
            ((1 << 20) + 1_025, KEEP_AT_MOST, (1 << 20) + 1_024),
            (200_000, KEEP_AT_MOST, 200_000),
        ] {
            spare.keep(BytesMut::with_capacity(room));
            assert_eq!((spare.usual.capacity(), spare.large.capacity()), (usual, large), "{room}");
        }
    }

    #[test]
    fn large_memory_is_for_what_fills_half_of_it_and_needs_it() {
        for (usual, len, is_large) in [
            (1_000, 99_999, false),
            (1_000, 100_000, true),
            (100_000, 100_000, false),
            (100_000, 100_001, true),
            (100_000, 200_000, true),
            (100_000, 200_001, false),
        ] {
            let mut spare = SpareInput::default();
            spare.keep(BytesMut::with_capacity(usual));
            spare.keep(BytesMut::with_capacity(200_000));
            let room = if is_large { 200_000 } else { usual };
            assert_eq!(spare.room_for(len).capacity(), room, "{len} beside {usual}");
        }
    }
}
